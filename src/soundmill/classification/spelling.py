"""One class, one spelling: typing variants of labels are merged, likely typing errors reported."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations

_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s\-_./]+(?=\d)")
_BETWEEN = re.compile(r"(?<=\w)[\s\-_./'’‐‑–]+(?=\w)")
_AND = re.compile(r"\s*&\s*")
NEAR_LENGTH = 4
"""Shorter labels that differ in one letter are words of their own: cat, bat."""


def spelling_key(label: str) -> str:
    """Return what variants of one label have in common: ``Hip-Hop``, ``hip hop``, ``HIPHOP``.

    Case, accents' encoding, outer spaces and spaces, hyphens, underscores, dots, slashes and
    apostrophes between letters do not count, ``&`` is ``and``. What may make another class
    stays: numbers (``-1``, ``1.5``, ``take 1 2``), one-letter labels (``C`` is not ``c``: keys)
    and other signs (``C#``).
    """
    text = unicodedata.normalize("NFKC", label).strip()
    if len(text) <= 1 or _is_number(text):
        return text
    text = _BETWEEN_DIGITS.sub("\0", _AND.sub(" and ", text.casefold()))
    return _BETWEEN.sub("", text)


def merge_spellings(
    counts: Mapping[str, int], aliases: Mapping[str, str], merge: bool
) -> dict[str, str]:
    """Return the class of every spelling.

    Parameters
    ----------
    counts : how often each spelling occurs; outer spaces already cut.
    aliases : spelling to class, before anything else; with ``merge`` for its variants too.
    merge : whether spellings with one `spelling_key` become one class: the one an alias gives,
        else the commonest spelling, of equally common ones the first in alphabetical order.
    """
    named = dict(aliases)
    if merge:
        named = {spelling_key(spelling): name for spelling, name in aliases.items()}
    classes = {
        spelling: named.get(spelling_key(spelling) if merge else spelling, spelling)
        for spelling in counts
    }
    if not merge:
        return classes
    declared = {spelling_key(name): name for name in sorted(aliases.values(), reverse=True)}
    totals: Counter[str] = Counter()
    for spelling, name in classes.items():
        totals[name] += counts[spelling]
    variants: dict[str, list[str]] = defaultdict(list)
    for name in totals:
        variants[spelling_key(name)].append(name)
    chosen = {
        key: declared.get(key) or min(names, key=lambda name: (-totals[name], name))
        for key, names in variants.items()
    }
    return {spelling: chosen[spelling_key(name)] for spelling, name in classes.items()}


def near_misses(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return pairs of classes (rarer, commoner) that one typing error would make of each other.

    One letter too many, too few, wrong or swapped, in labels of `NEAR_LENGTH` letters or more,
    where one is at most half as common as the other; labels that differ in a digit do not count.
    """
    keys = {name: spelling_key(name) for name in counts}
    by_length: dict[int, list[str]] = defaultdict(list)
    for name in sorted(counts):
        by_length[len(keys[name])].append(name)
    found = []
    for length, names in by_length.items():
        longer = [(a, b) for a in names for b in by_length.get(length + 1, ())]
        for a, b in [*combinations(names, 2), *longer]:
            rare, common = sorted((a, b), key=lambda name: (counts[name], name))
            if 2 * counts[rare] <= counts[common] and _one_slip(keys[a], keys[b]):
                found.append((rare, common))
    return sorted(found)


def split_tags(cell: str, separator: str | None) -> list[str]:
    """Return the tags in a cell, outer spaces cut, empty ones and repetitions left out.

    Without a separator the whole cell is one.
    """
    tags = [cell] if separator is None else cell.split(separator)
    return list(dict.fromkeys(filter(None, (tag.strip() for tag in tags))))


def count_spellings(cells: Iterable[Iterable[str]]) -> Counter[str]:
    """Count the spellings of all labels."""
    return Counter(spelling for cell in cells for spelling in cell)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _one_slip(a: str, b: str) -> bool:
    """Whether two keys are one insertion, deletion, substitution or swap apart."""
    if max(len(a), len(b)) < NEAR_LENGTH or re.findall(r"\d+", a) != re.findall(r"\d+", b):
        return False
    a, b = sorted((a, b), key=len)
    start = next(
        (i for i, pair in enumerate(zip(a, b, strict=False)) if len(set(pair)) > 1), len(a)
    )
    rest_a, rest_b = a[start:], b[start:]
    if len(a) < len(b):
        return len(b) - len(a) == 1 and rest_a == rest_b[1:]
    swapped = rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:]
    return a != b and (rest_a[1:] == rest_b[1:] or swapped)

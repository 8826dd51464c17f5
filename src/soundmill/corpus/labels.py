"""Labels: from a CSV, from the folders a recording lies in, or from its file name."""

import difflib
import os
import re
import string
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from soundmill.corpus.decode_options import MANIFEST_COLUMNS
from soundmill.corpus.listing import source_folders
from soundmill.corpus.names import audio_suffix, without_suffix
from soundmill.corpus.options import SKIP, LabelOptions, pattern_fields
from soundmill.corpus.remote import is_remote
from soundmill.errors import InputError
from soundmill.log import logger
from soundmill.spreadsheets import read_csv
from soundmill.status import Row

Labels = dict[str, Row]
"""Label columns by the source of the recording."""


class Recording(NamedTuple):
    """What labels are looked up by."""

    id: str
    source: str
    relative: str
    """Path relative to its source folder."""


def make_labels(
    rows: Sequence[Row], options: LabelOptions, source: str | Sequence[str]
) -> tuple[Labels, list[str]]:
    """Return the labels of each recording and the label columns, in the order of the options.

    Parameters
    ----------
    rows : manifest rows with ``id`` and ``source``; rows without id get no label.
    options : where labels come from; columns of two ways must not have one name.
    source : the configured folder or folders, to which paths are relative.

    Raises
    ------
    InputError
        When nothing matches, or labels contradict each other.
    """
    folders = source_folders(source)
    recordings = [
        Recording(row["id"], row["source"], relative_to_source(row["source"], folders))
        for row in rows
        if row["id"]
    ]
    parts: list[tuple[Labels, list[str]]] = []
    if options.csv:
        path = find_csv(options.csv, folders)
        parts.append(labels_from_csv(path, options.key, recordings))
    if options.folders:
        parts.append(labels_from_folders(options.folders, recordings))
    if options.pattern:
        parts.append(labels_from_pattern(options.pattern, recordings))
    columns = [column for _, names in parts for column in names]
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise InputError(f"labels: {twice[0]!r} comes from two places; rename one of them")
    empty = dict.fromkeys(columns, "")
    merged = {recording.source: dict(empty) for recording in recordings}
    for labels, _ in parts:
        for name, found in labels.items():
            merged[name].update(found)
    return merged, columns


def relative_to_source(source: str, folders: Sequence[str]) -> str:
    """Return a recording's path relative to the configured folder it lies in."""
    inside = [folder for folder in folders if source.startswith(folder.rstrip("/") + "/")]
    return source[len(max(inside, key=len).rstrip("/")) + 1 :] if inside else source


def find_csv(name: str, source: str | Sequence[str]) -> Path:
    """Return the path of a label CSV: from the working folder, else from a source folder.

    Raises
    ------
    InputError
        When it is in none of them.
    """
    folders = [folder for folder in source_folders(source) if not is_remote(folder)]
    places = [Path(name).expanduser(), *(Path(folder, name) for folder in folders)]
    for path in places:
        if path.is_file():
            return path
    near = [
        str(item)
        for folder in dict.fromkeys(path.parent for path in places)
        if folder.is_dir()
        for item in sorted(folder.glob("*.csv"))
    ]
    hint = f"; there is {near[0]!r}" if near else ""
    looked = " and ".join(repr(str(path.parent)) for path in places)
    raise InputError(f"labels.csv: {name!r} is not found in {looked}{hint}")


def labels_from_folders(
    levels: bool | Sequence[str], recordings: Iterable[Recording]
) -> tuple[Labels, list[str]]:
    """Label recordings with the folders they lie in.

    ``True`` gives one column, ``folder``, with the whole path of the folder in the source. A
    list names the levels from the outermost; deeper ones do not count, missing ones are empty.
    """
    names = ["folder"] if isinstance(levels, bool) else list(levels)
    labels: Labels = {}
    for recording in recordings:
        parts = recording.relative.split("/")[:-1]
        found = ["/".join(parts)] if isinstance(levels, bool) else parts
        labels[recording.source] = {
            name: value for name, value in zip(names, found, strict=False) if name != SKIP
        }
    bare = sum(not any(found.values()) for found in labels.values())
    if labels and bare == len(labels):
        raise InputError(
            "labels.folders: no recording lies in a sub-folder of its source, so none has a label"
        )
    _warn_missing("labels.folders", bare, len(labels), "lie in no sub-folder")
    return labels, [name for name in names if name != SKIP]


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Turn ``{digit}_{speaker}`` into a regular expression over a name without extension.

    A field takes as little as it can, the last one the rest; ``{name:d}`` takes digits only, a
    repeated field must repeat its value, ``{_}`` is not kept, ``{{`` stands for a brace.
    """
    expression = ""
    seen: set[str] = set()
    for text, name, kind, _ in string.Formatter().parse(pattern):
        expression += re.escape(text)
        if name is None:
            continue
        body = r"\d+" if kind == "d" else "[^/]+?"
        if name in seen:
            expression += f"(?P={name})"
        else:
            expression += body if name == SKIP else f"(?P<{name}>{body})"
            seen.update({name} - {SKIP})
    return re.compile(expression, re.DOTALL)


def labels_from_pattern(pattern: str, recordings: Iterable[Recording]) -> tuple[Labels, list[str]]:
    """Read labels out of file names; a pattern with ``/`` reads folders too, from the right."""
    expression = compile_pattern(pattern)
    depth = pattern.count("/") + 1
    columns = [name for name in dict.fromkeys(pattern_fields(pattern)) if name != SKIP]
    labels: Labels = {}
    missing: list[str] = []
    for recording in recordings:
        name = "/".join(without_suffix(recording.relative).split("/")[-depth:])
        match = expression.fullmatch(_composed(name))
        labels[recording.source] = match.groupdict() if match else {}
        if not match:
            missing.append(name)
    if labels and len(missing) == len(labels):
        raise InputError(
            f"labels.pattern: {pattern!r} fits none of {len(labels)} names, such as {missing[0]!r}"
        )
    example = f", such as {missing[0]!r}" if missing else ""
    _warn_missing("labels.pattern", len(missing), len(labels), f"do not fit {pattern!r}{example}")
    return labels, columns


def labels_from_csv(
    path: str | os.PathLike[str], key: str, recordings: Sequence[Recording]
) -> tuple[Labels, list[str]]:
    """Read labels from a CSV file with a header.

    The key column holds a recording's path (as in the manifest, or relative to its source), its
    file name, its name without extension, or its id. Rows of unknown recordings are counted in a
    warning; columns named like the manifest's get ``label_`` before their name.

    Raises
    ------
    InputError
        For no header, a wrong key column, a key that fits several recordings or labels one
        differently twice, or when no row fits.
    """
    header, rows = read_csv(path, "labels.csv")
    find = _finder(recordings)
    if key not in header:
        raise InputError(_wrong_key(path, key, header, find))
    at = header.index(key)
    columns = {
        number: f"label_{name}" if name in MANIFEST_COLUMNS else name
        for number, name in enumerate(header)
        if number != at and name
    }
    labels: Labels = {}
    lines: dict[str, int] = {}
    unknown: list[str] = []
    for line, cells in rows:
        found = find(cells[at])
        if len(found) > 1:
            raise InputError(
                f"{path}, line {line}: {cells[at]!r} fits {found[0].relative!r} and "
                f"{found[1].relative!r}; write the path relative to the source"
            )
        if not found:
            unknown.append(cells[at])
            continue
        recording, values = found[0].source, {columns[n]: cells[n].strip() for n in columns}
        if labels.get(recording, values) != values:
            raise InputError(
                f"{path}, lines {lines[recording]} and {line}: {cells[at]!r} is labelled twice, "
                "and differently; keep one of them"
            )
        labels[recording], lines[recording] = values, line
    if unknown and not labels:
        example = recordings[0].relative if recordings else "none"
        raise InputError(
            f"{path}: none of its {len(unknown)} rows names a recording; column {key!r} holds "
            f"{unknown[0]!r}, while recordings are named like {example!r}"
        )
    if unknown:
        shown = ", ".join(map(repr, unknown[:3]))
        logger.warning("%s: %d rows name no recording: %s", path, len(unknown), shown)
    _warn_missing(str(path), len(recordings) - len(labels), len(recordings), "have no row")
    return labels, list(columns.values())


def _finder(recordings: Iterable[Recording]) -> Callable[[str], list[Recording]]:
    """Return a look-up of recordings by source, relative path, id, file name or stem."""
    tables: list[dict[str, list[Recording]]] = [defaultdict(list) for _ in range(5)]
    for item in recordings:
        file_name = item.relative.rpartition("/")[2]
        stem = without_suffix(file_name)
        for table, name in zip(
            tables, (item.source, item.relative, item.id, file_name, stem), strict=True
        ):
            table[_composed(name)].append(item)

    def find(text: str) -> list[Recording]:
        for exact in (text, text.strip()):  # a file name may begin with a space
            name = _composed(exact.replace("\\", "/")).removeprefix("./")
            for table in tables:
                if name in table:
                    return table[name]
        # data sets often list .wav where they give .flac or .mp3
        return tables[4].get(without_suffix(name), []) if audio_suffix(name) else []

    return find


def _wrong_key(
    path: str | os.PathLike[str],
    key: str,
    header: Sequence[str],
    find: Callable[[str], list[Recording]],
) -> str:
    if any(find(name) for name in header):
        return (
            f"{path} has no header: its first line names a recording ({', '.join(header)}). "
            f"Put a line such as '{key},label' first."
        )
    close = difflib.get_close_matches(key, header, 1, 0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{path}: labels.key: there is no column {key!r} in ({', '.join(header)}){hint}"


def _composed(text: str) -> str:
    """Make names comparable: some systems store ``é`` as one character, others as two."""
    return unicodedata.normalize("NFC", text)


def _warn_missing(place: str, missing: int, total: int, what: str) -> None:
    if missing:
        logger.warning("%s: %d of %d recordings %s: no label", place, missing, total, what)

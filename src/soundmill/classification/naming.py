"""How lists and templates name recordings, and which recording they mean."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

from soundmill.corpus.names import without_suffix
from soundmill.errors import InputError
from soundmill.status import Row

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def title_of(source: str) -> str:
    """Return the title of a recording: its file name without audio extension."""
    return without_suffix(source.rpartition("/")[2])


def numbers_first(text: str) -> tuple[int, float, str]:
    """Return a sorting key: numbers in their order, before words."""
    if _NUMBER.fullmatch(text):
        return (0, float(text), text)
    return (1, 0.0, text)


class Finder:
    """Looks recordings up by path, part of a path, file name, title or id.

    Extensions need not agree, since lists often say ``.wav`` where files are ``.au`` or ``.mp3``;
    where several files fit, the one whose name and folders agree furthest is meant.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._titles: dict[str, list[int]] = defaultdict(list)
        self._ids: dict[str, int] = {}
        for number, row in enumerate(rows):
            self._titles[_composed(title_of(row["source"]))].append(number)
            self._ids.setdefault(row["id"], number)

    def find(self, name: str, place: str) -> int | None:
        """Return the row number of the recording that ``name`` means, None if there is none.

        Raises
        ------
        InputError
            When two recordings fit equally well; ``place`` says where the name stands.
        """
        path = _composed(name.strip().replace("\\", "/")).removeprefix("./")
        candidates = self._titles.get(title_of(path)) or self._titles.get(path.rpartition("/")[2])
        if not candidates:
            return self._ids.get(path)
        scores = [self._agreement(path, number) for number in candidates]
        best = max(scores)
        fitting = [n for n, score in zip(candidates, scores, strict=True) if score == best]
        if len(fitting) > 1:
            first, second = (self._rows[number]["source"] for number in fitting[:2])
            raise InputError(
                f"{place}: {name!r} fits {first!r} and {second!r}; write more of the path, or "
                "rename one of the files"
            )
        return fitting[0]

    def _agreement(self, path: str, number: int) -> tuple[int, bool]:
        """Return how many folders agree from the right, and whether the extension does."""
        wanted = path.split("/")
        own = _composed(self._rows[number]["source"]).split("/")
        folders = 0
        for a, b in zip(wanted[-2::-1], own[-2::-1], strict=False):
            if a != b:
                break
            folders += 1
        return folders, wanted[-1] == own[-1]


def _composed(text: str) -> str:
    """Make names comparable: some systems store ``é`` as one character, others as two."""
    return unicodedata.normalize("NFC", text)

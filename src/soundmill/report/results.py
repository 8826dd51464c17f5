"""Readers of result files: measured figures, manifests, lists of pieces."""

import csv
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from soundmill.corpus.decode_options import MANIFEST_COLUMNS
from soundmill.status import IGNORED, OK, REJECTED, Row, read_table


@dataclass(frozen=True)
class Measure:
    """A measured figure with its 95 % interval and the number of items it was measured on."""

    value: float | None
    low: float | None = None
    high: float | None = None
    items: int | None = None

    def __str__(self) -> str:
        """Return ``0.830 [0.790, 0.870]``, or a dash when nothing was measured."""
        return self.brief(3)

    def brief(self, digits: int) -> str:
        """Return value and interval with ``digits`` decimals."""
        if self.value is None:
            return "–"
        if self.low is None or self.high is None:
            return f"{self.value:.{digits}f}"
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def read_measure(entry: Any) -> Measure:
    """Read ``{"value", "interval", "items"}``, a plain number, or nothing."""
    if isinstance(entry, Mapping):
        low, high = entry.get("interval") or (None, None)
        return Measure(entry.get("value"), low, high, entry.get("items"))
    return Measure(entry if isinstance(entry, int | float) else None)


@dataclass(frozen=True)
class Corpus:
    """The rows of a manifest by what became of them, and the seconds of those accepted."""

    rows: list[Row]

    @property
    def accepted(self) -> list[Row]:
        """Rows with status ok."""
        return [row for row in self.rows if row["status"] == OK]

    @property
    def rejected(self) -> list[Row]:
        """Rows with status rejected."""
        return [row for row in self.rows if row["status"] == REJECTED]

    @property
    def ignored(self) -> list[Row]:
        """Rows with status ignored."""
        return [row for row in self.rows if row["status"] == IGNORED]

    @property
    def seconds(self) -> float:
        """Seconds of all accepted recordings together."""
        return sum(float(row["seconds"] or 0) for row in self.accepted)

    @property
    def labels(self) -> list[str]:
        """Names of the label columns."""
        columns = self.rows[0] if self.rows else {}
        return [name for name in columns if name not in MANIFEST_COLUMNS]


def split_folder(sources: Sequence[str]) -> tuple[str, list[str]]:
    """Return the folder all paths lie in, and each path from there."""
    paths = [source.split("/") for source in sources]  # as text: s3:// keeps both its slashes
    levels = zip(*(parts[:-1] for parts in paths), strict=False)
    common = [level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels)]
    folder = "/".join(common) or "/" * len(common)
    return folder, ["/".join(parts[len(common) :]) for parts in paths]


def read_corpus(manifest: str | os.PathLike[str]) -> Corpus:
    """Read a manifest, sorted by original name."""
    return Corpus(sorted(read_table(manifest), key=lambda row: row["source"]))


@dataclass(frozen=True)
class Piece:
    """A generated piece, or the primer of some, as ``pieces.csv`` lists it."""

    id: str
    kind: str
    primer: str
    recording: str
    """Identifier of the recording the primer is from, when it is one of the corpus."""
    source: str
    """Name of the file the primer is from, when the user gave one."""
    primer_seconds: float
    seconds: float
    notes: int

    @property
    def title(self) -> str:
        """The piece's name for people: ``New piece 1``, ``Primer 1``, ``Continuation 1a``."""
        kind = {"new": "New piece", "primer": "Primer", "continuation": "Continuation"}[self.kind]
        return f"{kind} {self.id.rsplit('-', 1)[-1].lstrip('0')}"


def read_pieces(path: str | os.PathLike[str]) -> list[Piece]:
    """Read ``pieces.csv`` in its order."""
    return [
        Piece(
            id=row["id"],
            kind=row["kind"],
            primer=row["primer"],
            recording=row["recording"],
            source=row["source"],
            primer_seconds=float(row["primer_seconds"] or 0),
            seconds=float(row["seconds"] or 0),
            notes=int(row["notes"] or 0),
        )
        for row in read_table(path)
    ]


def read_columns(
    path: str | os.PathLike[str], delimiter: str = ","
) -> dict[str, list[float | None]]:
    """Read a table of numbers by column; a cell that is no number is None."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=delimiter))
    names = list(rows[0]) if rows else []
    return {name: [_number(row[name]) for row in rows] for name in names}


def _number(cell: str | None) -> float | None:
    try:
        value = float(cell or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None

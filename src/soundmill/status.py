"""Status tables: what became of each recording, and when a corpus is too broken to go on."""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from soundmill.errors import InputError
from soundmill.files import atomic_path

OK, REJECTED, IGNORED = "ok", "rejected", "ignored"
Row = dict[str, str]


class _UnixLines:
    """Lets the csv module end lines with CR LF, so that it quotes both, and writes LF."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


def write_table(
    path: str | os.PathLike[str], rows: Iterable[Mapping[str, object]], columns: Sequence[str]
) -> None:
    """Write rows as CSV (UTF-8, header, one row a recording), atomically.

    File names that are not valid UTF-8 keep their bytes (``surrogateescape``), so that the way
    back to the original is never lost. ``None`` becomes an empty cell.
    """
    with atomic_path(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.DictWriter(_UnixLines(file), columns)
            writer.writeheader()
            writer.writerows(rows)


def read_table(path: str | os.PathLike[str]) -> list[Row]:
    """Read a CSV written by `write_table`; every cell is a string."""
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def check_rejected(rows: Sequence[Mapping[str, str]], max_rejected: float, table: Path) -> None:
    """Raise `InputError` when nothing is left or more than ``max_rejected`` was rejected.

    Parameters
    ----------
    rows : status rows with ``status`` and ``reason``; ignored files do not count.
    max_rejected : largest share of rejected recordings to go on with, 0 to 1.
    table : the file that lists them, named in the message.
    """
    judged = [row for row in rows if row["status"] != IGNORED]
    rejected = [row for row in judged if row["status"] == REJECTED]
    if judged and len(rejected) < len(judged) and len(rejected) <= max_rejected * len(judged):
        return
    if not judged:
        raise InputError(f"no recording was found: {table} lists none. Check 'source'.")
    first = rejected[0]
    raise InputError(
        f"{len(rejected)} of {len(judged)} recordings were rejected, more than "
        f"max_rejected: {max_rejected:g} allows; the first is {first['source']!r}: "
        f"{first['reason']}. All are listed in {table}. Repair or remove them, or raise "
        "max_rejected."
    )

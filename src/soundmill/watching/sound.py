"""How many recordings and hours of sound each job goes through, from the tables of results."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from soundmill.status import OK, REJECTED
from soundmill.watching.jobs import Job

DECODE = "decode_recordings"
"""The rule whose tables say how long each recording is."""
PIECES, MADE, PLAYED = "pieces.csv", "generated", "rendered"
"""The list of pieces of a model, the folder it lies in, and that of the same pieces as sound."""
PRIMER = "primer"
"""Pieces of this kind were not made but continued."""


@dataclass(frozen=True)
class Tally:
    """Rows of a table."""

    ok: int = 0
    rejected: int = 0
    seconds: float = 0.0
    """Of sound, of those that are ok."""


class Sound:
    """Finds the sound of jobs; a table is read once.

    Parameters
    ----------
    folder : working directory of the run.
    """

    def __init__(self, jobs: Iterable[Job], folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, Tally] = {}
        self._tables: dict[str, dict[str, Path]] = {}
        for job in jobs:
            # a workflow that imports this one may prefix the names of its rules
            if job.rule.endswith(DECODE):
                tables = self._tables.setdefault(job.wildcards["corpus"], {})
                tables[job.wildcards["bucket"]] = next(
                    folder / path for path in job.outputs if path.suffix == ".csv"
                )

    def seconds(self, job: Job) -> float | None:
        """Return the seconds of sound that a job goes through or makes.

        None where it goes through none, or that is not known yet: those of its bucket, of the
        demo recordings it makes, of the pieces it generates or renders.
        """
        pieces = [self._folder / path.with_name(MADE) / PIECES for path in job.outputs
                  if path.name in (MADE, PLAYED)]  # fmt: skip
        if pieces:
            return self._tally(pieces[0]).seconds or None if pieces[0].exists() else None
        buckets = self._tables.get(job.wildcards.get("corpus", ""), {})
        bucket = job.wildcards.get("bucket")
        if bucket is not None and bucket in buckets:
            wanted = [buckets[bucket]]
        elif any(path.name == "demo" for path in job.outputs):
            wanted = list(buckets.values())
        else:
            return None
        if not all(path.exists() for path in wanted):
            return None
        return sum(self._tally(path).seconds for path in wanted) or None

    def results(self, job: Job) -> Tally | None:
        """Return what became of the recordings of a job; None where it writes no such table."""
        for path in job.outputs:
            if path.suffix == ".csv" and (self._folder / path).exists():
                tally = self._tally(self._folder / path)
                if tally.ok or tally.rejected:
                    return tally
        return None

    def _tally(self, path: Path) -> Tally:
        if path not in self._read:
            self._read[path] = count_rows(path)
        return self._read[path]


def count_rows(path: Path) -> Tally:
    """Count the recordings or pieces of a table; a hundred thousand take a fraction of a second."""
    ok = rejected = 0
    seconds = 0.0
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        status = header.index("status") if "status" in header else None
        length = header.index("seconds") if "seconds" in header else None
        kind = header.index("kind") if "kind" in header else None
        for row in rows:
            if kind is not None and row[kind] == PRIMER:
                continue
            if status is not None:
                if row[status] == REJECTED:
                    rejected += 1
                    continue
                if row[status] != OK:
                    continue
                ok += 1
            if length is not None and row[length]:
                seconds += float(row[length])
    return Tally(ok, rejected, seconds)

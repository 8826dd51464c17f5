"""What the log of a job tells: where and when it began, what it asked for, how it ended."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

End = Literal["", "ended", "failed", "interrupted"]

LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ \w+ ([\w.]+): (.*)$", re.MULTILINE)
STARTED = "started: "
ENDED = re.compile(r"(ended|failed|interrupted) after [\d.]+ s(?:: (.*))?$")
LEFT = re.compile(r", (\d+) s left$")
HEAD, TAIL = 4096, 16384
"""Bytes looked at: logs of trainings are long, and there are many."""


@dataclass(frozen=True)
class JobLog:
    """A job's log, as `soundmill.log.job_log` writes it."""

    began: float
    """When the job began (seconds since 1970)."""
    spoke: float
    """When it wrote last."""
    facts: Mapping[str, str]
    """Of the first line: host, pid, slurm_job, queued_s, threads, mem_mb, runtime; any may lack."""
    end: End
    """How it ended; empty: not yet, or it was killed."""
    last: str
    """The last thing soundmill said after the first line; of a job that failed, why."""
    left: float | None
    """Seconds that were left when it wrote last, by its own progress; None where it tells none."""

    def number(self, fact: str) -> float | None:
        """Return a fact as a number, None where it is not known."""
        try:
            return float(self.facts[fact])
        except (KeyError, ValueError):
            return None

    def silent(self, now: float | None = None) -> float:
        """Return for how many seconds it has said nothing; clocks that differ count as 0."""
        return max(0.0, (time.time() if now is None else now) - self.spoke)


def read_job_log(path: str | os.PathLike[str]) -> JobLog | None:
    """Read the first and last lines of a log; None where there is none that a job has begun."""
    try:
        with open(path, "rb") as file:
            spoke = os.fstat(file.fileno()).st_mtime
            head = file.read(HEAD).decode("utf-8", "replace")
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            tail = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    first = LINE.search(head)
    if first is None:
        return None
    facts = {}
    if first[3].startswith(STARTED):
        facts = dict(pair.split("=", 1) for pair in first[3].split()[1:] if "=" in pair)
    lines = list(LINE.finditer(tail)) or [first]
    said = lines[-1][3]
    own = [line[3] for line in lines if line[2] == "soundmill" and not line[3].startswith(STARTED)]
    ended = ENDED.match(said)
    return JobLog(
        began=_time(first),
        spoke=spoke,
        facts=facts,
        end=_end(ended[1]) if ended else "",
        last=(ended[2] or said) if ended else own[-1] if own else "",
        left=_left(lines),
    )


def _time(line: re.Match[str]) -> float:
    """Return when a line was written."""
    return datetime.fromisoformat(line[1]).timestamp()


def _left(lines: list[re.Match[str]]) -> float | None:
    """Return the seconds left when the last line was written, by the last that told."""
    for line in reversed(lines):
        if told := LEFT.search(line[3]):
            left = float(told[1]) - (_time(lines[-1]) - _time(line))
            return left if left > 0 else None
    return None


def _end(word: str) -> End:
    """Return a word of the pattern as the type it is."""
    return "ended" if word == "ended" else "failed" if word == "failed" else "interrupted"


def log_of_benchmark(benchmark: Path, benchmarks: Path, logs: Path) -> Path:
    """Return the log of the job that wrote a benchmark: both folders mirror the rules."""
    return logs / benchmark.relative_to(benchmarks).with_suffix(".log")

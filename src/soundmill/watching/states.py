"""Is a job done, running, waiting or failed? Outputs, its log, its process and Slurm tell."""

import csv
import socket
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from soundmill.watching.job_logs import JobLog
from soundmill.watching.jobs import Job
from soundmill.watching.last_run import Run, process_lives
from soundmill.watching.main_log import Failure
from soundmill.watching.slurm import Queue

SILENT_SECONDS = 90.0
"""Silence worth a word: a log speaks every 20 s (`soundmill.heartbeat.HEARTBEAT_SECONDS`)."""
LOST_SECONDS = 300.0
"""Silence after which a job that nobody can be asked about counts as lost."""


class State(StrEnum):
    """Of a job."""

    DONE = "done"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True)
class Seen:
    """A job and what is seen of it."""

    job: Job
    state: State
    log: JobLog | None = None
    note: str = ""
    """Why it failed, or that it is suspiciously silent."""
    seconds: float | None = None
    """Of a job that is done: how long it took; of one that runs: since when."""
    queued: bool = False
    """Whether a job that waits does so in the queue of Slurm."""


def judge(
    job: Job, log: JobLog | None, folder: Path, run: Run | None, queue: Queue | None, now: float
) -> Seen:
    """Say what state a job is in.

    Parameters
    ----------
    log : of the job; not asked for when it need not run.
    folder : working directory of the run.
    run : the last run in the folder; logs from before it are history, unless the job still lives.
    queue : None where Slurm cannot be asked.
    now : seconds since 1970.
    """
    benchmark = folder / job.benchmark if job.benchmark else None
    if not job.needed:
        return Seen(job, State.DONE, seconds=benchmark_seconds(benchmark))
    current = log is not None and (run is None or log.began >= run.began - 1)
    if job.submitted is not None and (log is None or log.began < job.submitted - 1):
        begun = _without_log(job, run, queue, now)
        if begun is not None:
            return begun
    if log is None:
        return Seen(job, State.WAITING)
    if log.end == "failed" and current:
        return Seen(job, State.FAILED, log, log.last)
    if log.end == "ended" and current and _awaits_notice(job, folder, run):
        return Seen(job, State.DONE, log, seconds=benchmark_seconds(benchmark))
    if log.end:  # out of date, or interrupted: it will run again
        return Seen(job, State.WAITING, log)
    return _without_end(job, log, current, queue, now)


def with_failure(seen: Seen, failure: Failure | None) -> Seen:
    """Add what Snakemake's own log says: that a job which seems to wait failed, or why one died.

    A job fails without a log of its own where it cannot be submitted, or cannot start.
    """
    if failure is None:
        return seen
    began = seen.log.began if seen.log else 0.0
    newest = max(began, seen.job.submitted or 0.0)
    if seen.state == State.WAITING and failure.time >= newest - 1:
        return replace(seen, state=State.FAILED, note=failure.message or "see Snakemake's log")
    if seen.state == State.FAILED and seen.log and not seen.log.end and failure.message:
        return replace(seen, note=f"{failure.message} ({seen.note})")
    return seen


def _without_log(job: Job, run: Run | None, queue: Queue | None, now: float) -> Seen | None:
    """Judge a job that was given away and has written nothing since; None: that is history."""
    assert job.submitted is not None
    alive = run is not None and run.alive is not False and job.submitted >= run.began - 1
    if job.slurm_job and queue:
        if queue.waits(job.slurm_job):
            return Seen(job, State.WAITING, queued=True)
        alive = queue.lives(job.slurm_job)
    elif job.slurm_job:
        return Seen(job, State.WAITING, queued=alive)
    since = max(0.0, now - job.submitted)
    note = f"starting as Slurm job {job.slurm_job}" if job.slurm_job else "starting"
    return Seen(job, State.RUNNING, note=note, seconds=since) if alive else None


def _awaits_notice(job: Job, folder: Path, run: Run | None) -> bool:
    """Whether a job that has ended is whole, and Snakemake has only not looked yet."""
    alive = run is not None and run.alive is not False
    return alive and all((folder / path).exists() for path in job.outputs)


def _without_end(job: Job, log: JobLog, current: bool, queue: Queue | None, now: float) -> Seen:
    """Judge a job whose log has no end: it runs, or it was killed."""
    silent = log.silent(now)
    quiet = f"silent for {duration(silent)}"
    number = log.facts.get("slurm_job")
    if number and queue and queue.waits(number):
        return Seen(job, State.WAITING, log, f"Slurm job {number} is queued again", queued=True)
    lives = _lives(log, queue)
    reason = ""
    if lives is None:
        lives = silent <= LOST_SECONDS
        reason = f"lost: {quiet} on {log.facts.get('host', 'an unknown host')}"
    elif number:
        reason = f"killed: Slurm job {number} is gone and the log has no end"
    else:
        reason = f"killed: process {log.facts.get('pid')} is gone and the log has no end"
    if lives:
        note = quiet if silent > SILENT_SECONDS else ""
        return Seen(job, State.RUNNING, log, note, seconds=max(0.0, now - log.began))
    return Seen(job, State.FAILED if current else State.WAITING, log, reason if current else "")


def _lives(log: JobLog, queue: Queue | None) -> bool | None:
    """Whether the process that writes a log lives; None where nobody can be asked."""
    number, process = log.facts.get("slurm_job"), log.number("pid")
    if number:
        return None if queue is None else queue.lives(number)
    if process is not None and log.facts.get("host") == socket.gethostname():
        return process_lives(int(process), log.began)
    return None


def benchmark_seconds(benchmark: Path | None) -> float | None:
    """Return the wall seconds in a benchmark file of Snakemake; None where it tells none."""
    try:
        if benchmark is None:
            return None
        with open(benchmark, newline="") as file:
            return sum(float(row["s"]) for row in csv.DictReader(file, delimiter="\t"))
    except (OSError, ValueError, KeyError, TypeError):  # none, or just being written
        return None


def duration(seconds: float) -> str:
    """Return a length of time for people: 40 s, 12 min, 3 h 05, 2 d 4 h."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d}" if hours < 48 else f"{hours // 24} d {hours % 24} h"

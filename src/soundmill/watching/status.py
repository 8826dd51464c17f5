"""The status of a run as one object, and as the JSON that docs/status.md documents."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from soundmill.watching.job_logs import read_job_log
from soundmill.watching.jobs import Plan, plan_of, read_jobs
from soundmill.watching.last_run import Run, recall_run
from soundmill.watching.main_log import read_failures
from soundmill.watching.slurm import ask_slurm
from soundmill.watching.sound import Sound
from soundmill.watching.stages import Progress, Stage, add_up
from soundmill.watching.states import Seen, State, judge, with_failure

VERSION = 1
"""Of the JSON; it grows when a field goes or changes its meaning, not when one is added."""


@dataclass(frozen=True)
class Status:
    """What a run does or has done."""

    folder: Path
    now: float
    """When it was looked at (seconds since 1970)."""
    run: Run | None
    plan: Plan
    progress: Progress
    jobs: Sequence[Seen]

    def of(self, state: State) -> list[Seen]:
        """Return the jobs in a state."""
        return [one for one in self.jobs if one.state == state]


def look(folder: Path, asked: Plan) -> Status:
    """Look at the run of a folder.

    Parameters
    ----------
    asked : what to look at instead of what the last run was asked for.

    Raises
    ------
    InputError
        As `soundmill.watching.jobs.read_jobs`.
    """
    folder = folder.resolve()
    run = recall_run(folder)
    plan = plan_of(run, asked)
    jobs = read_jobs(folder, plan)
    now = time.time()
    logs = [read_job_log(folder / job.log) if job.needed and job.log else None for job in jobs]
    cluster = any(job.slurm_job for job in jobs)
    cluster |= any(log and "slurm_job" in log.facts and not log.end for log in logs)
    queue = ask_slurm() if cluster else None
    failures = read_failures(run.log) if run else {}
    seen = [
        with_failure(judge(job, log, folder, run, queue, now), failures.get(str(job.log)))
        for job, log in zip(jobs, logs, strict=True)
    ]
    return Status(folder, now, run, plan, add_up(seen, Sound(jobs, folder)), seen)


def as_json(status: Status) -> dict[str, Any]:
    """Return plain values; times are ISO 8601 in UTC, lengths seconds."""
    run = status.run
    return {
        "version": VERSION,
        "time": _time(status.now),
        "folder": str(status.folder),
        "run": None if run is None else {
            "alive": run.alive, "host": run.host, "pid": run.pid, "began": _time(run.began),
            "executor": run.executor, "cores": run.cores, "log": run.log,
        },
        "snakefile": str(status.plan.snakefile or ""),
        "configfiles": [str(path) for path in status.plan.configfiles],
        "targets": list(status.plan.targets),
        "all": _stage(status.progress.all),
        "time_unknown": list(status.progress.unknown),
        "stages": [_stage(stage) for stage in status.progress.stages],
        "running": [_job(one) for one in status.of(State.RUNNING)],
        "failed": [_job(one) for one in status.of(State.FAILED)],
    }  # fmt: skip


def _stage(stage: Stage) -> dict[str, Any]:
    """Return a stage with figures rounded to what they are worth."""
    return {"jobs": stage.jobs} | {
        name: round(value, 2) if isinstance(value, float) else value
        for name, value in asdict(stage).items()
    }


def _job(one: Seen) -> dict[str, Any]:
    """Return what a person who looks for a job needs."""
    log, facts = one.log, one.log.facts if one.log else {}
    return {
        "rule": one.job.rule,
        "wildcards": dict(one.job.wildcards),
        "log": str(one.job.log or ""),
        "host": facts.get("host"),
        "pid": int(facts["pid"]) if "pid" in facts else None,
        "slurm_job": facts.get("slurm_job"),
        "began": _time(log.began) if log else None,
        "seconds": None if one.seconds is None else round(one.seconds, 1),
        "silent_seconds": round(log.silent(), 1) if log else None,
        "says": log.last if log else "",
        "note": one.note,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")

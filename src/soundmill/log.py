"""Logging for jobs and the command line, and progress for long loops."""

import logging
import os
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from soundmill.errors import InputError
from soundmill.heartbeat import Heartbeat, doing

T = TypeVar("T")

logger = logging.getLogger("soundmill")
LOG_INTERVAL_SECONDS = 15.0
REQUESTS = ("mem_mb", "runtime", "gpu")
"""Resources (MB, minutes, devices) that the first line of a log states, where asked for."""


@contextmanager
def job_log(job: Any) -> Iterator[None]:
    """Send everything a job says to its log file, tracebacks included.

    The first line says where the job runs and what it asked for, the last one how it ended
    (`soundmill.watching.job_logs` reads both); in between no silence is longer than
    `soundmill.heartbeat.HEARTBEAT_SECONDS`. On failure the last line on the terminal says what
    went wrong and which file to open, and the process ends with status 1.

    Parameters
    ----------
    job : the ``snakemake`` object of a script, or the path of a log.
    """
    path = Path(job if isinstance(job, str | os.PathLike) else job.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, "w", encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    logging.captureWarnings(True)

    def say(level: str, text: str) -> None:
        # libraries may have taken the handlers off the root logger: hand it over directly
        handler.emit(logging.makeLogRecord({"name": "soundmill", "levelname": level, "msg": text}))

    started = time.monotonic()

    def end(how: str) -> str:
        return f"{how} after {time.monotonic() - started:.1f} s"

    say("INFO", f"started: {start_line(job)}")
    try:
        with Heartbeat(handler):
            yield
    except Exception as error:
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        say("ERROR", traceback.format_exc())
        say("ERROR", end("failed") + ": " + " ".join(f"{kind}{error}".split()))
        print(f"error: {kind}{error}\nThe whole story is in {path}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        say("ERROR", end("interrupted"))
        raise
    else:
        say("INFO", end("ended"))
    finally:
        root.removeHandler(handler)
        handler.close()


def start_line(job: Any) -> str:
    """Return where this process runs and what its job asked for, as ``name=value`` pairs."""
    facts: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid()}
    slurm_job = os.environ.get("SLURM_JOB_ID")
    if slurm_job:
        facts |= {"slurm_job": slurm_job, "queued_s": _queued(slurm_job)}
    if not isinstance(job, str | os.PathLike):
        facts["threads"] = job.threads
        facts |= {name: job.resources.get(name) for name in REQUESTS}
    return " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)


def _queued(slurm_job: str) -> int | str:
    """Return how many seconds a Slurm job waited before it began; a word where Slurm is silent."""
    command = ["squeue", "--noheader", "--jobs", slurm_job, "--format", "%V %S"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        submitted, began = map(datetime.fromisoformat, told.stdout.split()[:2])
    except (OSError, subprocess.SubprocessError, ValueError):
        return "unknown"
    return max(0, round((began - submitted).total_seconds()))


def progress(
    items: Iterable[T], *, total: int, unit: str = "files", label: str = ""
) -> Iterator[T]:
    """Yield ``items`` and say how far it is.

    On a terminal one line is redrawn (rate and time left); elsewhere a plain line goes to the
    log every 15 seconds, when an item ends, and at the end; the job's heartbeat names the loop.
    """
    from tqdm import tqdm

    label = label or "progress"
    terminal = sys.stderr.isatty()
    started = last = time.monotonic()
    done = 0
    with (
        tqdm(total=total, unit=f" {unit}", desc=label, disable=not terminal, leave=False) as bar,
        doing(label) as tell,
    ):
        for item in items:
            yield item
            done += 1
            bar.update()
            tell(f"{done} of {total} {unit}")
            now = time.monotonic()
            if now - last >= LOG_INTERVAL_SECONDS or done == total:
                last = now
                rate = done / max(now - started, 1e-9)
                left = (total - done) / max(rate, 1e-9)
                logger.info(
                    "%s: %d of %d %s, %.1f %s/s, %.0f s left",
                    label, done, total, unit, rate, unit, left,
                )  # fmt: skip

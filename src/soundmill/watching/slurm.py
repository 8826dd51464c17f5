"""What Slurm says of the jobs of this user, in one call of squeue."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from soundmill.log import logger

WAITS = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT")


@dataclass(frozen=True)
class Queue:
    """The jobs that Slurm holds for this user."""

    states: Mapping[str, str] = field(default_factory=dict)
    """State by job id, such as RUNNING."""

    def waits(self, job: str) -> bool:
        """Whether a job has not begun, or waits to begin again."""
        return self.states.get(job) in WAITS

    def lives(self, job: str) -> bool:
        """Whether a job runs, as far as Slurm knows."""
        return job in self.states and not self.waits(job)


def ask_slurm() -> Queue | None:
    """Return the queue of this user; None where there is no Slurm or it does not answer."""
    if shutil.which("squeue") is None:
        return None
    command = ["squeue", "--noheader", "--me", "--format", "%A %T"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("squeue does not answer: %s", error)
        return None
    return Queue(dict(line.split() for line in told.stdout.splitlines()))

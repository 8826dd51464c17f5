"""Jobs that a run of Snakemake left behind on a Slurm cluster."""

import os
import shutil
import subprocess
from pathlib import Path

from soundmill.errors import InputError


def refuse_orphans(folder: Path) -> None:
    """Stop when jobs of an earlier run still work in a folder.

    Snakemake locks its folder, and whoever removes the lock (``--unlock``) says that no other run
    is at work. But when Snakemake was killed, its Slurm jobs live on, and a second run would start
    the same jobs beside them. Where there is no Slurm, or it does not answer, nothing is known of
    any job and nothing is refused.

    Parameters
    ----------
    folder : the working directory.

    Raises
    ------
    InputError
        It names the jobs and how to end them.
    """
    if not shutil.which("squeue"):
        return
    alive = "--states=PENDING,CONFIGURING,RUNNING,SUSPENDED,COMPLETING"
    command = ["squeue", "--me", "--noheader", alive, "--format=%A|%k|%Z"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    jobs = [line.split("|", 2) for line in shown.splitlines()]
    own = os.environ.get("SLURM_JOB_ID")  # where Snakemake itself runs in a job
    found = [
        number
        for number, comment, place in jobs
        # Snakemake's plugin gives its jobs such a comment
        if comment.startswith(("rule_", "group_")) and Path(place) == folder and number != own
    ]
    if found:
        raise InputError(
            f"jobs of an earlier run still work in {folder}: {', '.join(found)}. "
            f"Wait until they have ended, or end them: scancel {' '.join(found)}"
        )

"""The last run in a folder: how it was configured, and whether its Snakemake still lives."""

import json
import os
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from soundmill.files import atomic_path

RECORD = Path(".snakemake/soundmill-run.json")
"""Where it is remembered, relative to the working directory of the run."""


@dataclass(frozen=True)
class Run:
    """A call of Snakemake that had something to do."""

    pid: int
    host: str
    began: float
    """Seconds since 1970."""
    executor: str
    cores: int | None
    snakefile: str
    targets: tuple[str, ...] = ()
    configfiles: tuple[str, ...] = ()
    config: Mapping[str, Any] | None = None
    """What ``--config`` gave."""
    rerun_triggers: tuple[str, ...] = ()
    log: str = ""
    """Snakemake's own log."""

    @property
    def alive(self) -> bool | None:
        """Whether it still runs; None where that cannot be seen from this host."""
        if self.host != socket.gethostname():
            return None
        return process_lives(self.pid, self.began)


def remember_run(workflow: Any, logs: Iterable[str] = ()) -> None:
    """Write down the run that Snakemake begins; called by ``onstart`` of the Snakefile.

    Parameters
    ----------
    workflow : Snakemake's ``workflow``.
    logs : Snakemake's ``log``.
    """
    settings = workflow.config_settings
    run = Run(
        pid=os.getpid(),
        host=socket.gethostname(),
        began=time.time(),
        executor=workflow.executor_plugin.name,
        cores=workflow.resource_settings.cores,
        snakefile=str(workflow.main_snakefile),
        targets=tuple(map(str, workflow.dag_settings.targets)),
        configfiles=tuple(map(str, settings.configfiles)),
        config=dict(settings.config),
        rerun_triggers=tuple(
            trigger.item_to_choice() for trigger in workflow.dag_settings.rerun_triggers
        ),
        log=next(iter(logs), ""),
    )
    RECORD.parent.mkdir(exist_ok=True)
    with atomic_path(RECORD) as temporary:
        temporary.write_text(json.dumps(asdict(run), indent=1, default=str))


def recall_run(folder: Path) -> Run | None:
    """Read what was remembered in a working directory; None where there is nothing to be read."""
    try:
        raw = json.loads((folder / RECORD).read_text())
        lists = ("targets", "configfiles", "rerun_triggers")
        return Run(**{**raw, **{name: tuple(raw[name]) for name in lists}})
    except (OSError, ValueError, KeyError, TypeError):  # none, damaged, or of another version
        return None


def process_lives(pid: int, since: float) -> bool:
    """Whether a process of this host that lived at ``since`` (seconds since 1970) still does."""
    import psutil

    try:
        process = psutil.Process(pid)
        dead = process.status() == psutil.STATUS_ZOMBIE
        return not dead and bool(process.create_time() <= since + 2)  # else its number went on
    except psutil.Error:
        return False

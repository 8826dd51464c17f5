"""The jobs of a workflow and which of them have to run, asked of Snakemake without its lock."""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from soundmill.errors import InputError
from soundmill.watching.last_run import Run

TRIGGERS = ("mtime", "params", "input", "software-env")
"""What reruns a job where neither a run nor a profile says it: as in profiles/default."""


@dataclass(frozen=True)
class Job:
    """A job of the workflow."""

    rule: str
    wildcards: Mapping[str, str]
    outputs: tuple[Path, ...]
    log: Path | None
    benchmark: Path | None
    needed: bool
    """Whether Snakemake would run it now: it never ran, is at it, failed, or is out of date."""
    submitted: float | None = None
    """When Snakemake last gave it away (seconds since 1970), if it holds it for unfinished."""
    slurm_job: str | None = None
    """The number that Slurm gave it then; None once it has begun, and of jobs of this host."""


@dataclass(frozen=True)
class Plan:
    """What a workflow is asked for: the same as Snakemake's options of these names."""

    snakefile: Path | None = None
    configfiles: tuple[Path, ...] = ()
    config: Mapping[str, Any] | None = None
    targets: tuple[str, ...] = ()
    rerun_triggers: tuple[str, ...] = ()


def plan_of(run: Run | None, asked: Plan) -> Plan:
    """Return what the last run was asked for, where nothing else is ``asked``.

    A configuration of one's own replaces that of the run, as it does for Snakemake.
    """
    if run is None:
        return asked
    theirs = replace(asked, snakefile=asked.snakefile or Path(run.snakefile))
    theirs = replace(theirs, rerun_triggers=asked.rerun_triggers or run.rerun_triggers)
    if not asked.configfiles:
        files = tuple(Path(path) for path in run.configfiles)
        theirs = replace(theirs, configfiles=files, config=run.config)
    if not asked.targets and not asked.configfiles:
        theirs = replace(theirs, targets=run.targets)
    return theirs


def read_jobs(folder: Path, plan: Plan) -> list[Job]:
    """Return the jobs behind the targets of a workflow, in the order of the rules.

    As a dry run does, this looks at the sources and at Snakemake's records; it takes no lock,
    writes no log and starts nothing, so that it works beside a run. It costs what a dry run costs.

    Parameters
    ----------
    folder : working directory of the workflow.

    Raises
    ------
    InputError
        When there is no workflow, or it or its configuration is wrong.
    """
    from snakemake import api as snakemake
    from snakemake.settings.enums import Quietness, RerunTrigger
    from snakemake_interface_common.exceptions import ApiError, WorkflowError

    said = io.StringIO()
    try:
        names = plan.rerun_triggers or _profile_triggers(folder)
        triggers = {RerunTrigger.parse_choice(name) for name in names}
        # dryrun: no log file
        quiet = snakemake.OutputSettings(
            dryrun=True, quiet={Quietness.ALL}, enable_file_logging=False
        )
        with redirect_stdout(said), redirect_stderr(said), snakemake.SnakemakeApi(quiet) as api:
            workflow = api.workflow(
                resource_settings=snakemake.ResourceSettings(cores=1),
                config_settings=snakemake.ConfigSettings(
                    config=plan.config or {}, configfiles=list(plan.configfiles)
                ),
                snakefile=plan.snakefile or _snakefile(folder),
                workdir=folder,
            )
            settings = snakemake.DAGSettings(
                targets=frozenset(plan.targets), rerun_triggers=frozenset(triggers),
                force_incomplete=True,
            )  # fmt: skip
            return _jobs(workflow.dag(settings))
    except (WorkflowError, ApiError, OSError) as error:
        raise InputError(f"Snakemake cannot read the workflow: {error}") from error
    except SystemExit as error:
        raise InputError(f"Snakemake cannot read the workflow: {said.getvalue()}") from error


def _jobs(api: Any) -> list[Job]:
    """Build the graph of jobs as `DAGApi.summary` does, which prints too little of it."""
    workflow = api.workflow_api._workflow
    workflow._prepare_dag(forceall=False, ignore_incomplete=False, lock_warn_only=True, nolock=True)
    workflow._build_dag()
    dag = workflow.dag
    records = workflow.persistence
    order = {rule.name: place for place, rule in enumerate(workflow.rules)}
    return [
        Job(
            rule=job.rule.name,
            wildcards=dict(job.wildcards_dict),
            outputs=tuple(Path(path) for path in job.output),
            log=Path(job.log[0]) if job.log else None,
            benchmark=Path(job.benchmark) if job.benchmark else None,
            needed=dag.needrun(job),
            **(_marker(records, job) if dag.needrun(job) else {}),
        )
        for job in sorted(dag.jobs, key=lambda job: (order[job.rule.name], str(job.output)))
        if not job.is_norun
    ]


def _marker(records: Any, job: Any) -> dict[str, Any]:
    """Read the mark of unfinished outputs that Snakemake sets when it gives a job away."""
    if not job.output or not hasattr(records, "_incomplete_path"):  # records in a data base
        return {}
    path = Path(records._record_path(records._incomplete_path, records._get_key(job.output[0])))
    try:
        number = json.loads(path.read_text())["external_jobid"]
        return {"submitted": path.stat().st_mtime, "slurm_job": number}
    except (OSError, ValueError, KeyError):  # none, or just being written
        return {}


def _snakefile(folder: Path) -> Path | None:
    """Return the workflow that lies in a folder; None leaves it to Snakemake, which looks here."""
    from snakemake.common import SNAKEFILE_CHOICES

    return next((folder / name for name in SNAKEFILE_CHOICES if (folder / name).exists()), None)


def _profile_triggers(folder: Path) -> tuple[str, ...]:
    """Return the rerun triggers of the folder's default profile."""
    try:
        profile = yaml.safe_load((folder / "profiles/default/profile.yaml").read_text()) or {}
    except (OSError, yaml.YAMLError):
        return TRIGGERS
    return tuple(profile.get("rerun-triggers", TRIGGERS))

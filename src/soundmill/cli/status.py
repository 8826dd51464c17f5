"""`soundmill status`: what a run does or has done."""

import json
from pathlib import Path
from typing import Annotated

import typer


def status(
    targets: Annotated[
        list[str], typer.Argument(help="Targets to look at; default those of the last run.")
    ] = [],  # noqa: B006
    directory: Annotated[
        Path, typer.Option("--directory", "-d", help="Working directory of the run.")
    ] = Path(),
    configfile: Annotated[
        list[Path],
        typer.Option(help="Configuration; default that of the last run, else config.yaml."),
    ] = [],  # noqa: B006
    snakefile: Annotated[
        Path | None, typer.Option("--snakefile", "-s", help="Default that of the last run.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs; docs/status.md says what is in it.")
    ] = False,
) -> None:
    """Say how far a run is: jobs, recordings, hours, pace, time left, what runs, what failed.

    Works beside a running Snakemake and after it, here or on Slurm, and changes nothing. Ends with
    status 1 when a job failed.
    """
    from soundmill.watching.jobs import Plan
    from soundmill.watching.states import State
    from soundmill.watching.status import as_json as plain
    from soundmill.watching.status import look
    from soundmill.watching.text import colours_wanted, describe

    found = look(directory, Plan(snakefile, tuple(configfile), None, tuple(targets)))
    if as_json:
        typer.echo(json.dumps(plain(found), indent=1))
    else:

        def paint(text: str, colour: str) -> str:
            return typer.style(text, fg=colour) if colour and colours_wanted() else text

        for line in describe(found, paint):  # where this is no terminal echo leaves colours out
            typer.echo(line)
    if found.of(State.FAILED):
        raise typer.Exit(1)

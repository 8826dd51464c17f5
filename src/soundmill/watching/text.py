"""The status of a run as lines for a person."""

import os
import textwrap
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from soundmill.watching.stages import Progress, Stage
from soundmill.watching.states import Seen, State, duration
from soundmill.watching.status import Status

Paint = Callable[[str, str], str]
"""Gives a text a colour, by name, where colours are wanted."""

HEADER = ("stage", "jobs", "done", "running", "waiting", "failed", "recordings", "rejected",
          "sound", "× real time", "time left")  # fmt: skip
COLOURS = {"failed": "red", "running": "cyan", "rejected": "yellow"}
SHOWN = 10
"""Jobs of a kind that are named; the others are counted."""


def describe(status: Status, paint: Paint = lambda text, colour: text) -> Iterator[str]:
    """Yield lines: who runs, a table of stages, what runs, what failed, what was rejected."""
    yield _headline(status)
    yield from ("", *_table(status.progress, paint), "")
    yield from _list("Running", status.of(State.RUNNING), _running)
    yield from _list(paint("Failed", "red"), status.of(State.FAILED), _failed)
    queued = status.progress.all.queued
    if queued:
        yield f"{queued} of the waiting jobs are in the queue of Slurm"
    if status.progress.all.failed and status.run and status.run.alive is False:
        yield "Start the same command again when the cause is mended: only what is missing runs."


def _headline(status: Status) -> str:
    """Say what runs where since when, or how it stands."""
    run, total = status.run, status.progress.all
    if run is None:
        who = "no run is known here"
    else:
        began = datetime.fromtimestamp(run.began).strftime("%Y-%m-%d %H:%M")
        where = f"process {run.pid} on {run.host}, {run.executor}, since {began}"
        who = {
            True: f"running: {where}",
            False: f"not running; the last run was {where}",
            None: f"begun: {where}; whether it still runs cannot be seen from here",
        }[run.alive]
    if total.done == total.jobs:
        stand = "everything is done"
    else:
        stand = f"{total.done} of {total.jobs} jobs done"
    return f"{status.folder}: {stand}\n{who}"


def _table(progress: Progress, paint: Paint) -> Iterator[str]:
    """Yield a table of stages, its columns as wide as they have to be."""
    rows = [_cells(stage) for stage in progress.stages]
    total = _cells(progress.all)
    if progress.unknown and total[-1]:
        total[-1] = f"at least {total[-1]}" if progress.all.work_left_seconds else ""
    table = [list(HEADER), *rows, total]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEADER))]
    for number, row in enumerate(table):
        cells = [row[0].ljust(widths[0])]
        for name, cell, width in zip(HEADER[1:], row[1:], widths[1:], strict=True):
            colour = COLOURS.get(name, "") if number and cell else ""
            cells.append(paint(cell.rjust(width), colour))
        yield "  ".join(cells).rstrip()


def _cells(stage: Stage) -> list[str]:
    """Return a stage as cells; what is nothing is empty, so that the rest stands out."""

    def number(value: int) -> str:
        return f"{value:,}" if value else ""

    factor, left = stage.realtime_factor, stage.left_seconds
    over = stage.done == stage.jobs
    return [
        stage.rule, number(stage.jobs), number(stage.done), number(stage.running),
        number(stage.waiting), number(stage.failed), number(stage.recordings),
        number(stage.rejected),
        duration(stage.sound_seconds) if stage.sound_seconds else "",
        "" if factor is None else f"{factor:.1f}" if factor < 100 else f"{factor:.0f}",
        "" if over or left is None else duration(left),
    ]  # fmt: skip


def _list(title: str, seen: Sequence[Seen], say: Callable[[Seen], str]) -> Iterator[str]:
    """Yield the first few jobs of a kind and the number of the others."""
    if not seen:
        return
    yield f"{title}:"
    yield from (f"  {say(one)}" for one in seen[:SHOWN])
    if len(seen) > SHOWN:
        yield f"  and {len(seen) - SHOWN} more (--json has all)"
    yield ""


def _name(one: Seen) -> str:
    """Return rule and wildcards of a job."""
    return " ".join([one.job.rule, *map(str, one.job.wildcards.values())])


def _running(one: Seen) -> str:
    facts = one.log.facts if one.log else {}
    slurm = f", Slurm job {facts['slurm_job']}" if "slurm_job" in facts else ""
    note = f" [{one.note}]" if one.note else ""
    where = f" on {facts['host']}{slurm}" if "host" in facts else ""
    said = textwrap.shorten(one.log.last, 120) if one.log else ""
    return f"{_name(one)}: {duration(one.seconds or 0)}{where}{note}" + (said and f": {said}")


def _failed(one: Seen) -> str:
    return f"{_name(one)}: {one.note}\n    {one.job.log}"


def colours_wanted() -> bool:
    """Whether a person has not asked for none (https://no-color.org)."""
    return not os.environ.get("NO_COLOR")

"""What the run cost: Snakemake's benchmark files and the jobs' logs, added up by rule."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from soundmill.report.pages import write_page
from soundmill.report.results import read_columns, read_corpus, read_pieces
from soundmill.status import read_table, write_table
from soundmill.watching.job_logs import JobLog, log_of_benchmark, read_job_log

AUDIO_STAGES = (
    "compose_ambient", "compose_songs", "compose_soundscapes", "compose_digits",
    "decode_recordings", "transcribe_recordings", "generate_music", "render_music",
    "generate_soundscapes",
)  # fmt: skip
"""Rules that go through all the sound of a corpus or model: these have a real-time factor."""

LINES = ("music", "soundscapes", "classification", "fusion")
"""Lines whose benchmarks lie in a folder of the line; the others lie in that of their corpus."""

COLUMNS = (
    "subject", "rule", "variant", "jobs", "wall_seconds", "cpu_seconds", "max_rss_mb",
    "audio_seconds", "realtime_factor", "longest_seconds", "queue_seconds", "threads", "mean_load",
    "requested_mb", "requested_minutes",
)  # fmt: skip


@dataclass
class Cost:
    """The jobs of one rule on one corpus or model, added up."""

    subject: str
    rule: str
    variant: str
    jobs: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    memory: float | None = None
    audio: float | None = None
    longest: float = 0.0
    """Wall seconds of the longest job."""
    queues: list[float] = field(default_factory=list)
    """Seconds that jobs waited in the queue of a cluster, of those that did."""
    threads: float | None = None
    asked_memory: float | None = None
    """MB; this and the two beside it are the largest request of a job."""
    asked_minutes: float | None = None

    @property
    def queue(self) -> float | None:
        """Mean seconds in the queue of a cluster."""
        return sum(self.queues) / len(self.queues) if self.queues else None

    @property
    def load(self) -> float | None:
        """Threads that were busy, on average; beside ``threads``, what was asked for."""
        return self.cpu / self.wall if self.wall else None

    @property
    def speed(self) -> float | None:
        """Seconds of sound for each second of work: the real-time factor."""
        return self.audio / self.wall if self.audio and self.wall else None


def tabulate_costs(
    benchmarks: str | os.PathLike[str],
    page: str | os.PathLike[str],
    table: str | os.PathLike[str],
    *,
    manifests: Mapping[str, str],
    pieces: Mapping[str, str],
    stages: Sequence[str],
    logs: str | os.PathLike[str] | None = None,
    tasks: Sequence[str] = (),
    fusions: Sequence[str] = (),
    soundscapes: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Add up the benchmark files and write a page and a CSV, one row a rule and subject.

    Parameters
    ----------
    benchmarks : folder of ``<corpus>/<rule>/[<variant>/]<bucket>.tsv`` and
        ``music/<model>/<rule>.tsv``, ``soundscapes/<model>/<rule>.tsv`` and
        ``classification/<task>/<rule>[/<learner>[/<fold>]].tsv``,
        ``fusion/<task>/<rule>[/<modality>][/<fold>].tsv``.
    manifests : ``manifest.csv`` by corpus; pieces, soundscapes : ``pieces.csv`` by music model and
        by soundscape model. They give the seconds of sound behind the real-time factors.
    stages : names of the rules in the order to show them; others are left out (left-overs of
        an earlier version of the pipeline).
    logs : folder that mirrors ``benchmarks``; the first lines of logs tell what was asked for and
        how long a job was in a queue. What no log tells is left empty.
    tasks, fusions : names of the tasks of these lines, after which benchmarks are looked for.
    """
    audio = {name: read_corpus(path).seconds for name, path in manifests.items()}
    for model, path in pieces.items():
        audio[f"music/{model}"] = sum(p.seconds for p in read_pieces(path) if p.kind != "primer")
    for model, path in soundscapes.items():
        audio[f"soundscapes/{model}"] = sum(float(row["seconds"]) for row in read_table(path))
    subjects = {*audio, *(f"classification/{task}" for task in tasks)}
    subjects |= {f"fusion/{task}" for task in fusions}
    found = add_up(Path(benchmarks), Path(logs) if logs else None)
    costs = [cost for cost in found if cost.subject in subjects]
    costs = [cost for cost in costs if cost.rule in stages]
    costs.sort(key=lambda cost: (LINES.index(cost.subject.partition("/")[0])
                                 if "/" in cost.subject else -1, cost.subject,
                                 stages.index(cost.rule), cost.variant))  # fmt: skip
    for cost in costs:
        if cost.rule in AUDIO_STAGES:
            cost.audio = audio.get(cost.subject)
    write_table(table, map(_row, costs), COLUMNS)
    write_page(page, "costs.html", costs=costs, total=sum(cost.wall for cost in costs))


def add_up(root: Path, logs: Path | None = None) -> list[Cost]:
    """Return one `Cost` for each rule, subject and variant under a folder of benchmarks."""
    found: dict[tuple[str, str, str], Cost] = {}
    for path in sorted(root.rglob("*.tsv")):
        key = _key(path.relative_to(root).with_suffix("").parts)
        cost = found.setdefault(key, Cost(*key))
        rows = read_columns(path, delimiter="\t")
        cost.jobs += 1
        wall = sum(value or 0 for value in rows.get("s", ()))
        cost.wall += wall
        cost.longest = max(cost.longest, wall)
        cost.cpu += sum(value or 0 for value in rows.get("cpu_time", ()))
        peaks = [value for value in (*rows.get("max_rss", ()), cost.memory) if value is not None]
        cost.memory = max(peaks, default=None)
        log = read_job_log(log_of_benchmark(path, root, logs)) if logs else None
        if log is not None:
            _add_request(cost, log)
    return list(found.values())


def _add_request(cost: Cost, log: JobLog) -> None:
    """Add what a job asked for and how long it was in a queue."""
    queued = log.number("queued_s")
    if queued is not None:
        cost.queues.append(queued)
    for name, fact in (
        ("threads", "threads"), ("asked_memory", "mem_mb"), ("asked_minutes", "runtime"),
    ):  # fmt: skip
        values = [value for value in (getattr(cost, name), log.number(fact)) if value is not None]
        setattr(cost, name, max(values, default=None))


def _key(parts: tuple[str, ...]) -> tuple[str, str, str]:
    """Return subject, rule and variant of a benchmark file; buckets are added up."""
    depth = 2 if parts[0] in LINES and len(parts) > 2 else 1
    if len(parts) == 1:
        return "report", parts[0], ""
    variant = [part for part in parts[depth + 1 :] if not part.isdigit()]
    if parts[0] == "classification":
        variant = variant[:1]  # the folds of a learner are added up
    return "/".join(parts[:depth]), parts[depth], " ".join(variant)


def read_costs(table: Path) -> list[Cost]:
    """Read the CSV that `tabulate_costs` wrote."""

    def number(cell: str) -> float | None:
        return float(cell) if cell else None

    return [
        Cost(
            subject=row["subject"],
            rule=row["rule"],
            variant=row["variant"],
            jobs=int(row["jobs"]),
            wall=float(row["wall_seconds"]),
            cpu=float(row["cpu_seconds"]),
            memory=number(row["max_rss_mb"]),
            audio=number(row["audio_seconds"]),
            longest=float(row["longest_seconds"]),
            queues=[float(row["queue_seconds"])] if row["queue_seconds"] else [],
            threads=number(row["threads"]),
            asked_memory=number(row["requested_mb"]),
            asked_minutes=number(row["requested_minutes"]),
        )
        for row in read_table(table)
    ]


def _row(cost: Cost) -> dict[str, object]:
    """Return the CSV row of a cost."""
    cells = (
        cost.subject, cost.rule, cost.variant, cost.jobs, round(cost.wall, 2), round(cost.cpu, 2),
        cost.memory, cost.audio and round(cost.audio, 1), cost.speed and round(cost.speed, 2),
        round(cost.longest, 2), None if cost.queue is None else round(cost.queue, 1), cost.threads,
        None if cost.load is None else round(cost.load, 2), cost.asked_memory, cost.asked_minutes,
    )  # fmt: skip
    return dict(zip(COLUMNS, cells, strict=True))

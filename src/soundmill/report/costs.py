"""What the run cost: Snakemake's benchmark files, added up by rule."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from soundmill.report.pages import write_page
from soundmill.report.results import read_columns, read_corpus, read_pieces
from soundmill.status import read_table, write_table

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
    "audio_seconds", "realtime_factor",
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
    tasks, fusions : names of the tasks of these lines, after which benchmarks are looked for.
    """
    audio = {name: read_corpus(path).seconds for name, path in manifests.items()}
    for model, path in pieces.items():
        audio[f"music/{model}"] = sum(p.seconds for p in read_pieces(path) if p.kind != "primer")
    for model, path in soundscapes.items():
        audio[f"soundscapes/{model}"] = sum(float(row["seconds"]) for row in read_table(path))
    subjects = {*audio, *(f"classification/{task}" for task in tasks)}
    subjects |= {f"fusion/{task}" for task in fusions}
    costs = [cost for cost in add_up(Path(benchmarks)) if cost.subject in subjects]
    costs = [cost for cost in costs if cost.rule in stages]
    costs.sort(key=lambda cost: (LINES.index(cost.subject.partition("/")[0])
                                 if "/" in cost.subject else -1, cost.subject,
                                 stages.index(cost.rule), cost.variant))  # fmt: skip
    for cost in costs:
        if cost.rule in AUDIO_STAGES:
            cost.audio = audio.get(cost.subject)
    write_table(table, map(_row, costs), COLUMNS)
    write_page(page, "costs.html", costs=costs, total=sum(cost.wall for cost in costs))


def add_up(root: Path) -> list[Cost]:
    """Return one `Cost` for each rule, subject and variant under a folder of benchmarks."""
    found: dict[tuple[str, str, str], Cost] = {}
    for path in sorted(root.rglob("*.tsv")):
        key = _key(path.relative_to(root).with_suffix("").parts)
        cost = found.setdefault(key, Cost(*key))
        rows = read_columns(path, delimiter="\t")
        cost.jobs += 1
        cost.wall += sum(value or 0 for value in rows.get("s", ()))
        cost.cpu += sum(value or 0 for value in rows.get("cpu_time", ()))
        peaks = [value for value in (*rows.get("max_rss", ()), cost.memory) if value is not None]
        cost.memory = max(peaks, default=None)
    return list(found.values())


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
    return [
        Cost(
            subject=row["subject"],
            rule=row["rule"],
            variant=row["variant"],
            jobs=int(row["jobs"]),
            wall=float(row["wall_seconds"]),
            cpu=float(row["cpu_seconds"]),
            memory=float(row["max_rss_mb"]) if row["max_rss_mb"] else None,
            audio=float(row["audio_seconds"]) if row["audio_seconds"] else None,
        )
        for row in read_table(table)
    ]


def _row(cost: Cost) -> dict[str, object]:
    """Return the CSV row of a cost."""
    cells = (
        cost.subject, cost.rule, cost.variant, cost.jobs, round(cost.wall, 2), round(cost.cpu, 2),
        cost.memory, cost.audio and round(cost.audio, 1), cost.speed and round(cost.speed, 2),
    )  # fmt: skip
    return dict(zip(COLUMNS, cells, strict=True))

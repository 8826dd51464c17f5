"""What a large corpus costs beside the computing itself: the tables of docs/scale.md.

Usage: python bench/scale.py [--markdown FILE] [--small] [PART ...]

Parts: plan (parsing, dry run, a run with nothing to do), changes (recordings added and removed),
stages (every stage over a full cache), memory (every rule at two sizes); all by default. With
``--small`` they take fewer recordings. What it makes lies in a temporary folder, 3 GB at most.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# one thread each, before numpy is loaded: what is measured is bookkeeping
os.environ.setdefault("OMP_NUM_THREADS", "1")

from scale_memory import memory_table
from workflow_runs import Cost, Jobs, Site, job_counts, measure, take_name, write_noises, write_tune

from soundmill.corpus.names import bucket_of, slug
from soundmill.status import OK, read_table

BUCKETS = 16
ROUNDS = 3
PLAN = {
    "corpora": {"takes": {"source": "takes", "labels": {"folders": ["folder"]}}},
    "augmentations": {"hiss": {"kind": "noise"}},
    "spectra": {"small": {"sample_rate": 8000, "n_fft": 256, "hop": 80, "bands": 40}},
    "music": {"tunes": {"corpus": "takes"}},
    "soundscapes": {"air": {"corpus": "takes"}},
    "classification": {
        "which": {
            "corpus": "takes", "target": "folder", "spectra": "small", "split": {"method": "folds"},
            "learners": {"forest": {"kind": "random_forest"},
                         "net": {"kind": "cnn1d", "augmentations": ["hiss"]}},
        }
    },
}  # fmt: skip
STAGES = ("normalise_names", "decode_recordings", "transcribe_recordings", "describe_recordings",
          "compute_spectra", "augment_spectra")  # fmt: skip
DIFFERENT = 16
"""Recordings that are really computed when stages are measured; all others are links to them."""

Table = list[list[str]]


def best(function: Callable[..., Cost], *arguments: Any) -> Cost:
    """Return the cheapest of some runs."""
    return min((function(*arguments) for _ in range(ROUNDS)), key=lambda cost: cost.cpu)


def shown(cost: Cost) -> str:
    return f"{cost.cpu:.1f} s, {cost.megabytes:.0f} MB"


def plan_table(folder: Path, sizes: tuple[int, ...]) -> Table:
    """Parsing, dry run, and a run with nothing to do, of all that a corpus can be used for."""
    empty = folder / "empty"
    empty.mkdir()
    (empty / "Snakefile").write_text("rule all:\n    localrule: True\n")
    alone = best(measure, [sys.executable, "-m", "snakemake", "--list-rules"], empty)
    rows: Table = [
        ["", *(f"{size:,} recordings" for size in sizes), "asked"],
        ["parsing the Snakefile, over Snakemake's own start", *[""] * len(sizes), "1 s"],
        ["dry run, nothing built", *[""] * len(sizes), "3 s; 10 s; 400 MB"],
        ["the first one, which reads all code too", *[""] * len(sizes), ""],
        ["a run with nothing to do", *[""] * len(sizes), "3 s; 10 s; 400 MB"],
        ["Snakemake alone, an empty workflow", *[shown(alone)] * len(sizes), ""],
    ]
    for column, size in enumerate(sizes, 1):
        site = Site(folder / f"plan-{size}", PLAN)
        write_noises(site.folder / "takes", range(size))
        first = site.run("--dry-run")
        dry = best(site.run, "--dry-run")
        parsed = best(site.run, "--list-rules")
        site.run("--cores", "all", "--until", "normalise_names")
        site.pretend()
        done = best(site.run, "--cores", "1")
        assert "Nothing to be done" in done.said and "missing" not in done.said, done.said
        costs = (dry, first, done)
        rows[1][column] = f"{parsed.cpu - alone.cpu:.2f} s"
        for row, cost in zip(rows[2:], costs, strict=False):
            row[column] = shown(cost)
    return rows


def buckets_of(numbers: range) -> int:
    """Return how many buckets the recordings of these numbers lie in."""
    return len({bucket_of(slug(take_name(number)), BUCKETS) for number in numbers})


def manifest_size(site: Site) -> int:
    rows = read_table(site.folder / "results/takes/manifest.csv")
    assert all(row["status"] == OK for row in rows)
    return len(rows)


def changes_table(folder: Path, size: int) -> Table:
    """What runs again when recordings come and go."""
    site = Site(folder / "changes", {"corpora": PLAN["corpora"]})
    source = site.folder / "takes"
    rows: Table = [["", "buckets that hold them", "jobs of each stage", "decoded", "rows", "CPU"]]

    def run(what: str, numbers: range) -> None:
        shutil.rmtree(site.folder / "logs", ignore_errors=True)  # those there are after are new
        cost = site.run("--cores", "all", "corpora")
        counts = job_counts(cost.said)
        jobs = " and ".join(str(counts[stage]) for stage in STAGES[:2])
        found = [re.match(r".* (\d+) decoded, ", line) for line in site.log_lines(STAGES[1])]
        decoded = sum(int(match[1]) for match in found if match)
        rows.append(
            [what, str(buckets_of(numbers)), jobs, f"{decoded:,}", f"{manifest_size(site):,}",
             f"{cost.cpu:.1f} s"]
        )  # fmt: skip

    share = size // 100
    write_noises(source, range(size))
    run(f"{size:,} recordings", range(size))
    run("again, nothing changed", range(0))
    write_noises(source, range(size, size + 1))
    run("1 added", range(size, size + 1))
    write_noises(source, range(size + 1, size + share))
    run(f"{share - 1:,} added", range(size + 1, size + share))
    for number in range(share):
        (source / take_name(number)).unlink()
    run(f"{share:,} removed", range(share))
    return rows


def stages_table(folder: Path, size: int) -> Table:
    """Every stage over recordings that the cache knows already."""
    stage_jobs(folder / "one", 1, 1)
    shutil.rmtree(folder / "one/results/takes")  # the cache stays: what is left is the start
    started = stage_jobs(folder / "one", 1, 1)
    found = stage_jobs(folder / "many", size, BUCKETS)
    rows: Table = [
        ["stage", f"CPU of {BUCKETS} jobs", "start of a job", "a recording, without starts",
         "a recording, all in all", "asked", "memory"]
    ]  # fmt: skip
    for stage in STAGES:
        jobs, start = found[stage], started[stage].cpu
        rows.append(
            [f"`{stage}`", f"{jobs.cpu:.1f} s", f"{start:.2f} s",
             f"{1000 * max(jobs.cpu - jobs.count * start, 0) / size:.2f} ms",
             f"{1000 * jobs.cpu / size:.2f} ms", "5 ms", f"{jobs.megabytes:.0f} MB"]
        )  # fmt: skip
    return rows


def stage_jobs(folder: Path, size: int, buckets: int) -> dict[str, Jobs]:
    """Run all stages of buckets over links to a few recordings; most are in the cache."""
    source = PLAN["corpora"]["takes"]
    site = Site(folder, PLAN | {"corpora": {"takes": source | {"buckets": buckets}}})
    for number in range(DIFFERENT):
        write_tune(folder / "few" / take_name(number), number, 1.0, f"take {number}")
    for number in range(size):
        path = folder / "takes" / take_name(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.hardlink_to(folder / "few" / take_name(number % DIFFERENT))
    # in two runs, since what follows a rule that is named would not be run
    return site.jobs("--until", STAGES[1]) | site.jobs("--until", *STAGES[2:])


def markdown(rows: Table) -> str:
    """Return a table as Markdown."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file too")
    parser.add_argument("--small", action="store_true", help="fewer recordings")
    options = parser.parse_args()
    few, many = (100, 1000) if options.small else (10_000, 100_000)
    parts: dict[str, Callable[[Path], Table]] = {
        "plan": lambda folder: plan_table(folder, (few, many)),
        "changes": lambda folder: changes_table(folder, few),
        "stages": lambda folder: stages_table(folder, few),
        "memory": lambda folder: memory_table(folder, 100 if options.small else 300),
    }
    text = ""
    with tempfile.TemporaryDirectory(prefix="soundmill-scale-") as folder:
        for name in options.parts or parts:
            Path(folder, name).mkdir()
            table = markdown(parts[name](Path(folder, name)))
            print(table, flush=True)
            text += table + "\n\n"
    if options.markdown:
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()

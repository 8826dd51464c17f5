"""The cost of one more file does not depend on how many there are."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from harness import job_counts, melody, write_recordings

from soundmill.corpus.names import bucket_of, slug
from soundmill.status import read_table

EVERYTHING = {
    "corpora": {"songs": {"source": "songs", "labels": {"folders": ["folder"]}}},
    "music": {"tunes": {"corpus": "songs"}},
    "soundscapes": {"air": {"corpus": "songs"}},
    "classification": {
        "which": {"corpus": "songs", "target": "folder", "learners": {"net": {"kind": "cnn1d"}}}
    },
}


def write_noise(folder, numbers):
    """Write recordings of a tenth of a second, each with other bytes; return their paths."""
    noise = np.random.default_rng(1).normal(0, 0.1, 800)
    paths = [folder / f"{number % 7}/take {number:06d}.wav" for number in numbers]
    for number, path in zip(numbers, paths, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.append(noise, [number % 100 / 100, number // 100 / 1000]), 8000)
    return paths


def test_jobs_do_not_grow_with_recordings(copy_checkout):
    workflow = copy_checkout()
    workflow.configure(EVERYTHING)
    planned = []
    for count in (3, 3000):
        for number in range(count):  # a dry run opens none of them
            path = workflow.folder / f"songs/{number % 7}/{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        planned.append(workflow.planned())
    assert planned[0] == planned[1] and planned[0]["transcribe_recordings"] == 16


@pytest.mark.slow
def test_ten_thousand_recordings(copy_checkout):
    workflow = copy_checkout()
    workflow.configure(EVERYTHING)
    source = workflow.folder / "songs"
    old = write_noise(source, range(10_000))

    def run():
        shutil.rmtree(workflow.folder / "logs", ignore_errors=True)
        done = workflow.run("corpora")
        counts = job_counts(done.stdout + done.stderr)
        logs = (workflow.folder / "logs/songs/decode_recordings").glob("*.log")
        found = [re.search(r"(\d+) decoded, ", path.read_text()) for path in logs]
        rows = read_table(workflow.folder / "results/songs/manifest.csv")
        assert counts["normalise_names"] == counts["decode_recordings"] == len(found)
        return len(found), sum(int(match[1]) for match in found), {row["source"] for row in rows}

    def buckets(paths):
        return len({bucket_of(slug(str(path.relative_to(source))), 16) for path in paths})

    assert run()[:2] == (16, 10_000)
    assert not workflow.planned("corpora")
    new = write_noise(source, range(10_000, 10_100))
    ran, decoded, rows = run()
    assert (ran, decoded, len(rows)) == (buckets(new), 100, 10_100)
    for path in (removed := old[:3]):
        path.unlink()
    ran, decoded, rows = run()
    assert (ran, decoded, len(rows)) == (buckets(removed), 0, 10_097)
    assert not rows & {f"songs/{path.relative_to(source)}" for path in removed}

    dry = [sys.executable, "-m", "snakemake", "--dry-run", "--configfile", "options.yaml"]
    process = subprocess.Popen(dry, cwd=workflow.folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert not process.returncode and usage.ru_maxrss < 400 * 1024


@pytest.mark.slow
def test_one_file_more_in_a_thousand_is_one_bucket_a_stage_and_one_decode(copy_checkout):
    workflow = copy_checkout()
    write_recordings(workflow.folder / "songs", 1000, seconds=0.5)
    workflow.configure(
        {
            "corpora": {"songs": {"source": "songs", "max_rejected": 0.9}},
            "music": {"tiny": {"corpus": "songs"}},
        }
    )
    workflow.run("corpora", "transcripts")
    assert len(read_table(workflow.folder / "results/songs/manifest.csv")) == 1000

    soundfile.write(workflow.folder / "songs/one more.wav", *melody(0.5, 5000))
    done = workflow.run("corpora", "transcripts")
    stages = ("normalise_names", "decode_recordings", "transcribe_recordings")
    counts = job_counts(done.stdout + done.stderr)
    assert {stage: counts[stage] for stage in stages} == dict.fromkeys(stages, 1)
    assert len(read_table(workflow.folder / "results/songs/manifest.csv")) == 1001

    assert "1 decoded, " in changed_log(workflow, "decode_recordings")
    assert "1 recordings heard, " in changed_log(workflow, "transcribe_recordings")


def changed_log(workflow, rule):
    """Return the log of the one job of a rule that ran last."""
    logs = (workflow.folder / f"logs/songs/{rule}").rglob("*.log")
    return max(logs, key=lambda path: path.stat().st_mtime).read_text()

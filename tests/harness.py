"""Run Snakemake on a copy of the workflow, with recordings made for the test."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from paths import ROOT

PARTS = ("Snakefile", "rules", "scripts", "src", "envs", "profiles", "report", "config.yaml")


def copy_workflow(folder):
    """Copy what a run of the workflow needs into a folder."""
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)


@dataclass
class Workflow:
    """A checkout in a temporary folder with its configuration."""

    folder: Path

    def configure(self, options):
        (self.folder / "options.yaml").write_text(json.dumps(options))  # JSON is YAML

    def run(self, *arguments, check=True, config="options.yaml"):
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--nocolor", *arguments]
        if config:
            command += ["--configfile", config]
        environment = {**os.environ, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, env=environment
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def planned(self, *targets, **options):
        """Return how many jobs of each rule a dry run plans."""
        done = self.run(*targets, "--dry-run", "--quiet", "rules", **options)
        return job_counts(done.stdout + done.stderr)


def job_counts(text):
    """Read the table of job counts that Snakemake prints."""
    rows = re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)
    return Counter({name: int(count) for name, count in rows if name != "total"})


def melody(seconds, seed, rate=22_050):
    """Return a struck melody of decaying harmonics: enough for a transcriber to find notes in."""
    rng = np.random.default_rng(seed)
    wave = np.zeros(round(seconds * rate))
    for start in np.arange(0.1, seconds - 0.3, 0.4):
        pitch = 440 * 2 ** ((rng.choice([0, 2, 4, 7, 9, 12]) - 9) / 12)
        time = np.arange(round(0.38 * rate)) / rate
        note = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in (1, 2, 3)) * np.exp(-3 * time)
        first = round(start * rate)
        wave[first : first + len(note)] += 0.3 * note[: len(wave) - first]
    wave += rng.normal(0, 1e-3, len(wave))  # no two recordings are equal
    return wave.astype(np.float32), rate


def write_recordings(folder, count, seconds=6.0):
    """Write ``count`` different little recordings."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        soundfile.write(folder / f"Pièce {number:04d}.wav", *melody(seconds, number))


TINY_MUSIC = {
    "corpus": "songs",
    "shards": {"minimum_notes": 4, "copies": 2, "shards": 1},
    "network": {"layers": 1, "width": 32, "heads": 2, "context": 64},
    "training": {"max_steps": 4, "batch": 2, "validation_interval": 2, "warmup_steps": 1},
    "generation": {"new": 1, "primers": 1, "variations": 1, "seconds": 4, "primer_seconds": 1},
}


@contextmanager
def edited(path, edit):
    """Apply ``edit`` to the bytes of a file, and put bytes and time stamp back afterwards."""
    before, state = path.read_bytes(), path.stat()
    path.write_bytes(edit(before))
    try:
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))

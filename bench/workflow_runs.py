"""What the measurements of scale share: little recordings, runs of the workflow and what they cost.

Only what Linux tells of each process is used: CPU seconds are user and system time of a process
and of all it waited for, memory is the largest resident set of any one of them.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[1]
RATE = 8000

# runs in every Python process of a measured run when it ends; the largest resident set is read
# from /proc, since what getrusage says of it is inherited from the process that forked
USAGE = """
import atexit, os, sys

def _say():
    import json, resource
    own = resource.getrusage(resource.RUSAGE_SELF)
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    row = [os.path.basename(sys.argv[0]), own.ru_utime + own.ru_stime, int(peak.split()[1]) / 1024]
    with open(os.environ["SOUNDMILL_USAGE"], "a") as file:
        file.write(json.dumps(row) + "\\n")

if "SOUNDMILL_USAGE" in os.environ and getattr(sys, "argv", None):
    atexit.register(_say)
"""


class Cost(NamedTuple):
    """What a command took, and what it said."""

    seconds: float
    cpu: float
    megabytes: float
    said: str


class Jobs(NamedTuple):
    """What the jobs of one rule took together, and the largest of them."""

    count: int
    cpu: float
    megabytes: float


def measure(command: Sequence[str], folder: Path, **environment: str) -> Cost:
    """Run a command in a folder; what it says goes to the error when it fails."""
    with tempfile.TemporaryFile() as file:
        started = time.perf_counter()
        # wait4 instead of subprocess' own waiting: it tells what this one process took
        process = subprocess.Popen(
            command, cwd=folder, stdout=file, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONWARNINGS": "ignore", **environment},
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        file.seek(0)
        said = file.read().decode(errors="replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed in {folder}:\n{said[-5000:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said)


class Site:
    """A working folder with a configuration, in which the checkout's workflow runs."""

    def __init__(self, folder: Path, options: dict[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "options.yaml").write_text(json.dumps(options))  # JSON is YAML
        self._site = folder / "site"
        self._site.mkdir(exist_ok=True)
        (self._site / "sitecustomize.py").write_text(USAGE)

    def run(self, *arguments: str) -> Cost:
        """Run Snakemake with these arguments."""
        command = [
            sys.executable, "-m", "snakemake", *arguments, "--nocolor",
            "--snakefile", str(ROOT / "Snakefile"),
            "--workflow-profile", str(ROOT / "profiles/default"),
            "--configfile", "options.yaml",
        ]  # fmt: skip
        path = os.pathsep.join(filter(None, [str(self._site), os.environ.get("PYTHONPATH")]))
        return measure(
            command, self.folder, PYTHONPATH=path, SOUNDMILL_USAGE=str(self.folder / "usage")
        )

    def jobs(self, *arguments: str) -> dict[str, Jobs]:
        """Run jobs and return what those of each rule took: the processes of their scripts."""
        usage = self.folder / "usage"
        usage.unlink(missing_ok=True)
        self.run("--cores", "all", *arguments)
        rows = defaultdict(list)
        for line in usage.read_text().splitlines():
            name, *figures = json.loads(line)
            if name.endswith(".py") and "." in name[:-3]:  # Snakemake's tmpXXXX.<rule>.py
                rows[name.split(".")[-2]].append(figures)
        return {
            rule: Jobs(len(jobs), sum(cpu for cpu, _ in jobs), max(peak for _, peak in jobs))
            for rule, jobs in rows.items()
        }

    def log_lines(self, rule: str) -> Iterator[str]:
        """Yield all lines of the logs of a rule."""
        for path in sorted((self.folder / "logs").glob(f"*/{rule}/**/*.log")):
            yield from path.read_text(errors="replace").splitlines()

    def pretend(self) -> None:
        """Make everything that is not built look as if it was: little files, empty folders."""
        for line in self.run("--summary").said.splitlines():
            name, *rest = line.split("\t")
            path = self.folder / name
            if not rest or not name.startswith(("results/", "benchmarks/")) or path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix:
                path.write_bytes(b"\n")
            else:
                path.mkdir()
        self.run("--cores", "1", "--touch", "--forceall", "--quiet", "all")


def job_counts(said: str) -> Counter[str]:
    """Return how many jobs of each rule Snakemake said it would run."""
    rows = re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE)
    return Counter({name: int(count) for name, count in rows})


def write_noises(folder: Path, numbers: Sequence[int], seconds: float = 0.1) -> None:
    """Write noise, in sub-folders of a thousand; each recording has other bytes."""
    noise = np.random.default_rng(1).normal(0, 2000, round(seconds * RATE)).astype("<i2")
    for number in numbers:
        path = folder / take_name(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        noise[:4] = np.frombuffer(np.int64(number).tobytes(), "<i2")
        with path.open("wb") as file:
            soundfile.write(file, noise, RATE, format="WAV")


def write_tune(path: Path, seed: int, seconds: float, comment: str) -> None:
    """Write struck notes, five in two seconds; ``comment`` changes the bytes of the file."""
    rate = 22_050
    rng = np.random.default_rng(seed)
    time = np.arange(round(0.4 * rate)) / rate
    pitches = 440 * 2 ** (rng.choice([-9, -7, -5, -2, 0, 3], round(seconds / 0.4)) / 12)
    notes = [
        sum(np.sin(2 * np.pi * pitch * k * time) / k for k in (1, 2, 3)) * np.exp(-3 * time)
        for pitch in pitches
    ]
    wave = 0.3 * np.concatenate(notes) + rng.normal(0, 1e-3, len(time) * len(notes))
    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        file.comment = comment
        file.write(wave)


def take_name(number: int) -> str:
    """Return the path of a recording inside its source."""
    return f"{number // 1000:03d}/Recording {number:06d}.wav"

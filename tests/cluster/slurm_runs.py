"""Run the workflow through Slurm, with faults in between, and count what ran."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from harness import TINY_MUSIC, Workflow
from slurm_cluster import wait_until

# one thread: another number of threads adds up in another order, and gives other bytes
TRAINING = {"threads": 1, "max_steps": 240, "validation_interval": 20, "patience": 100}
MODEL = {**TINY_MUSIC, "training": {**TINY_MUSIC["training"], **TRAINING}}
OPTIONS = {
    "corpora": {"songs": {"source": "songs", "buckets": 2}},
    "music": {"tiny": MODEL},
}
SHARDS = "results/music/tiny/shards"
METRICS = "results/music/tiny/metrics.json"
PATIENCE = 900  # seconds until a run counts as hung; no test waits for them when all is well


def read(path):
    """Return the text of a log; before a job begins again, Snakemake takes it away."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


class SlurmRun:
    """One call of Snakemake with the profile for Slurm."""

    started = ()  # all there have been, for whoever tidies up

    def __init__(self, folder, cluster, *arguments):
        self.folder, self.cluster = folder, cluster
        self.output = folder / f"run-{len(list(folder.glob('run-*.txt')))}.txt"
        # what is not asked for by the test comes from the profile as users have it
        command = [
            sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", *arguments,
            "--nocolor", "--slurm-init-seconds-before-status-checks", "1",
            "--configfile", "options.yaml",
        ]  # fmt: skip
        environment = {**os.environ, **cluster.environment}
        environment |= {"PYTHONPATH": "", "PYTHONWARNINGS": "ignore"}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
        SlurmRun.started += (self,)

    @property
    def text(self):
        return self.output.read_text()

    def job_of(self, rule, state="RUNNING"):
        """Return the number and node of this folder's job of a rule in a state, or None."""
        shown = self.cluster.command("squeue", "-h", "-t", state, "-o", "%A|%N|%k|%Z")
        for line in shown.splitlines():
            number, node, comment, folder = line.split("|")
            if folder == str(self.folder) and comment.startswith(f"rule_{rule}"):
                return number, node
        return None

    def wait_for(self, condition, what):
        """Wait until ``condition()`` is true while the run lasts; return its value."""

        def checked():
            value = condition()
            if not value and self.process.poll() is not None:
                raise AssertionError(f"the run ended before {what}:\n{self.text}")
            return value

        return wait_until(checked, PATIENCE, what)

    def wait_for_job(self, rule, log, words):
        """Wait until a job of a rule has written some words to its log; return number and node."""
        path = self.folder / log

        def begun():
            found = self.job_of(rule)
            return found if found and words in read(path) else None

        return self.wait_for(begun, f"'{words}' of {rule}")

    def end(self, code=0, patience=PATIENCE):
        """Wait for the end, which must come, and with this exit status."""
        try:
            got = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.stop()
            raise AssertionError(f"hung:\n{self.text}") from None
        assert got == code, self.text
        return self

    def stop(self):
        """Interrupt, as Ctrl-C does, and wait for the end."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)

    def kill(self):
        """Kill Snakemake itself, without a chance to tidy up; its jobs run on."""
        self.process.kill()
        self.process.wait()


class SlurmWorkflow(Workflow):
    """A checkout that is run through Slurm."""

    def slurm(self, cluster, *arguments):
        return SlurmRun(self.folder, cluster, *arguments)

    def finished(self):
        """Return how often a job of each rule was finished, in all runs together."""
        text = "".join(path.read_text() for path in self.folder.glob("run-*.txt"))
        return Counter(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", text))

    def submitted(self, cluster):
        """Return how often a job of each rule was submitted to Slurm."""
        shown = cluster.command("squeue", "-h", "-t", "all", "-o", "%k|%Z")
        lines = [line.split("|") for line in shown.splitlines()]
        own = [comment for comment, folder in lines if folder == str(self.folder)]
        return Counter(re.findall(r"rule_(\w+?)(?:_wildcards_\S*)?$", "\n".join(own), re.M))

    def copy(self, folder):
        """Return a copy with all results and what Snakemake knows of them."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return SlurmWorkflow(Path(folder))


# tables that hold, among figures that must be the same, how long something took
TIMED = re.compile(
    r"(^|/)(metrics|evaluation|\w*training|practical|predictions|outputs|export|long|pieces)\.json$"
    r"|(^|/)(\w*curves|pieces)\.csv$"
)


# names of such entries: seconds and milliseconds, speed beside real time, memory
MEASURED = re.compile(r"second|factor|peak_memory")


def untimed(value):
    """Return a value of a JSON file without the entries that were measured while it was made."""
    if isinstance(value, dict):
        return {key: untimed(held) for key, held in value.items() if not MEASURED.search(key)}
    return [untimed(held) for held in value] if isinstance(value, list) else value


def content(path):
    """Return what has to be the same of a file: its bytes, but for times in tables of figures."""
    data = path.read_bytes()
    if not TIMED.search(str(path)):
        return data
    if path.suffix == ".json":
        return untimed(json.loads(data))
    rows = list(csv.DictReader(data.decode().splitlines()))
    return untimed(rows)


def contents(folder, without=()):
    """Return the content of each file below a folder but those whose path matches a pattern."""
    names = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: content(path)
        for name, path in names.items()
        if not name.startswith((".state", ".cache"))
        and not any(re.search(pattern, name) for pattern in without)
    }


def same_contents(one, other, without=()):
    """Assert that two folders of results hold the same files with the same content."""
    first, second = contents(one, without), contents(other, without)
    assert sorted(first) == sorted(second)
    assert [name for name in sorted(first) if first[name] != second[name]] == []

"""`soundmill status` beside a run and after it: the workflow is real, and so are its faults."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from harness import write_recordings
from paths import ROOT


@pytest.fixture(scope="module")
def workflow(copy_checkout):
    workflow = copy_checkout()
    write_recordings(workflow.folder / "songs", 4, seconds=2.0)
    (workflow.folder / "songs/broken.wav").write_bytes(b"no sound at all")
    songs = {"source": "songs", "buckets": 1, "max_rejected": 0}
    workflow.configure({"corpora": {"songs": songs}})
    return workflow


def status(folder, *arguments):
    command = [sys.executable, "-m", "soundmill.cli.main", "status", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def stages(done):
    found = json.loads(done.stdout)
    return found, {stage["rule"]: stage for stage in found["stages"]}


def run_beside(workflow, log, *arguments):
    """Run to the end; return its exit status, and the status asked for when a log was begun."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    environment = {**os.environ, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore"}
    with open(workflow.folder / "run.txt", "w") as output:
        run = subprocess.Popen(
            command, cwd=workflow.folder, env=environment, stdout=output, stderr=output
        )
    while run.poll() is None and not (workflow.folder / log).exists():
        time.sleep(0.05)
    run.send_signal(signal.SIGSTOP)  # it shall not be over before it is looked at
    try:
        beside = status(workflow.folder, "--json")
    finally:
        run.send_signal(signal.SIGCONT)
    return run.wait(), beside


def test_status_beside_a_run_and_after_it_failed(workflow):
    folder = workflow.folder
    log = "logs/songs/normalise_names/00.log"
    code, beside = run_beside(workflow, log, "corpora", "--configfile", "options.yaml")
    assert code == 1 and "max_rejected" in (folder / "run.txt").read_text()
    found, _ = stages(beside)  # its configuration and targets are remembered
    assert found["targets"] == ["corpora"], beside.stderr
    whole = found["all"]
    assert whole["jobs"] == 4 and whole["done"] + whole["running"] == 1 and whole["waiting"] == 3
    assert found["run"]["alive"] is True and found["run"]["executor"] == "local"

    logs = list(folder.glob(".snakemake/log/*"))
    after = status(folder, "--json")
    found, rules = stages(after)
    assert after.returncode == 1 and found["run"]["alive"] is False, after.stderr
    decode = rules["decode_recordings"]
    assert (decode["done"], decode["recordings"], decode["rejected"]) == (1, 4, 1)
    assert decode["sound_seconds"] == 8 and decode["realtime_factor"] > 0
    (failed,) = found["failed"]
    assert failed["rule"] == "accept_corpus" and "max_rejected: 0 allows" in failed["note"]

    text = status(ROOT, "--directory", folder).stdout  # from elsewhere
    assert re.search(r"^decode_recordings +1 +1 +4 +1 +8 s", text, re.MULTILINE)
    assert "3 of 4 jobs done" in text and "\x1b" not in text
    # it took no lock and wrote no log
    assert not list(folder.glob(".snakemake/locks/*"))
    assert list(folder.glob(".snakemake/log/*")) == logs


def test_where_there_is_no_workflow_that_is_said(tmp_path):
    done = status(tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "No Snakefile found" in done.stderr


def test_a_wrong_configuration_is_said(workflow):
    wrong = workflow.folder / "wrong.yaml"
    wrong.write_text("corpora: {songs: {sauce: songs}}")
    done = status(workflow.folder, "--configfile", "wrong.yaml")
    assert done.returncode == 1 and "sauce" in done.stderr and "Traceback" not in done.stderr


def test_logs_mirror_benchmarks():
    """The cost table finds the log of a job by the path of its benchmark."""
    text = "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    logs, benchmarks = (
        re.findall(pattern, text) for pattern in (r'"logs/(.+)\.log"', r'"benchmarks/(.+)\.tsv"')
    )
    assert logs == benchmarks and len(logs) > 50


def test_there_is_one_onstart():
    """A second one would silently take the place of the first."""
    files = [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk"), *ROOT.glob("workflow/*")]
    text = "\n".join(path.read_text() for path in files if path.is_file())
    assert len(re.findall(r"^onstart:", text, re.MULTILINE)) == 1

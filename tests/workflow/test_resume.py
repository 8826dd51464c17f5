"""A power cut in the middle of a training: the next run goes on and ends with the same bytes."""

import shutil
import subprocess
import sys
import time

import psutil
from harness import TINY_MUSIC, write_recordings

TARGET = "results/music/tiny/metrics.json"
MODEL = "results/music/tiny/model/model.safetensors"
LOG = "logs/music/tiny/train_transformer.log"


def kill_when(folder, words, command):
    """Start a command and kill it and all its descendants once its training log holds words."""
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (folder / LOG).exists() and words in (folder / LOG).read_text():
            break
        time.sleep(0.02)
    running = psutil.Process(process.pid)
    for victim in [running, *running.children(recursive=True)]:
        victim.kill()
    process.wait()
    assert words in (folder / LOG).read_text()


def test_a_killed_run_resumes_its_training(copy_checkout):
    workflow = copy_checkout()
    write_recordings(workflow.folder / "songs", 6)
    training = {**TINY_MUSIC["training"], "max_steps": 300, "validation_interval": 10}
    model = {**TINY_MUSIC, "training": {**training, "patience": 100}}
    workflow.configure(
        {"corpora": {"songs": {"source": "songs", "buckets": 2}}, "music": {"tiny": model}}
    )
    workflow.run(TARGET)
    undisturbed = (workflow.folder / MODEL).read_bytes()

    for name in ("model", "metrics.json", "curves.csv"):
        path = workflow.folder / "results/music/tiny" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (workflow.folder / LOG).unlink()
    options = ("--cores", "2", "--configfile", "options.yaml")
    command = [sys.executable, "-m", "snakemake", TARGET, *options]
    kill_when(workflow.folder, "step 50 of", command)
    assert not (workflow.folder / MODEL).exists()

    workflow.run("--unlock")
    workflow.run(TARGET)
    assert "resuming after epoch" in (workflow.folder / LOG).read_text()
    assert (workflow.folder / MODEL).read_bytes() == undisturbed
    assert not (workflow.folder / "results/.state/music/tiny").exists()

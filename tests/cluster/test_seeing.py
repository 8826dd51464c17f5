"""What is seen of a run on a cluster: `soundmill status`, the cost table, Snakemake's report."""

import csv
import json
import os
import subprocess
import sys
import zipfile

from slurm_cluster import wait_until

COSTS = "results/costs.html"
TRAINED = "logs/music/tiny/train_transformer.log"


def status(workflow, cluster):
    """Return the exit status and the JSON of `soundmill status`."""
    environment = {**os.environ, **cluster.environment}
    environment |= {"PYTHONPATH": str(workflow.folder / "src"), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "soundmill.cli.main", "status", "--json"]
    done = subprocess.run(
        command, cwd=workflow.folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    found = json.loads(done.stdout)
    return done.returncode, found, {stage["rule"]: stage for stage in found["stages"]}


def train_for(workflow, steps):
    """Let the training of a workflow last so many steps."""
    options = json.loads((workflow.folder / "options.yaml").read_text())
    options["music"]["tiny"]["training"]["max_steps"] = steps
    workflow.configure(options)


def test_a_run_on_slurm_is_seen_while_it_lasts_when_it_dies_and_when_it_is_over(cluster, learning):
    begun, _ = learning
    train_for(begun, 1_000_000)  # until it is cancelled
    run = begun.slurm(cluster, COSTS)
    number, node = run.wait_for_job("train_transformer", TRAINED, "step 20 of")
    code, found, stages = status(begun, cluster)
    assert (code, found["run"]["alive"], found["run"]["executor"]) == (0, True, "slurm")
    (job,) = [job for job in found["running"] if job["rule"] == "train_transformer"]
    assert (job["slurm_job"], job["host"]) == (number, node) and "step" in job["says"]
    heard = stages["transcribe_recordings"]
    assert (heard["done"], heard["recordings"]) == (2, 6)
    assert heard["sound_seconds"] == 6 * 90 and heard["realtime_factor"] > 0
    assert stages["generate_music"]["waiting"] == 1

    run.kill()
    code, found, stages = status(begun, cluster)  # its job lives on
    assert (code, found["run"]["alive"]) == (0, False)
    assert stages["train_transformer"]["running"] == 1
    cluster.command("scancel", number)
    # as long as Slurm is about to kill it, it runs
    queue = ("squeue", "-h", "-o", "%A")
    wait_until(lambda: number not in cluster.command(*queue).split(), 60, "the end of the job")
    code, found, stages = status(begun, cluster)
    assert (code, stages["train_transformer"]["failed"]) == (1, 1)
    assert f"Slurm job {number} is gone" in found["failed"][0]["note"]

    begun.run("--unlock")
    train_for(begun, 20)
    begun.slurm(cluster, COSTS).end()
    code, found, stages = status(begun, cluster)
    assert code == 0 and found["all"]["done"] == found["all"]["jobs"]
    with open(begun.folder / "results/costs.csv", newline="") as file:
        costs = {row["rule"]: row for row in csv.DictReader(file)}
    trained = costs["train_transformer"]
    assert float(trained["queue_seconds"]) >= 0 and float(trained["mean_load"]) > 0
    assert float(trained["requested_mb"]) > float(trained["max_rss_mb"])
    assert float(trained["requested_minutes"]) * 60 > float(trained["longest_seconds"])

    begun.run("--report", "report.zip", COSTS)
    with zipfile.ZipFile(begun.folder / "report.zip") as report:
        names = report.namelist()
        page = report.read(next(name for name in names if name.endswith("report.html")))
    assert any(name.endswith("/costs.html") for name in names)
    assert b"train_transformer" in page  # with its run time, which its own process noted

"""What the site's file says, and what rules ask for, is what Slurm is told."""

import json

from slurm_cluster import wait_until
from slurm_runs import METRICS, OPTIONS

SITE = """
default-resources: {slurm_account: physics, slurm_partition: main}
set-resources:
  train_transformer: {slurm_partition: gpu}
"""


def test_account_partition_memory_time_and_gpu_arrive(cluster, learning):
    options = json.loads(json.dumps(OPTIONS))
    options["music"]["tiny"]["training"]["accelerator"] = "gpu"
    begun, _ = learning
    begun.configure(options)
    (begun.folder / "site.yaml").write_text(SITE)
    run = begun.slurm(cluster, METRICS, "--profile", "site.yaml")
    number, _ = run.wait_for(lambda: run.job_of("train_transformer"), "a job")
    job = cluster.job(number)
    run.stop()
    assert job["Partition"] == "gpu" and job["BatchHost"] == "node2"
    assert job["TresPerJob"] == "gres:gpu:1"
    assert job["TimeLimit"] == "12:00:00"
    assert job["MinMemoryNode"] == "4300M"
    assert job["Account"] == "physics"
    wait_until(lambda: not cluster.jobs(), 60, "an empty queue")

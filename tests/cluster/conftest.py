"""A Slurm cluster for the tests of this folder; without one they are skipped, with the reason."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from harness import copy_workflow, write_recordings

sys.path.insert(0, str(Path(__file__).parent))

from slurm_cluster import SlurmCluster, why_not
from slurm_runs import METRICS, OPTIONS, SHARDS, SlurmRun, SlurmWorkflow


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("cluster")


@pytest.fixture(scope="session")
def cluster():
    """A cluster of two nodes; it ends with the tests, however they end."""
    if reason := why_not():
        # set where everything is installed (.ci/run), so that nothing is skipped unseen
        if os.environ.get("SOUNDMILL_NO_SKIPS"):
            pytest.fail(reason)
        pytest.skip(reason)
    lab = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # short: sockets lie in it
    started = SlurmCluster(lab)
    try:
        started.up()
        yield started
    finally:
        started.down()
        shutil.rmtree(lab)


@pytest.fixture(autouse=True)
def tidied(cluster):
    """Whatever a test did, the next one finds both nodes, no job, and no Snakemake at work."""
    yield
    for run in SlurmRun.started:
        if run.process.poll() is None:
            run.kill()
    cluster.command("scancel", "--user=root")
    for name in cluster.names:
        if not cluster.alive(name):
            cluster.crash(name)
            cluster.boot(name)


@pytest.fixture(scope="session")
def stages(cluster, tmp_path_factory):
    """What undisturbed local runs make: recordings decoded, then heard, then learned from."""
    folder = tmp_path_factory.mktemp("decoded") / "here"
    folder.mkdir()
    copy_workflow(folder)
    write_recordings(folder / "songs", 6, 90)
    decoded = SlurmWorkflow(folder)
    decoded.configure(OPTIONS)
    decoded.run("corpora")
    heard = decoded.copy(tmp_path_factory.mktemp("heard") / "here")
    heard.run(SHARDS)
    trained = heard.copy(tmp_path_factory.mktemp("trained") / "here")
    trained.run(METRICS)
    return decoded, heard, trained


@pytest.fixture
def hearing(stages, tmp_path):
    """A checkout to disturb while it transcribes, and what it shall come to."""
    decoded, heard, _ = stages
    return decoded.copy(tmp_path / "here"), heard


@pytest.fixture
def learning(stages, tmp_path):
    """A checkout to disturb while it trains, and what it shall come to."""
    _, heard, trained = stages
    return heard.copy(tmp_path / "here"), trained

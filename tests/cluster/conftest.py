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
from slurm_runs import OPTIONS, SlurmRun, SlurmWorkflow


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
def decoded(cluster, tmp_path_factory):
    """A checkout whose recordings are decoded; every test starts from a copy of it."""
    folder = tmp_path_factory.mktemp("decoded") / "here"
    folder.mkdir()
    copy_workflow(folder)
    write_recordings(folder / "songs", 6, 90)
    workflow = SlurmWorkflow(folder)
    workflow.configure(OPTIONS)
    workflow.run("corpora")
    return workflow


@pytest.fixture(scope="session")
def undisturbed(decoded, tmp_path_factory):
    """The same, finished by a local run that nothing disturbed."""
    workflow = decoded.copy(tmp_path_factory.mktemp("undisturbed") / "here")
    workflow.run("results/music/tiny/metrics.json")
    return workflow


@pytest.fixture
def begun(decoded, undisturbed, tmp_path):
    """A checkout of its own to disturb: recordings are decoded, all else is to be done."""
    return decoded.copy(tmp_path / "here")

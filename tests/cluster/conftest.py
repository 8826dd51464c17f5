"""A Slurm cluster for the tests of this folder; without one they are skipped, with the reason."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from slurm_cluster import SlurmCluster, why_not


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

"""A fresh copy of the workflow in a temporary folder."""

import pytest
from harness import Workflow, copy_workflow


@pytest.fixture(scope="session")
def copy_checkout(tmp_path_factory):
    """Return a function that makes a fresh copy of the workflow."""

    def copy():
        folder = tmp_path_factory.mktemp("checkout")
        copy_workflow(folder)
        return Workflow(folder)

    return copy

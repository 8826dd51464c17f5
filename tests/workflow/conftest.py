"""A fresh copy of the workflow in a temporary folder."""

import shutil

import pytest
from harness import Workflow
from paths import ROOT

PARTS = ("Snakefile", "rules", "scripts", "src", "envs", "profiles", "report", "config.yaml")


@pytest.fixture(scope="session")
def copy_checkout(tmp_path_factory):
    """Return a function that makes a fresh copy of the workflow."""

    def copy():
        folder = tmp_path_factory.mktemp("checkout")
        for name in PARTS:
            source = ROOT / name
            if source.is_dir():
                ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, folder / name, ignore=ignore)
            else:
                shutil.copy(source, folder / name)
        return Workflow(folder)

    return copy

"""The whole demo through Slurm has the bytes of a local run."""

import shutil

from harness import Workflow, copy_workflow
from slurm_runs import SlurmWorkflow, same_contents

EXCEPT = (
    # pages and cards that tell how long something took
    r"^(index|costs)\.(html|csv)$",
    r"^music/\w+/figures/training\.html$",
    r"^(classification|fusion|soundscapes)/\w+/(report/index\.html|model_card\.(json|md))$",
)
HOUR = 3600


def test_the_demo_is_the_same(cluster, tmp_path):
    local, far = tmp_path / "local", tmp_path / "far"
    for folder in (local, far):
        folder.mkdir()
        copy_workflow(folder)
    shutil.copy(local / "config.yaml", far / "options.yaml")
    Workflow(local).run(config=None)
    SlurmWorkflow(far).slurm(cluster).end(patience=HOUR)
    same_contents(local / "results", far / "results", EXCEPT)

"""A training on both nodes: the same as on one, also when a node dies in the middle."""

import pytest
from slurm_runs import MODEL, OPTIONS

from soundmill.status import read_table

MODEL_FOLDER = "results/music/tiny/model"
TARGET = "results/music/tiny/metrics.json"
# a second attempt asks for twice as much, which these nodes do not have
SMALL = ("--set-resources", "train_transformer:mem_mb=3000")
LOG = "logs/music/tiny/train_transformer.log"


def test_two_nodes_learn_as_one_and_go_on_when_one_dies(cluster, stages, tmp_path):
    undisturbed = stages[-1]
    work = undisturbed.copy(tmp_path / "here")
    training = {**MODEL["training"], "nodes": 2, "accelerator": "cpu"}
    work.configure({**OPTIONS, "music": {"tiny": {**MODEL, "training": training}}})
    work.slurm(cluster, TARGET, *SMALL).end()
    assert work.finished() == {"train_transformer": 1}
    assert "2 processes share each batch: 1 on node1, 1 on node2" in (work.folder / LOG).read_text()
    assert_same_curve(undisturbed.folder, work.folder)

    model = work.folder / MODEL_FOLDER
    learned = {path.name: path.read_bytes() for path in model.iterdir()}
    for old in (TARGET, LOG):
        (work.folder / old).unlink()
    run = work.slurm(cluster, TARGET, *SMALL)
    run.wait_for_job("train_transformer", LOG, "step 60 of")
    cluster.crash("node2")
    cluster.boot("node2")
    run.end()
    assert "resuming after epoch" in (work.folder / LOG).read_text()
    assert {path.name: path.read_bytes() for path in model.iterdir()} == learned


def assert_same_curve(one, other):
    """The learning curves differ by rounding at most."""
    rows, others = (read_table(f / "results/music/tiny/curves.csv") for f in (one, other))
    assert len(rows) == len(others) > 2
    for row, same in zip(rows, others, strict=True):
        for name in row.keys() - {"seconds"}:
            assert float(same[name]) == pytest.approx(float(row[name]), rel=1e-3), name

import numpy as np
import pytest
import torch
from classification.network_toys import toy_material, write_toy_task

from soundmill.classification.aggregation import aggregate
from soundmill.classification.export import aggregate_tensor, export_network
from soundmill.classification.network_fitting import fit_network
from soundmill.classification.network_model import describe_network, save_network
from soundmill.classification.network_options import ClassifierOptions
from soundmill.errors import InputError
from soundmill.files import read_json
from soundmill.training import copy_weights


def save_toy(folder, kind, task="single", **changes):
    options = ClassifierOptions(
        kind=kind, width=8, depth=2, chunk_seconds=1.0, epochs=1, batch=8, **changes
    )
    material = toy_material(task)
    networks = [fit_network(material, options, seed).network for seed in (1, 2)]
    config = describe_network(
        networks[0], classes=[f"c{i}" for i in range(material.outputs)], frames=20,
        frame_rate=20.0, spectra={},
    )  # fmt: skip
    save_network(folder, [copy_weights(network) for network in networks], config)


VOTE = {"aggregation": "vote", "normalise": "chunk"}
SLOW = pytest.mark.slow


@pytest.mark.parametrize("kind, task, options", [
    ("crnn", "multi", {"aggregation": "log_mean", "normalise": "peak", "mean_removal": 0.5}),
    ("attention", "single", {"aggregation": "attention", "reduce_frames": 2}),
    pytest.param("cnn", "single", VOTE, marks=SLOW),
    pytest.param("residual", "regression", {"aggregation": "vote"}, marks=SLOW),
    pytest.param("cnn1d", "single", {"aggregation": "max"}, marks=SLOW),
])  # fmt: skip
def test_the_exported_network_decides_the_same(tmp_path, kind, task, options):
    pair = write_toy_task(tmp_path)
    save_toy(tmp_path / "model", kind, task, **options)
    names = [f"r{i}" for i in range(24, 30)]
    export_network(tmp_path / "model", [pair], names, tmp_path / "m.onnx", tmp_path / "e.json")
    report = read_json(tmp_path / "e.json")
    assert 0 <= report["difference"] <= 1e-4 and report["chunks"] > len(names)
    assert report["input"]["shape"] == ["chunks", 20, 16] and report["seeds"] == 2
    # neither the folder it was made in nor torch's: the same bytes anywhere, and nothing private
    assert b".py" not in (tmp_path / "m.onnx").read_bytes()


def test_an_export_that_decides_otherwise_is_not_written(tmp_path, monkeypatch):
    from soundmill.classification import export

    pair = write_toy_task(tmp_path)
    save_toy(tmp_path / "model", "cnn1d")
    monkeypatch.setattr(export, "aggregate_tensor", lambda values, *_: values[0] * 0)
    with pytest.raises(RuntimeError, match="differ"):
        export_network(tmp_path / "model", [pair], ["r1"], tmp_path / "m.onnx", tmp_path / "e.json")
    assert not (tmp_path / "m.onnx").exists() and not (tmp_path / "e.json").exists()
    with pytest.raises(InputError, match="no recording"):
        export_network(tmp_path / "model", [pair], [], tmp_path / "m.onnx", tmp_path / "e.json")


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
@pytest.mark.parametrize("method", ["mean", "log_mean", "vote", "max"])
def test_aggregation_of_tensors_is_that_of_arrays(kind, method):
    for count in (1, 4, 5):
        values = torch.rand(count, 3, generator=torch.Generator().manual_seed(count)).double()
        values = values / values.sum(1, keepdim=True) if kind == "single" else values
        expected = aggregate(values.numpy(), method, kind)
        assert np.allclose(aggregate_tensor(values, method, kind), expected, atol=1e-9)

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from classification.network_toys import SPECTRA, toy_material, write_toy_task

from soundmill.classification.network_fitting import fit_network
from soundmill.classification.network_learner import _class_weights
from soundmill.classification.network_model import load_network
from soundmill.classification.network_options import (
    ClassifierOptions,
    SpectralAugmentationOptions,
    StartOptions,
)
from soundmill.classification.network_training import Outputs, train_network
from soundmill.classification.predictions import read_predictions, recordings_of, segments_of
from soundmill.errors import InputError
from soundmill.features.spectra_store import SpectraStore
from soundmill.status import read_table

OPTIONS = ClassifierOptions(
    width=8, depth=2, chunk_seconds=1.0, epochs=4, batch=6, seeds=2, average=0.8, dropout=0.3,
    learning_rate=0.01,
    spectral=SpectralAugmentationOptions(speed=0.1, warp=0.05, time_masks=1, noise=0.3, mixup=0.3),
)  # fmt: skip
SAME = ("predictions.parquet", "model/seed-1.safetensors", "model/config.json")


def run(data: Path, folder: Path, options=OPTIONS, fold="0", seed=3, **changes):
    folder.mkdir(exist_ok=True)
    train_network(
        data / changes.pop("task", "task"), fold, [(data / "b.npy", data / "b.csv")], {},
        Outputs(
            folder / "predictions.parquet", folder / "training.json", folder / "curves.csv",
            folder / "model",
        ),
        folder / "state", options, SPECTRA, seed, code="abc", threads=1, **changes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_toy_task(folder)
    return folder


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run(data, folder)
    return folder


def same_bytes(one, other, names=SAME):
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def curve(folder):
    rows = read_table(folder / "curves.csv")
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {paths!r}
import test_network_training as t
from soundmill.classification import network_data, network_training

def kill(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

if {epoch} is None:
    network_training.write_predictions = kill  # after training, before anything is written
else:
    seeds, read = [], network_data.Crops.epoch
    def epoch(self, number):
        if self._seed not in seeds: seeds.append(self._seed)
        return kill() if (len(seeds), number) == {epoch} else read(self, number)
    network_data.Crops.epoch = epoch
t.run(Path({data!r}), Path({folder!r}))
"""


@pytest.mark.parametrize("epoch", [(2, 1), None])
def test_a_killed_training_resumes_to_the_same_bytes(data, whole, tmp_path, epoch, caplog):
    script = KILLED.format(
        paths=[str(p) for p in Path(__file__).parents[:2]], epoch=epoch, data=str(data),
        folder=str(tmp_path),
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "model").exists()
    with caplog.at_level("INFO"):
        run(data, tmp_path)
    if epoch:
        assert f"resuming after epoch {epoch[1]}" in caplog.text
    assert "seed 1, epoch" not in caplog.text  # seeds that are done are kept
    assert same_bytes(tmp_path, whole) and curve(tmp_path) == curve(whole)
    assert not (tmp_path / "state").exists()


def test_same_seed_same_bytes_other_seed_other_weights(data, whole, tmp_path):
    run(data, tmp_path / "again")
    run(data, tmp_path / "other", seed=4)
    assert same_bytes(tmp_path / "again", whole)
    assert not same_bytes(tmp_path / "other", whole, ["model/seed-1.safetensors"])
    one, two = (whole / f"model/seed-{n}.safetensors" for n in (1, 2))
    assert one.read_bytes() != two.read_bytes()


def test_predictions_hold_chunks_and_recordings_of_both_parts_by_seed(whole):
    table = read_predictions([whole / "predictions.parquet"])
    recordings, chunks = recordings_of(table), segments_of(table)
    assert len(recordings) == 2 * 12
    parts = recordings.groupby("part")["id"].agg(set)
    assert parts["valid"] == {f"r{i}" for i in range(18, 24)}
    assert parts["test"] == {f"r{i}" for i in range(24, 30)}
    assert set(table["seed"]) == {1, 2} and set(table["fold"]) == {"0"}
    columns = ["p_0", "p_1", "p_2"]
    assert np.allclose(table[columns].sum(axis=1), 1, atol=1e-5)
    mean = chunks.groupby(["seed", "id"])[columns].mean()
    assert np.allclose(recordings.set_index(["seed", "id"])[columns].sort_index(), mean, atol=1e-5)
    starts = chunks[(chunks["seed"] == 1) & (chunks["id"] == "r24")]["start"]
    assert starts.iloc[0] == 0 and starts.iloc[1] == 0.5  # half a chunk of a second


def test_the_model_folder_decides_as_the_training_did(data, whole):
    model = load_network(whole / "model")
    spectrum = SpectraStore([(data / "b.npy", data / "b.csv")])["r25"]
    segments, starts, recording = model.predict(spectrum)
    table = recordings_of(read_predictions([whole / "predictions.parquet"]))
    written = table[table["id"] == "r25"][["p_0", "p_1", "p_2"]].mean()
    assert np.allclose(recording, written, atol=1e-5)
    assert segments.shape == (len(starts), 3) and starts[1] == 0.5
    assert model.classes == ["low", "middle", "high"]
    with pytest.raises(InputError, match="16 bands"):
        model.predict(spectrum[:, :8])


def test_damaged_models_are_refused(whole, tmp_path):
    import shutil

    with pytest.raises(InputError, match="not a readable model folder"):
        load_network(tmp_path)
    folder = shutil.copytree(whole / "model", tmp_path / "model")
    content = bytearray((folder / "seed-2.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "seed-2.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="checksum differs"):
        load_network(folder)


def test_loading_a_model_does_not_import_lightning():
    code = "import sys, soundmill.classification.network_model; print('lightning' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ}
    )
    assert done.stdout.strip() == "False", done.stderr


def test_the_fold_for_use_has_no_test_rows(data, tmp_path):
    run(data, tmp_path, OPTIONS.model_copy(update={"seeds": 1}), fold="all")
    table = read_predictions([tmp_path / "predictions.parquet"])
    assert set(table["part"]) == {"valid"}
    training = json.loads((tmp_path / "training.json").read_text())
    assert training["train_examples"] == 24 and training["parameters"] > 0
    assert training["seconds_a_recording"] > 0


def test_the_best_epoch_is_kept_and_patience_ends_the_training():
    options = ClassifierOptions(
        width=8, depth=1, chunk_seconds=1.0, epochs=30, batch=8, learning_rate=0.9, patience=3
    )
    fitted = fit_network(toy_material(), options, 1)
    losses = [row["valid_loss"] for row in fitted.curve]
    assert fitted.best_epoch == int(np.argmin(losses)) + 1
    assert len(losses) == min(fitted.best_epoch + 3, 30) and len(losses) < 30


def test_without_validation_the_last_weights_are_kept():
    options = OPTIONS.model_copy(update={"average": 0.0, "patience": 1})
    fitted = fit_network(toy_material(valid=0), options, 1)
    assert len(fitted.curve) == fitted.best_epoch == 4
    assert fitted.curve[-1]["valid_loss"] is None


def test_recordings_without_spectrum_are_left_out_and_an_empty_fold_is_refused(
    data, tmp_path, caplog
):
    material = toy_material(train=[])
    assert len(material.train) == 0
    lines = (data / "b.csv").read_text().splitlines()
    less = tmp_path / "less"
    less.mkdir()
    (less / "b.npy").write_bytes((data / "b.npy").read_bytes())
    (less / "b.csv").write_text("\n".join(lines[:1] + lines[3:]) + "\n")
    task = write_toy_task(tmp_path)[0].parent / "task"
    one = OPTIONS.model_copy(update={"seeds": 1, "epochs": 1})
    with caplog.at_level("WARNING"):
        run(less, tmp_path / "out", one, task=task)
    assert "2 of 18 recordings have no spectrum" in caplog.text
    (less / "b.csv").write_text(lines[0] + "\n")
    with pytest.raises(InputError, match="training part is empty"):
        run(less, tmp_path / "out", one, task=task)


def test_class_weights_make_classes_count_alike():
    material = toy_material(count=9, valid=0)
    targets = np.eye(3, dtype=np.float32)[[0] * 6 + [1] * 2 + [2]]
    uneven = toy_material(count=9, valid=0, train_targets=targets)
    weights = _class_weights(uneven, True)
    assert np.allclose(weights * targets.sum(0), 3)
    assert (_class_weights(material, False) == 1).all()
    tags = toy_material("multi", count=9, valid=0, train_targets=targets)
    assert np.allclose(_class_weights(tags, True), [0.5, 3.5, 8])


def start_options(freeze):
    start = StartOptions(task="a", learner="b", freeze=freeze, rate_factor=0.5)
    return OPTIONS.model_copy(update={"start_from": start, "average": 0.0, "seeds": 1})


@pytest.mark.parametrize("freeze", [0, 1, 2])
def test_transfer_freezes_exactly_the_first_blocks(whole, freeze):
    lent = load_network(whole / "model")
    fitted = fit_network(toy_material(valid=0), start_options(freeze), 1, lent)
    pairs = zip(fitted.network.blocks, lent.networks[0].blocks, strict=True)
    same = [
        all(torch.equal(a, b.state_dict()[name]) for name, a in block.state_dict().items())
        for block, b in pairs
    ]
    assert same == [number < freeze for number in range(2)]
    assert torch.equal(fitted.network.front.mean, lent.networks[0].front.mean)


def test_transfer_needs_a_network_of_the_same_shape(data, whole, tmp_path):
    start = StartOptions(task="a", learner="b")
    other = OPTIONS.model_copy(update={"start_from": start, "width": 12})
    with pytest.raises(InputError, match="width is 12, not 8"):
        run(data, tmp_path, other, start=whole / "model")


def test_unknown_copies_are_refused(data, tmp_path):
    with pytest.raises(InputError, match="'codec' is not among none"):
        run(data, tmp_path, OPTIONS.model_copy(update={"augmentations": ("codec",)}))

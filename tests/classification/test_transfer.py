import itertools

import numpy as np
import pytest
from classification.network_toys import SPECTRA, toy_material, write_toy_task

from soundmill.classification import network_trials
from soundmill.classification.ablation import measure_ablation, variants
from soundmill.classification.network_fitting import fit_network
from soundmill.classification.network_model import describe_network, save_network
from soundmill.classification.network_options import (
    ClassifierOptions,
    SpectralAugmentationOptions,
)
from soundmill.classification.network_trials import draw_clips
from soundmill.classification.transfer import measure_transfer
from soundmill.errors import InputError
from soundmill.files import read_json
from soundmill.training import copy_weights

OPTIONS = ClassifierOptions(
    width=8, depth=2, chunk_seconds=1.0, epochs=4, batch=8, learning_rate=0.01, seeds=1
)


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
def test_small_draws_lie_in_larger_ones_and_serve_all_classes(kind):
    material = toy_material(kind, valid=0)
    draws = [set(draw_clips(material, clips, 7)) for clips in (1, 2, 4, 100)]
    if kind != "multi":
        assert all(small <= large for small, large in itertools.pairwise(draws))
        assert [len(draw) for draw in draws] == [
            clips * material.outputs for clips in (1, 2, 4)
        ] + [24]
    if kind != "regression":
        for clips, draw in zip((1, 2, 4), draws, strict=False):
            assert (material.train_targets[sorted(draw)].sum(0) >= clips).all()
    assert draws[-1] == set(range(24))
    assert set(draw_clips(material, 2, 8)) != draws[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_toy_task(folder)
    options = OPTIONS.model_copy(update={"epochs": 15})
    network = fit_network(toy_material(count=60), options, 1).network
    config = describe_network(
        network, classes=["a", "b", "c"], frames=20, frame_rate=20.0, spectra={}
    )
    save_network(folder / "lent", [copy_weights(network)], config)
    return folder


def transfer(data, folder, **changes):
    plan = {"clips": [1, 2, 50], "freeze": 1, "rate_factor": 0.1, "seeds": 2, **changes}
    measure_transfer(
        data / "task", [], [(data / "b.npy", data / "b.csv")], {}, OPTIONS, SPECTRA,
        data / "lent", folder / "transfer.json", folder / "state", seed=1, **plan,
    )  # fmt: skip
    return read_json(folder / "transfer.json")


def test_the_learning_curve_compares_three_ways_on_the_same_recordings(data, tmp_path):
    found = transfer(data, tmp_path)
    assert found["metric"] == "accuracy" and found["folds"] == ["0"]
    rows = found["rows"]
    assert [row["clips"] for row in rows] == [1, 1, 1, 2, 2, 2, None, None, None]
    assert [row["examples"] for row in rows[::3]] == [3, 6, 18]
    assert [row["method"] for row in rows[:3]] == ["scratch", "frozen", "fine_tuned"]
    assert all(row["difference"] == 0 for row in rows[::3])
    for row in rows:
        low, high = row["interval"]
        assert low <= row["value"] <= high and len(row["by_seed"]) == 2
        assert np.isclose(row["value"], np.mean(row["by_seed"]), atol=1e-5)
    few = {row["method"]: row["value"] for row in rows[:3]}
    assert few["frozen"] > few["scratch"]  # it knows the bands already
    assert not (tmp_path / "state").exists()


def test_an_interrupted_study_goes_on(data, tmp_path, monkeypatch):
    whole = transfer(data, tmp_path / "whole", clips=[1], seeds=1)
    trained, fit = [], network_trials.fit_network

    def stop_at_third(*args):
        trained.append(args)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return fit(*args)

    monkeypatch.setattr(network_trials, "fit_network", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        transfer(data, tmp_path, clips=[1], seeds=1)
    assert transfer(data, tmp_path, clips=[1], seeds=1) == whole
    assert len(trained) == 3 + 4


def test_freezing_more_blocks_than_there_are_is_refused(data, tmp_path):
    with pytest.raises(InputError, match="freeze 3 exceeds the 2 blocks"):
        transfer(data, tmp_path, freeze=3)


def test_variants_leave_out_one_augmentation_each():
    spectral = SpectralAugmentationOptions(speed=0.1, time_masks=2, noise_snr=(0, 10))
    options = OPTIONS.model_copy(update={"spectral": spectral, "augmentations": ("codec",)})
    found = dict(variants(options))
    assert list(found) == ["all", "without speed", "without time_masks", "without codec", "none"]
    assert found["without speed"].spectral == spectral.model_copy(update={"speed": 0.0})
    assert found["without codec"].augmentations == ()
    assert found["without codec"].spectral == spectral
    assert found["none"].spectral == SpectralAugmentationOptions()
    with pytest.raises(InputError, match="no augmentation"):
        list(variants(OPTIONS))


def test_an_ablation_measures_every_variant(data, tmp_path):
    spectral = SpectralAugmentationOptions(gain=6, time_masks=1)
    measure_ablation(
        data / "task", ["0"], [(data / "b.npy", data / "b.csv")], {},
        OPTIONS.model_copy(update={"spectral": spectral}), SPECTRA,
        tmp_path / "ablation.json", tmp_path / "state", seeds=1, seed=1, epochs=2,
    )  # fmt: skip
    rows = read_json(tmp_path / "ablation.json")["rows"]
    names = [row["variant"] for row in rows]
    assert names == ["all", "without gain", "without time_masks", "none"]
    assert rows[0]["difference"] == 0 and rows[0]["difference_interval"] == [0, 0]
    for row in rows:
        assert np.isclose(row["difference"], row["value"] - rows[0]["value"], atol=1e-5)

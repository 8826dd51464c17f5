import typing

import numpy as np
import pytest
import torch
from classification.network_toys import toy_material
from pydantic import ValidationError

from soundmill.classification.network_fitting import fit_network
from soundmill.classification.network_model import decide
from soundmill.classification.network_options import (
    ClassifierOptions,
    NetworkKind,
    SpectralAugmentationOptions,
    StartOptions,
)
from soundmill.classification.networks import Classifier, GatedAttention
from soundmill.errors import InputError

KINDS = typing.get_args(NetworkKind)
SMALL = {"width": 8, "depth": 2, "chunk_seconds": 2.0, "dropout": 0.0, "seeds": 1}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames, bands, options", [
    (100, 64, {"depth": 4, "convolutions": 2}),
    (9, 5, {"depth": 5, "pooling": "max", "first_pool": 4}),  # fewer frames and bands than halvings
    (40, 16, {"depth": 1, "reduce_frames": 3, "normalise": "peak", "mean_removal": 0.5}),
])  # fmt: skip
def test_every_kind_maps_chunks_to_logits_and_has_its_blocks(kind, frames, bands, options):
    network = Classifier(ClassifierOptions(kind=kind, width=8, **options), bands, 7, "single")
    x = torch.randn(3, frames, bands) * 20 - 50
    assert network(x).shape == (3, 7)
    assert len(network.blocks) == options["depth"]
    network.eval()
    assert torch.allclose(network(x)[1:2], network(x[1:2]), atol=1e-5)  # chunks are independent


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns_a_small_task_by_heart(kind):
    options = ClassifierOptions(kind=kind, epochs=12, batch=8, learning_rate=0.01, **SMALL)
    material = toy_material()
    fitted = fit_network(material, options, seed=1)
    spectra = [material.store[name] for name in material.train]
    values = np.stack([d.recording for d in decide(fitted.network, spectra, 40)])
    assert (values.argmax(1) == material.train_targets.argmax(1)).all()


@pytest.mark.parametrize("kind", ["multi", "regression"])
def test_tags_and_values_are_learned(kind):
    options = ClassifierOptions(epochs=25, batch=8, learning_rate=0.01, **SMALL)
    material = toy_material(kind)
    fitted = fit_network(material, options, seed=1)
    spectra = [material.store[name] for name in material.valid]
    values = np.stack([d.recording for d in decide(fitted.network, spectra, 40)])
    if kind == "multi":
        assert ((values >= 0.5) == (material.valid_targets >= 0.5)).mean() > 0.8
    else:  # in the targets' own units, whose spread is about 1.6 and 1
        assert np.abs(values - material.valid_targets).mean() < 0.5


def test_learned_attention_over_chunks_decides_on_recordings():
    options = ClassifierOptions(
        aggregation="attention", epochs=12, batch=8, learning_rate=0.01, overlap=0.5,
        **{**SMALL, "chunk_seconds": 1.0},
    )  # fmt: skip
    material = toy_material()
    network = fit_network(material, options, seed=1).network
    found = list(decide(network, [material.store[n] for n in material.valid], 20))
    right = [d.recording.argmax() for d in found] == material.valid_targets.argmax(1)
    assert right.all()
    assert all(len(d.starts) > 1 for d in found)
    assert all(np.isclose(d.recording.sum(), 1) for d in found)


def test_attention_is_a_weighted_mean():
    attention = GatedAttention(4)
    x = torch.randn(1, 4).expand(5, 4)
    assert torch.allclose(attention(x), x[0], atol=1e-6)
    y = torch.randn(2, 6, 4)
    assert (attention(y) <= y.amax(1) + 1e-6).all() and (attention(y) >= y.amin(1) - 1e-6).all()


def test_normalised_input_does_not_change_with_level_where_asked():
    x = torch.randn(2, 30, 16) * 15 - 50
    for normalise, same in (("band", False), ("chunk", True), ("peak", True)):
        network = Classifier(ClassifierOptions(normalise=normalise), 16, 3, "single")
        assert torch.allclose(network.front(x), network.front(x + 12), atol=1e-4) == same


def test_mean_removal_hides_a_colour():
    options = ClassifierOptions(normalise="peak", mean_removal=1.0)
    front = Classifier(options, 16, 3, "single").front
    x = torch.randn(1, 30, 16) * 5 - 40
    coloured = x + torch.linspace(-6, 6, 16)
    moved = (front(x) - front(coloured)).std()
    plain = Classifier(ClassifierOptions(normalise="peak"), 16, 3, "single").front
    assert moved < 0.1 * (plain(x) - plain(coloured)).std()


def test_dynamic_range_raises_digital_silence():
    front = Classifier(ClassifierOptions(dynamic_range=60), 4, 2, "single").front
    x = torch.full((1, 8, 4), -100.0)
    x[:, 2] = -10
    assert front.levels(x).min() == -70 and front.levels(x).max() == -10


def test_wrong_options_are_refused():
    with pytest.raises(ValidationError, match="freeze 5 exceeds depth 4"):
        ClassifierOptions(start_from=StartOptions(task="a", learner="b", freeze=5))
    with pytest.raises(ValidationError, match="must rise"):
        SpectralAugmentationOptions(noise_snr=(20, 10))
    with pytest.raises(ValidationError, match="dynamic_range"):
        ClassifierOptions(padding="silence", dynamic_range=0)
    with pytest.raises(InputError, match="only 1 frames"):
        fit_network(toy_material(), ClassifierOptions(chunk_seconds=0.05), 1)

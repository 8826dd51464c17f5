from dataclasses import replace

import numpy as np
import pytest
from classification.network_toys import MemoryStore, toy_material

from soundmill.classification.network_fitting import fit_network
from soundmill.classification.network_model import TrainedNetwork, describe_network
from soundmill.classification.network_options import ClassifierOptions
from soundmill.classification.occlusion import occlusion_map
from soundmill.errors import InputError


@pytest.fixture(scope="module")
def model():
    options = ClassifierOptions(
        width=8, depth=2, chunk_seconds=2.0, epochs=20, batch=8, learning_rate=0.01, dropout=0.0
    )
    material = toy_material(valid=0)
    bursts = {}
    for number, (name, spectrum) in enumerate(material.store.items()):
        burst = spectrum.copy()
        quiet = np.ones(len(burst), bool)
        quiet[number % 24 : number % 24 + 16] = False
        burst[quiet] = np.random.default_rng(number).normal(-60, 3, (quiet.sum(), 16))
        bursts[name] = burst
    material = replace(material, store=MemoryStore(bursts))
    networks = [fit_network(material, options, seed).network for seed in (1, 2)]
    config = describe_network(
        networks[0], classes=["low", "middle", "high"], frames=40, frame_rate=20.0, spectra={}
    )
    return TrainedNetwork(networks, config)


def test_covering_the_sound_that_decides_costs_most(model):
    """A burst in bands 4 to 8 makes it `middle`; only there, and only then, covering matters."""
    spectrum = np.random.default_rng(5).normal(-60, 3, (40, 16)).astype(np.float16)
    spectrum[16:32, 4:8] += 25
    found = occlusion_map(model, spectrum, "middle", patch_frames=8, patch_bands=4)
    assert found.drop.shape == (len(found.frames) - 1, len(found.bands) - 1) == (10, 8)
    time, band = np.unravel_index(found.drop.argmax(), found.drop.shape)
    assert 16 <= found.frames[time] < 32 and 4 <= found.bands[band] < 8
    assert found.probability == model.predict(spectrum)[2][1]
    assert found.drop.max() > 3 * np.abs(found.drop[:3]).max()  # before the burst


def test_edges_cover_spectra_of_any_size_and_long_recordings(model):
    spectrum = np.random.default_rng(6).normal(-60, 3, (75, 16)).astype(np.float16)
    found = occlusion_map(model, spectrum, 0, patch_frames=200, patch_bands=12)
    assert found.frames.tolist() == [0, 75] and found.bands.tolist() == [0, 6, 12, 16]
    assert np.isfinite(found.drop).all()


def test_unknown_classes_are_refused(model):
    spectrum = np.zeros((40, 16), np.float16)
    with pytest.raises(InputError, match="low, middle, high"):
        occlusion_map(model, spectrum, "loud")
    with pytest.raises(InputError, match="not below 3"):
        occlusion_map(model, spectrum, 3)

import numpy as np
import pytest
from classification.network_toys import MemoryStore, toy_material
from hypothesis import given
from hypothesis import strategies as st

from soundmill.classification.network_data import (
    SILENCE,
    Crops,
    audible,
    band_frequencies,
    cut_chunks,
    read_frames,
)
from soundmill.classification.network_options import (
    ClassifierOptions,
    SpectralAugmentationOptions,
)
from soundmill.features.spectra_options import SpectraOptions


def ramp(frames, bands=2):
    return np.repeat(np.arange(frames, dtype=np.float16)[:, None], bands, axis=1)


@given(st.integers(1, 60), st.integers(4, 20), st.sampled_from([0.0, 0.5, 0.75]))
def test_chunks_cover_every_frame_and_know_where_they_begin(size, frames, overlap):
    options = ClassifierOptions(overlap=overlap)
    chunks, starts = cut_chunks(ramp(size), frames, options)
    assert chunks.shape == (len(starts), frames, 2) and chunks.dtype == np.float32
    assert set(np.unique(chunks)) == set(range(size))
    assert (chunks[:, 0, 0] == starts).all() and (np.diff(starts) > 0).all()


def test_a_short_recording_is_repeated_or_lies_in_silence():
    repeated, _ = cut_chunks(ramp(3), 8, ClassifierOptions())
    assert repeated[0, :, 0].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    lying, _ = cut_chunks(ramp(3), 8, ClassifierOptions(padding="silence"))
    quiet = SILENCE
    assert lying[0, :, 0].tolist() == [quiet, quiet, quiet, 0, 1, 2, quiet, quiet]


@pytest.mark.parametrize("pace", [0.5, 0.8, 1.25])
def test_pace_interpolates_between_frames(pace):
    read = read_frames(ramp(100), 10.25, 30, pace, "repeat")
    assert np.allclose(read[:, 0], 10.25 + pace * np.arange(30), atol=1e-3)


def test_quiet_frames_are_cut_off_or_left_out():
    spectrum = np.full((12, 2), -90.0)
    spectrum[[4, 8], 1] = -10
    kept = {
        silence: audible(spectrum, ClassifierOptions(silence=silence)).tolist()
        for silence in ("keep", "trim", "drop")
    }
    assert kept == {"keep": list(range(12)), "trim": list(range(2, 11)), "drop": [4, 8]}
    chunks, starts = cut_chunks(spectrum, 2, ClassifierOptions(silence="drop"))
    assert starts.tolist() == [4] and (chunks[0, :, 1] == -10).all()


def test_all_silent_recordings_keep_their_frames():
    for silence in ("trim", "drop"):
        assert len(audible(np.full((5, 3), -100.0), ClassifierOptions(silence=silence))) == 5


def batches(material, epoch=0, seed=1, **changes):
    options = ClassifierOptions(chunk_seconds=1.0, batch=7, **changes)
    return list(Crops(material, options, seed).epoch(epoch))


def test_an_epoch_shows_each_recording_once_in_batches_of_like_size():
    material = toy_material()
    found = batches(material)
    assert [len(batch.x) for batch in found] == [6, 6, 6, 6]
    assert found[0].x.shape == (6, 20, 16)
    seen = np.concatenate([batch.targets.numpy() for batch in found])
    assert (seen.sum(0) == material.train_targets.sum(0)).all()
    assert sum(len(batch.x) for batch in batches(material, crops=2)) == 48


def test_crops_are_a_function_of_seed_and_epoch():
    material = toy_material()
    assert all(
        (a.x == b.x).all() for a, b in zip(batches(material), batches(material), strict=True)
    )
    assert not (batches(material)[0].x == batches(material, epoch=1)[0].x).all()
    assert not (batches(material)[0].x == batches(material, seed=2)[0].x).all()


def test_bags_hold_crops_of_one_recording():
    spectra = {f"r{i}": np.full((30, 2), i, np.float16) for i in range(24)}
    material = toy_material(store=MemoryStore(spectra), valid=0)
    bag = batches(material, aggregation="attention", attention_chunks=4)[0].x
    assert bag.shape == (6, 4, 20, 2)
    assert (bag == bag[:, :1, :1, :1]).all()


def test_stored_copies_take_their_share():
    plain = {f"r{i}": np.zeros((30, 2), np.float16) for i in range(24)}
    changed = {name: [np.ones((30, 2), np.float16)] for name in plain}
    material = toy_material(
        store=MemoryStore(plain), copies={"codec": MemoryStore({}, changed)}, valid=0
    )
    for share in (0.0, 0.5, 1.0):
        names = {"augmentations": ("codec",), "augmented_share": share, "crops": 20}
        values = np.concatenate([b.x[:, 0, 0].numpy() for b in batches(material, **names)])
        assert abs(values.mean() - share) < 0.1


def test_tape_speed_carries_its_factor_along():
    spectral = SpectralAugmentationOptions(tape=0.5)
    store = MemoryStore({f"r{i}": ramp(400) for i in range(24)})
    for batch in batches(toy_material(store=store, valid=0), spectral=spectral):
        steps = (batch.x[:, 1:, 0] - batch.x[:, :-1, 0]).mean(1)
        assert np.allclose(steps, batch.pitch, atol=0.02)
        assert (batch.pitch > 1 / 1.5 - 1e-6).all() and (batch.pitch < 1.5 + 1e-6).all()


def test_centres_of_the_bands():
    import librosa

    options = SpectraOptions(sample_rate=8000, bands=20, fmin=100)
    centres = band_frequencies(options)
    assert len(centres) == 20 and centres[0] > 100 and centres[-1] < 4000
    bank = librosa.filters.mel(sr=8000, n_fft=8192, n_mels=20, fmin=100)
    peaks = bank.argmax(1) * 8000 / 8192
    assert np.allclose(centres, peaks, atol=2)
    octave = band_frequencies(SpectraOptions(kind="cqt"))
    assert np.isclose(octave[12] / octave[0], 2)
    assert band_frequencies(SpectraOptions(kind="mfcc")) is None

"""The descriptor bank beside librosa, by the script that bench/descriptors.py measures against."""

import importlib.util
import math
import warnings

import librosa
import numpy as np
import paths
import pytest
import torch

from soundmill.audio.files import read_audio
from soundmill.features import bank
from soundmill.features.chroma import ConstantQ, Tuning, estimate_tuning, spectral_peaks
from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.transforms import Spectrogram
from soundmill.features.voice import fundamental

SR = 22050


def load_bench():
    spec = importlib.util.spec_from_file_location(
        "bench_descriptors", paths.ROOT / "bench" / "descriptors.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench = load_bench()
CLIPS = dict(
    zip(("noise", "chord", "clicks", "drone", "buzz", "piece"), bench.make_clips(), strict=True)
)


def music():
    path = paths.real_data("music") / "Let's Go Fishin' & More.mp3"
    return read_audio(path, sample_rate=SR)[0][0][10 * SR : 18 * SR].copy()


def differences(expected, found):
    """Columns that differ by more than a thousandth of the series' scale."""
    assert expected.keys() == found.keys()
    wrong = {}
    for name, value in expected.items():
        series, _, statistic = name.rpartition("_")
        scale = abs(value)
        if f"{series}_max" in expected and statistic not in ("skew", "kurtosis", "dvar"):
            scale = max(abs(expected[f"{series}_max"]), abs(expected[f"{series}_min"]))
        near = abs(value - found[name]) <= 1e-3 * scale + 1e-6
        if not (near or (math.isnan(value) and math.isnan(found[name]))):
            wrong[name] = (float(value), float(found[name]))
    # pyloudnorm appends silence to what it measures: see test_descriptor_parts
    wrong.pop("loudness_range", None)
    # of a segment the bank takes steps of 100 ms of the recording, already weighted
    if abs(expected["loudness"] - found["loudness"]) < 0.1:
        wrong.pop("loudness", None)
    return wrong


@pytest.mark.parametrize("name", [*CLIPS, "music"])
def test_every_column_agrees_with_librosa(name):
    samples = music() if name == "music" else CLIPS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = bench.librosa_columns(samples)
    found = bench.bank_columns(samples)
    assert len(found) == len(expected)
    for window, (row, ours) in enumerate(zip(expected, found, strict=True)):
        assert differences(row, ours) == {}, window


def test_the_comparison_covers_the_columns_and_sees_differences():
    (row,) = bench.bank_columns(CLIPS["drone"])
    assert len(row) == 1293
    changed = {**row, "mfcc03_mean": row["mfcc03_mean"] + 0.002 * row["mfcc03_max"]}
    assert list(differences(row, changed)) == ["mfcc03_mean"]


@pytest.mark.parametrize(
    ("rate", "hop", "tuning"),
    [(22050, 512, 0.0), (44100, 512, 0.2), (48000, 1024, 0), (16000, 64, 0)],
)
def test_constant_q_is_librosas_at_other_rates(rate, hop, tuning):
    rng = np.random.default_rng(1)
    seconds = np.arange(3 * rate) / rate
    samples = np.sin(440 * np.pi * seconds * (1 + seconds)) + 0.1 * rng.standard_normal(3 * rate)
    samples = samples.astype(np.float32)
    options = DescriptorOptions(sample_rate=rate, hop=hop)
    transform = ConstantQ(torch.from_numpy(samples), Tuning(0.0, tuning), options)
    frames = 1 + len(samples) // hop
    found = transform.bins(0, frames).flip(0).permute(0, 2, 1).reshape(252, frames).numpy()
    expected = np.abs(
        librosa.cqt(samples, sr=rate, hop_length=hop, n_bins=252, bins_per_octave=36, tuning=tuning)
    )
    assert np.abs(found - expected).max() < 1e-3 * expected.max()


@pytest.mark.parametrize("cents", [0, 30, -20])
def test_tuning_is_librosas(cents):
    seconds = np.arange(2 * SR) / SR
    pitches = 440 * 2 ** (np.array([-12, 0, 4, 7]) / 12 + cents / 1200)
    samples = np.sin(2 * np.pi * np.outer(pitches, seconds)).sum(0).astype(np.float32)
    options = DescriptorOptions()
    stft = Spectrogram(torch.from_numpy(samples), options)
    found = estimate_tuning(*spectral_peaks(stft.magnitudes(0, len(stft)), options))
    assert found.semitone == pytest.approx(cents / 100, abs=0.05)
    magnitudes = np.abs(librosa.stft(samples))
    assert found.semitone == librosa.estimate_tuning(S=magnitudes, sr=SR)
    assert found.third == librosa.estimate_tuning(y=samples, sr=SR, bins_per_octave=36)


def test_fundamental_is_yins_where_voiced():
    seconds = np.arange(2 * SR) / SR
    samples = 0.3 * np.sin(2 * np.pi * (200 * seconds + 20 * seconds**2)).astype(np.float32)
    samples[SR:] = 0.1 * np.random.default_rng(1).standard_normal(SR)
    options = DescriptorOptions()
    frames = Spectrogram(torch.from_numpy(samples), options).frames
    found = fundamental(frames, torch.ones(len(frames)), options).numpy()
    expected = librosa.yin(samples, fmin=65.40639132514966, fmax=2093.004522404789, sr=SR)
    voiced = np.isfinite(found)
    assert voiced[2:40].all() and not voiced[47:].any()
    assert np.abs(found - expected)[voiced].max() < 0.1
    assert np.nanmax(np.abs(found[2:40] - 200 - 40 * np.arange(2, 40) * 512 / SR)) < 2


def test_the_excerpt_of_a_recording_in_pieces_is_that_of_the_whole(monkeypatch):
    samples = CLIPS["piece"][: 12 * SR]
    options = DescriptorOptions(families=("mfcc", "chroma", "tonnetz", "spectral", "energy",
                                          "rhythm", "harmony", "f0", "soundscape"))  # fmt: skip
    whole = bank.describe(samples, options)
    monkeypatch.setattr("soundmill.features.transforms.CHUNK", 100)
    monkeypatch.setattr("soundmill.features.rhythm.CHUNK", 100)
    pieces = bank.describe(samples, options)
    for one, other in ((whole.recording, pieces.recording), (whole.segments, pieces.segments)):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)

"""Spectra: they agree with librosa's, in one piece and in blocks, for any length."""

import librosa
import numpy as np
import pytest
from features import sounds
from hypothesis import given
from hypothesis import strategies as st
from paths import real_data
from pydantic import ValidationError

from soundmill.audio.files import read_audio
from soundmill.features.spectra import spectrum, spectrum_blocks
from soundmill.features.spectra_options import SpectraOptions

KINDS = ("logmel", "mfcc", "cqt", "waveform")


def clicks():
    out = np.zeros(3 * sounds.RATE, np.float32)
    out[:: sounds.RATE // 7] = 0.8
    return out


def sweep():
    time = np.arange(3 * sounds.RATE) / sounds.RATE
    return (0.4 * np.sin(2 * np.pi * (100 + 1500 * time) * time)).astype(np.float32)


SIGNALS = {
    "music": sounds.music(3),
    "sweep": sweep(),
    "clicks": clicks(),
    "noise": (0.1 * np.random.default_rng(0).standard_normal(70_001)).astype(np.float32),
    "silence": np.zeros(30_000, np.float32),
}


def agree(found, power):
    """Compare levels in dB: 80 dB below the peak to .01, and what float32 leaves below that."""
    wanted = 10 * np.log10(power + 1e-10)
    assert found.shape == wanted.shape and found.dtype == np.float32
    heard = wanted > wanted.max() - 80
    assert np.abs(found - wanted)[heard].max() < 0.01
    assert np.abs(found - wanted).max() < 0.5


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("changes", [{}, {"n_fft": 2048, "hop": 300, "bands": 128, "fmax": 8000}])
def test_log_mel_is_librosas(name, changes):
    options = SpectraOptions(**changes)
    power = librosa.feature.melspectrogram(
        y=SIGNALS[name], sr=options.sample_rate, n_fft=options.n_fft, hop_length=options.hop,
        n_mels=options.bands, fmin=options.fmin, fmax=options.highest,
    )  # fmt: skip
    found = spectrum(SIGNALS[name], options)
    agree(found, power.T)


def test_log_mel_of_a_real_recording_is_librosas():
    path = sorted(real_data("esc10").rglob("*.ogg"))[7]
    samples = read_audio(path, sample_rate=sounds.RATE)[0][0]
    power = librosa.feature.melspectrogram(
        y=samples, sr=sounds.RATE, n_fft=1024, hop_length=512, n_mels=64, fmin=30
    )
    found = spectrum(samples, SpectraOptions())
    agree(found, power.T)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize(
    "changes", [{}, {"bands": 50, "hop": 256}, {"bands": 144, "bins_per_octave": 24, "fmin": 55.0}]
)
def test_constant_q_is_librosas(name, changes):
    options = SpectraOptions(kind="cqt", **changes)
    power = np.abs(librosa.cqt(
        SIGNALS[name], sr=options.sample_rate, hop_length=options.hop, fmin=options.fmin,
        n_bins=options.bands, bins_per_octave=options.bins_per_octave, sparsity=0,
    )) ** 2  # fmt: skip
    found = spectrum(SIGNALS[name], options)
    agree(found, power.T)


def test_mfcc_are_the_transform_of_the_log_mel():
    options = SpectraOptions(kind="mfcc")
    log_mel = spectrum(SIGNALS["music"], SpectraOptions(bands=128))
    wanted = librosa.feature.mfcc(S=log_mel.T, n_mfcc=20).T
    np.testing.assert_allclose(spectrum(SIGNALS["music"], options), wanted, atol=5e-3)


def test_a_waveform_is_the_samples_in_rows():
    samples = SIGNALS["noise"]
    found = spectrum(samples, SpectraOptions(kind="waveform", hop=100))
    assert found.shape == (701, 100)
    assert np.array_equal(found.ravel()[: len(samples)], samples)
    assert not found.ravel()[len(samples) :].any()


@given(st.sampled_from(KINDS), st.lists(st.integers(0, 3000), min_size=1, max_size=6).filter(any))
def test_blocks_give_what_the_whole_gives(kind, lengths):
    options = SpectraOptions(kind=kind)
    samples = SIGNALS["noise"][: sum(lengths)]
    blocks = np.split(samples, np.cumsum(lengths)[:-1])
    parts = list(spectrum_blocks(blocks, options))
    whole = spectrum(samples, options)
    n = len(samples)
    assert whole.shape == (-(-n // 256) if kind == "waveform" else 1 + n // 512, options.columns)
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-3)


def test_silence_is_minus_100_db():
    for kind in ("logmel", "cqt"):
        found = spectrum(SIGNALS["silence"], SpectraOptions(kind=kind))
        assert (np.abs(found + 100) < 1e-4).all()


def test_defaults_follow_the_kind_and_survive_a_dump():
    assert [SpectraOptions(kind=kind).columns for kind in KINDS] == [64, 20, 84, 256]
    assert SpectraOptions(kind="cqt", bands=60).bands == 60
    for kind in KINDS:
        options = SpectraOptions(kind=kind)
        assert SpectraOptions(**options.model_dump(mode="json")) == options


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"fmax": 12_000}, "half of sample_rate"),
        ({"fmin": 9000, "fmax": 8000}, "must lie above"),
        ({"kind": "mfcc", "coefficients": 200}, "more than bands"),
        ({"kind": "cqt", "bands": 110}, "take fewer bands"),
        ({"kind": "cqt", "hop": 500}, "multiple of 64"),
        ({"kind": "cqt", "fmin": 0}, "above 0"),
        ({"kind": "mel"}, "logmel"),
        ({"hops": 3}, "hops"),
    ],
)
def test_options_that_cannot_be_are_refused(raw, said):
    with pytest.raises(ValidationError, match=said):
        SpectraOptions(**raw)

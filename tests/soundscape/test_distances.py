"""Distances between a sound and what should equal it."""

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.errors import InputError
from soundmill.soundscape.distances import (
    UNITS,
    Original,
    log_spectral_distance,
    loudness_error,
    mel_l1,
    multi_scale_stft,
)

RATE = 22_050
ALL = (log_spectral_distance, multi_scale_stft, mel_l1, loudness_error)


def noise(seed, seconds=1.0, channels=1, level=0.1):
    n = round(seconds * RATE)
    return np.random.default_rng(seed).normal(0, level, (channels, n)).astype(np.float32)


def test_log_spectral_distance_is_the_formula_in_its_docstring():
    one, other = noise(0), 0.3 * noise(1)
    other[:, :4000] = 0  # so that the floor matters
    levels = []
    for x in (one, other):
        spectrum = librosa.stft(x[0], n_fft=1024, hop_length=256, center=False)
        levels.append(np.abs(spectrum))
    floor = levels[0].max() * 1e-4
    first, second = (20 * np.log10(np.maximum(m, floor)) for m in levels)
    expected = np.sqrt(((first - second) ** 2).mean(axis=0)).mean()
    assert log_spectral_distance(one, other, RATE) == pytest.approx(expected, rel=1e-4)


def test_half_the_level_is_six_decibels_in_every_measure_of_level():
    one = noise(0)
    assert log_spectral_distance(one, one / 2, RATE) == pytest.approx(6.02, abs=0.01)
    assert mel_l1(one, one / 2, RATE) == pytest.approx(6.02, abs=0.01)
    assert loudness_error(one, one / 2, RATE) == pytest.approx(6.02, abs=0.01)
    assert multi_scale_stft(one, one / 2, RATE) == pytest.approx(0.5 + np.log(2), abs=0.01)


@given(
    st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 2), st.sampled_from([0.0, 1e-6, 0.5])
)
def test_sounds_of_any_length_and_level_compare(first, second, channels, level):
    one = noise(1, channels=channels, level=level)[:, :first]
    other = noise(2, channels=channels)[:, :second]
    for distance in ALL:
        assert distance(one, one, RATE) == 0
        assert 0 <= distance(one, other, RATE) < 200


def test_an_original_compares_as_the_functions_do_and_after_a_shorter_sound():
    one, short, whole = noise(0), noise(1, 0.5), noise(2)
    original = Original(one, RATE)
    for other in (short, whole, short):
        expected = dict(zip(UNITS, (d(one, other, RATE) for d in ALL), strict=True))
        assert original.compare(other) == expected


def test_stereo_does_not_compare_with_mono():
    with pytest.raises(InputError, match="2 channels"):
        mel_l1(noise(0), noise(0, channels=2), RATE)

"""Loudness, normalisation and trimming."""

import math

import numpy as np
import pytest

from soundmill.audio.levels import loudness, normalise_loudness, peak_dbfs

RATE = 48_000


def tone(seconds, level_dbfs, frequency=997.0, channels=2):
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * frequency * time)
    return np.tile(wave, (channels, 1)).astype(np.float32)


def test_the_conformance_tone_of_tech_3341():
    # EBU Tech 3341, table 1, case 1: a stereo 1 kHz tone at -23 dBFS reads -23 LUFS
    assert loudness(tone(5, -23), RATE) == pytest.approx(-23, abs=0.1)


def test_silence_and_short_sounds():
    assert loudness(np.zeros((2, RATE), np.float32), RATE) == -math.inf
    assert loudness(np.zeros((1, 0), np.float32), RATE) == -math.inf
    assert loudness(tone(0.05, -23), RATE) == pytest.approx(-23, abs=1.5)
    assert math.isfinite(loudness(tone(1, -23, channels=8), RATE))


@pytest.mark.parametrize("level", [-50.0, -23.0, -3.0])
def test_normalising_reaches_the_target(level):
    out = normalise_loudness(tone(3, level), RATE, target=-20)
    assert loudness(out, RATE) == pytest.approx(-20, abs=0.1)


def test_normalising_never_passes_the_peak():
    clicks = np.zeros((1, RATE * 2), np.float32)
    clicks[0, ::4_800] = 0.3
    out = normalise_loudness(clicks, RATE, target=-10, peak=-1)
    assert peak_dbfs(out) == pytest.approx(-1, abs=1e-3)

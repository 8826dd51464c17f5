"""Texture statistics tell textures, and nothing else, apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.soundscape.textures import texture_columns, texture_statistics, texture_table

RATE = 22_050
COLUMNS = texture_columns()


def noise(seed, seconds=3.0, channels=1):
    n = round(seconds * RATE)
    return np.random.default_rng(seed).normal(0, 0.1, (channels, n)).astype(np.float32)


def named(samples):
    return dict(zip(COLUMNS, texture_statistics(samples, RATE), strict=True))


@given(
    st.integers(1, 12_000),
    st.sampled_from([0.0, 1e-7, 0.3, 3.0]),
    st.sampled_from([8000, 22_050, 48_000]),
    st.integers(1, 2),
)
def test_any_sound_has_finite_numbers(n, level, rate, channels):
    samples = np.float32(level) * noise(0, 1, channels)[:, :n]
    values = texture_statistics(samples, rate)
    assert values.shape == (len(COLUMNS),) and np.isfinite(values).all()


def test_only_the_level_tells_loud_from_soft():
    loud, soft = (texture_statistics(gain * noise(0), RATE) for gain in (1, 0.1))
    changed = [c for c, a, b in zip(COLUMNS, loud, soft, strict=True) if abs(a - b) > 1e-3]
    assert changed == ["level"]


@pytest.mark.parametrize("hertz", [3, 12])
def test_a_beat_shows_in_its_octave_of_modulation(hertz):
    time = np.arange(3 * RATE) / RATE
    steady, beating = noise(0), noise(0) * (1 + np.sin(2 * np.pi * hertz * time))
    octave = {3: 2, 12: 8}[hertz]
    gain = {
        hz: np.mean([named(beating)[f"modulation_{hz}_{g}"] - named(steady)[f"modulation_{hz}_{g}"]
                     for g in range(8)])
        for hz in (2, 4, 8, 16)
    }  # fmt: skip
    assert max(gain, key=gain.get) == octave and gain[octave] > 0.5


def test_bands_that_swell_together_correlate():
    time = np.arange(3 * RATE) / RATE
    together = named(noise(0) * (1 + np.sin(2 * np.pi * 3 * time)).astype(np.float32))
    alone = named(noise(0))
    assert together["correlation_5_26"] > 0.5 > 0.2 > abs(alone["correlation_5_26"])


def test_sparse_events_have_kurtosis():
    sparse = noise(0) * 0.01
    sparse[:, ::RATE] = 0.9
    assert named(sparse)["kurtosis_20"] > named(noise(0))["kurtosis_20"] + 1


def test_crops_of_one_texture_are_nearer_than_another_texture():
    pink = np.cumsum(noise(3), axis=1)
    pink = (0.1 * pink / np.abs(pink).max()).astype(np.float32)
    rows = texture_table([noise(1), noise(2), pink], RATE)
    same, other = (np.linalg.norm(rows[0] - row) for row in rows[1:])
    assert same < 0.5 * other
    assert texture_table([], RATE).shape == (0, len(COLUMNS))

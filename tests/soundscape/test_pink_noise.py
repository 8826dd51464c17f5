"""Pink noise."""

import numpy as np
import pytest

from soundmill.soundscape.noise import pink_noise


def test_the_power_falls_by_3_decibels_an_octave():
    noise = pink_noise(1 << 17, 2, 5)
    power = np.abs(np.fft.rfft(noise, axis=1)) ** 2
    octaves = [power[:, 2**k : 2 ** (k + 1)].mean() for k in range(7, 16)]
    assert np.diff(10 * np.log10(octaves)) == pytest.approx(-3.01, abs=0.7)
    assert power[:, : 2**6].sum() < 1e-6 * power.sum()  # below 20 Hz
    assert abs(np.corrcoef(noise)[0, 1]) < 0.1


@pytest.mark.parametrize("n", [1, 2, 997, 44_100])
def test_level_length_and_seed(n):
    noise = pink_noise(n, 3, 1, 0.02)
    assert noise.shape == (3, n)
    assert noise.dtype == np.float32
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(0.02, rel=1e-3)
    assert np.array_equal(noise, pink_noise(n, 3, 1, 0.02))
    assert n == 1 or not np.array_equal(noise, pink_noise(n, 3, 2, 0.02))
    assert not pink_noise(n, 1, 1, 0).any()

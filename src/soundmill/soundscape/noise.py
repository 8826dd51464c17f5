"""Pink noise: the ceiling that a model of soundscapes must stay far below."""

import numpy as np

from soundmill.audio.files import Samples

LOWEST = 20.0
"""Hz; pink noise has as much power in each octave below as in each above, which nobody hears."""


def pink_noise(
    n: int, channels: int, seed: int, rms: float = 0.1, *, sample_rate: int = 22_050
) -> Samples:
    """Return noise (channels, n) whose power falls by 3 dB an octave, the channels independent.

    White Gaussian noise is shaped in the frequency domain by 1/√f; what is below 20 Hz is left out.

    Parameters
    ----------
    n : samples, at least 1; their spectrum is held in memory.
    rms : root of the mean square over all channels, full scale is 1; 0 gives silence.
    sample_rate : Hz, of which only the place of 20 Hz depends.
    """
    if n < 2:
        return np.full((channels, n), rms, np.float32)
    rng = np.random.default_rng(seed)
    bins = n // 2 + 1
    spectrum = rng.standard_normal((channels, bins)) + 1j * rng.standard_normal((channels, bins))
    lowest = min(max(1, round(LOWEST * n / sample_rate)), bins - 1)
    spectrum[:, :lowest] = 0
    spectrum[:, lowest:] /= np.sqrt(np.arange(lowest, bins))
    noise = np.fft.irfft(spectrum, n, axis=1)
    level = np.sqrt(np.mean(noise**2))
    return (noise * (rms / level)).astype(np.float32)

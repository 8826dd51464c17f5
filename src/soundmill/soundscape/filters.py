"""Power spectra, and filter banks over their bins."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy.signal.windows import hann

from soundmill.audio.files import Samples

Floats = npt.NDArray[np.float32]
LOWEST_HZ = 50.0
HIGHEST_SHARE = 0.95
"""Of half the sample rate: above it resamplers leave nothing."""


def power_frames(samples: Samples, size: int, hop: int) -> Floats:
    """Return the power of Hann windows (channels * frames, size // 2 + 1), whole frames only.

    A sound shorter than a window is filled up with zeros. The window sums to 1, so that the power
    of a full-scale sine is 1/4 in its bin.
    """
    if samples.shape[1] < size:
        samples = np.pad(samples, ((0, 0), (0, size - samples.shape[1])))
    window = hann(size, sym=False)
    window = (window / window.sum()).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, size, axis=1)[:, ::hop]
    spectrum = scipy.fft.rfft(frames.reshape(-1, size) * window, axis=1)
    return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag))


@lru_cache(8)
def mel_filters(sample_rate: int, window: int, bands: int) -> Floats:
    """Return mel filters (window // 2 + 1, bands) that average power: Slaney's scale, unit sum."""
    import librosa

    edges = librosa.mel_frequencies(bands + 2, fmin=0.0, fmax=sample_rate / 2)
    return _triangles(np.asarray(edges, np.float64), sample_rate, window)


@lru_cache(8)
def erb_filters(sample_rate: int, window: int, bands: int) -> Floats:
    """Return filters (window // 2 + 1, bands) evenly spaced on the ear's scale, unit sum each.

    From 50 Hz to 95 % of half the sample rate; the scale of equivalent rectangular bandwidths of
    Glasberg and Moore, Hearing Research 47, 1990.
    """
    low, high = (_erb_number(hz) for hz in (LOWEST_HZ, HIGHEST_SHARE * sample_rate / 2))
    steps = np.linspace(low, high, bands + 2)
    return _triangles((10 ** (steps / 21.4) - 1) / 0.00437, sample_rate, window)


def _erb_number(hertz: float) -> float:
    return float(21.4 * np.log10(1 + 0.00437 * hertz))


def _triangles(edges: npt.NDArray[np.float64], sample_rate: int, window: int) -> Floats:
    """Return triangles between neighbouring edges (Hz), no narrower than a bin to either side.

    The lowest bands are narrower than the bins; widened, each still hears the bins around it.
    """
    spacing = sample_rate / window
    hertz = np.arange(window // 2 + 1)[:, None] * spacing
    centre = edges[1:-1]
    left = np.maximum(centre - edges[:-2], spacing)
    right = np.maximum(edges[2:] - centre, spacing)
    weights = np.minimum((hertz - centre) / left + 1, 1 - (hertz - centre) / right).clip(min=0)
    return np.asarray(weights / weights.sum(axis=0), np.float32)

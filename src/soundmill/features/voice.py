"""Fundamental frequency by YIN."""

import numpy as np
import torch
from torch import Tensor

from soundmill.features.columns import SILENCE_RMS
from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.transforms import TINY

LOWEST, HIGHEST = 65.40639132514966, 2093.004522404789
"""C2 and C7 in Hz."""
TROUGH = 0.1
"""Aperiodicity below which a frame is voiced."""


def fundamental(frames: Tensor, rms: Tensor, options: DescriptorOptions) -> Tensor:
    """Return the fundamental frequency in Hz of frames (frames, samples), NaN where unvoiced.

    It lies between C2 (or the lowest frequency of which two periods fit into a frame) and C7. A
    frame is voiced where the aperiodicity falls below .1 and the RMS is at least -60 dBFS; there
    the values are those of librosa's `yin`. YIN is here, rather than pYIN, for its speed: pYIN's
    search over paths takes a hundred times as long.

    References
    ----------
    A. de Cheveigné, H. Kawahara, YIN, a fundamental frequency estimator for speech and music,
    JASA 111, 2002.
    """
    rate, size = options.sample_rate, frames.shape[1]
    shortest = int(rate // HIGHEST)
    longest = min(int(np.ceil(rate / LOWEST)), size // 2)
    aperiodicity = _aperiodicity(frames, shortest, longest)
    before, here, after = aperiodicity[:, :-2], aperiodicity[:, 1:-1], aperiodicity[:, 2:]
    trough = torch.zeros_like(aperiodicity, dtype=torch.bool)
    trough[:, 1:-1] = (here < before) & (here <= after)
    trough[:, 0] = aperiodicity[:, 0] < aperiodicity[:, 1]
    trough[:, -1] = aperiodicity[:, -1] < aperiodicity[:, -2]
    trough &= aperiodicity < TROUGH
    curve = after + before - 2 * here
    slope = (after - before) / 2
    shift = torch.zeros_like(aperiodicity)
    shift[:, 1:-1] = torch.where(slope.abs() >= curve.abs(), 0.0, -slope / curve)
    period = trough.int().argmax(-1)  # the first
    hertz = rate / (shortest + period + shift.gather(1, period[:, None])[:, 0])
    return torch.where(trough.any(-1) & (rms >= SILENCE_RMS), hertz, torch.nan)


def _aperiodicity(frames: Tensor, shortest: int, longest: int) -> Tensor:
    """Return the cumulative mean normalised difference at the lags, ends included."""
    size = frames.shape[1]
    spectra = torch.fft.rfft(frames, n=2 * size)
    power = spectra.real.square() + spectra.imag.square()
    correlation = torch.fft.irfft(power, n=2 * size)[:, : longest + 1]
    energy = frames[:, :longest].square().cumsum(-1)
    difference = 2 * (correlation[:, :1] - correlation[:, 1:]) - energy
    mean = difference.cumsum(-1) / torch.arange(1, longest + 1)
    return difference[:, shortest - 1 :] / (mean[:, shortest - 1 :] + TINY)

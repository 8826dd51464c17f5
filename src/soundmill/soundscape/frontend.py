"""The front end of a soundscape model: log magnitudes of a linear STFT.

All bins of a linear spectrum are kept: squeezing them into 128 mel bands costs more than any method
to find phases again (8.1 dB of log-spectral distance where linear magnitudes cost 2.7).
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

FLOOR = 1e-5
"""Added to magnitudes (1 = a sine of full scale) before the logarithm: -100 dB."""
EULER = 0.5772156649015329
RAYLEIGH_MEAN = -EULER / 2
"""Mean of the log magnitude of complex Gaussian noise of power 1, nepers."""
RAYLEIGH_SPREAD = math.pi / math.sqrt(24)
"""Standard deviation of the same: .641 nepers, 5.57 dB."""
DECIBELS = 20 / math.log(10)
"""Decibels of a neper."""


@lru_cache
def window(n_fft: int) -> Tensor:
    """Return the periodic Hann window (n_fft,)."""
    return torch.hann_window(n_fft)


def stft(samples: Tensor, n_fft: int, hop: int) -> Tensor:
    """Return the complex spectrum (..., frames, bins) of samples (..., n): n // hop + 1 frames.

    A sine of full scale has magnitude 1.
    """
    flat = samples.reshape(-1, samples.shape[-1])
    mode = "reflect" if flat.shape[-1] > n_fft // 2 else "constant"
    found = torch.stft(
        flat, n_fft, hop, window=window(n_fft).to(flat.device), pad_mode=mode, return_complex=True
    )
    found = found.transpose(1, 2) / (n_fft / 4)
    return found.reshape(*samples.shape[:-1], *found.shape[1:])


def istft(spectrum: Tensor, n_fft: int, hop: int, length: int) -> Tensor:
    """Return the samples (..., length) of a complex spectrum (..., frames, bins) of `stft`."""
    flat = spectrum.reshape(-1, *spectrum.shape[-2:]).transpose(1, 2) * (n_fft / 4)
    found = torch.istft(flat, n_fft, hop, window=window(n_fft).to(flat.device), length=length)
    return found.reshape(*spectrum.shape[:-2], length)


def log_magnitudes(spectrum: Tensor) -> Tensor:
    """Return the log magnitudes in nepers of a complex spectrum, floored softly at `FLOOR`."""
    return torch.log(spectrum.abs() + FLOOR)


def noisiness(log_spread: Tensor, amount: float = 1.0) -> Tensor:
    """Return how much of noise's fine structure bins have, 0 to 1, from their spread in nepers."""
    return (amount * log_spread.exp() / RAYLEIGH_SPREAD).clamp(0, 1)

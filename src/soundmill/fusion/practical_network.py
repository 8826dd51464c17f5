"""The network of the practical: two convolutions and one linear layer on a mel spectrogram."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soundmill.classification.network_data import Spectrum
from soundmill.errors import InputError

MAPS = 10
"""Maps of either convolution."""
LEAST = 7 + 4 * 3
"""Frames and bands that both convolutions need."""
RANGE = 80.0
"""Levels further below the loudest are raised to that, dB, as `librosa.power_to_db` does."""


class PracticalCNN(nn.Module):
    """10 maps of 7 x 7 with stride 3, 10 maps of 5 x 5 with stride 2, a linear layer.

    Parameters
    ----------
    bands, frames : F and T of what it hears.
    classes : K.

    Raises
    ------
    InputError
        When it hears less than `LEAST` bands or frames.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, bands: int, frames: int, classes: int) -> None:
        super().__init__()
        if min(bands, frames) < LEAST:
            raise InputError(
                f"the practical's network needs {LEAST} bands and frames, here are {bands} bands "
                f"and {frames} frames; give the spectra a smaller hop and more bands, or raise "
                "practical.seconds"
            )
        self.first = nn.Conv2d(1, MAPS, 7, stride=3)
        self.second = nn.Conv2d(MAPS, MAPS, 5, stride=2)
        sides = [((size - 7) // 3 + 1 - 5) // 2 + 1 for size in (bands, frames)]
        self.linear = nn.Linear(MAPS * sides[0] * sides[1], classes)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def normalise_by(self, x: Tensor) -> None:
        """Take mean and deviation of training spectra (n, F, T) for those of all levels."""
        self.mean.copy_(x.mean())
        self.deviation.copy_(x.std().clamp_min(1e-3))

    def forward(self, x: Tensor) -> Tensor:
        """Map levels in dB (B, F, T) to logits (B, K)."""
        x = (x.unsqueeze(1) - self.mean) / self.deviation
        x = F.relu(self.second(F.relu(self.first(x))))
        return self.linear(x.flatten(1))


def fit_length(spectrum: Spectrum, frames: int) -> npt.NDArray[np.float32]:
    """Return the levels (bands, frames) of a spectrum (n, bands) in dB, cut or padded at its end.

    Padding is as loud as the quietest that is left: `RANGE` below the loudest.
    """
    levels = spectrum[:frames].T.astype(np.float32)
    floor = levels.max() - np.float32(RANGE)
    padded = np.full((levels.shape[0], frames), floor, np.float32)
    padded[:, : levels.shape[1]] = np.maximum(levels, floor)
    return padded

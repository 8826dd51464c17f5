"""Sounds in memory, at the level and rate that a model wants."""

import os
from dataclasses import dataclass

import numpy as np

from soundmill.audio.files import Samples, read_audio
from soundmill.errors import InputError
from soundmill.soundscape.recordings import LEVEL, SILENT, match_channels


@dataclass(frozen=True)
class MemorySound:
    """Samples (channels, n) that can be read in parts."""

    samples: Samples

    @property
    def frames(self) -> int:
        """Number of samples."""
        return self.samples.shape[1]

    def read(self, first: int, count: int, channels: int) -> Samples:
        """Return samples (channels, count or fewer at the end)."""
        return match_channels(self.samples[:, first : first + count], channels)


def read_sound(path: str | os.PathLike[str], sample_rate: int, channels: int) -> MemorySound:
    """Return a recording of any format at a sample rate, brought to the level of training.

    Raises
    ------
    InputError
        When it cannot be read, or is silent.
    """
    samples, _ = read_audio(
        path, sample_rate=sample_rate, channels="mono" if channels == 1 else "keep"
    )
    level = float(np.sqrt(np.square(samples, dtype=np.float64).mean())) if samples.size else 0.0
    if level < SILENT:
        raise InputError(f"{path} is silent; there is nothing in it to vary")
    return MemorySound(match_channels(samples, channels) * np.float32(LEVEL / level))

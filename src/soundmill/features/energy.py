"""Levels: frame RMS, zero crossings, loudness and its range, silence, clipping."""

import copy
import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.audio.levels import ABSOLUTE_GATE, LoudnessMeter
from soundmill.features.columns import CLIPPED, SILENCE_PEAK, SILENCE_RMS
from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.statistics import Windows, window_sums
from soundmill.features.transforms import Floats

HOP_SECONDS = 0.1
"""The loudness meter's step."""
SHORT_TERM = 30
"""Steps of a short-term loudness (3 s)."""
RANGE_GATE = -20.0
BLOCK_SECONDS = 30


class Meter(LoudnessMeter):
    """The streaming loudness meter, which can tell the loudness of a part of what it heard."""

    def part(self, start: float, seconds: float) -> "Meter":
        """Return a meter that heard only the whole steps of 100 ms in a range of time."""
        meter = copy.copy(self)
        first = round(start / HOP_SECONDS)
        meter._energies = self._energies[first : first + round(seconds / HOP_SECONDS)]
        meter._rest = self._rest[:, :0]
        return meter

    def range(self) -> float:
        """Return the loudness range in LU (EBU Tech 3342), NaN below 3 s or where it is silent.

        From short-term loudness over 3 s, every 100 ms: gated at -70 LUFS and 20 LU below the mean,
        the distance of the 95th percentile from the 10th.
        """
        if len(self._energies) < SHORT_TERM:
            return math.nan
        total = np.cumsum([0.0, *self._energies])
        energies = (total[SHORT_TERM:] - total[:-SHORT_TERM]) / SHORT_TERM
        levels = -0.691 + 10 * np.log10(np.maximum(energies, 1e-30))
        heard = levels > ABSOLUTE_GATE
        if not heard.any():
            return math.nan
        gate = -0.691 + 10 * np.log10(energies[heard].mean()) + RANGE_GATE
        low, high = np.percentile(levels[heard & (levels > gate)], [10, 95])
        return float(high - low)


def measure_loudness(
    samples: Floats, windows: Windows, options: DescriptorOptions
) -> dict[str, npt.NDArray[np.float64]]:
    """Return ``loudness`` (LUFS) and ``loudness_range`` (LU) of each window.

    The recording is weighted once; a segment takes the steps of 100 ms nearest to it.
    """
    meter = Meter(options.sample_rate, 1)
    size = BLOCK_SECONDS * options.sample_rate
    for start in range(0, len(samples), size):
        meter.add(samples[None, start : start + size])
    meters = [meter]
    if len(windows) > 1:
        times = zip(windows.starts, windows.seconds, strict=True)
        meters += [meter.part(start, seconds) for start, seconds in times]
    loudness = np.array([part.loudness() for part in meters])
    return {
        "loudness": np.where(np.isfinite(loudness), loudness, np.nan),
        "loudness_range": np.array([part.range() for part in meters]),
    }


def sample_ratios(
    samples: Floats, rms: Floats, windows: Windows, options: DescriptorOptions
) -> tuple[dict[str, npt.NDArray[np.float64]], npt.NDArray[np.bool_]]:
    """Return ``silence_ratio`` and ``clipping_ratio`` of each window, and which are silent."""
    frames = np.array(windows.last) - np.array(windows.first)
    silent_frames = window_sums(rms < SILENCE_RMS, windows)
    clipped, silent = [], []
    for number in range(len(windows)):
        part = samples
        if number:
            start = windows.first[number] * options.hop
            part = samples[start : windows.last[number] * options.hop]
        clipped.append(float(np.mean((part >= CLIPPED) | (part <= -CLIPPED))))
        silent.append(max(float(part.max()), -float(part.min())) <= SILENCE_PEAK)
    ratios = {"silence_ratio": silent_frames / frames, "clipping_ratio": np.array(clipped)}
    return ratios, np.array(silent)


def root_mean_square(frames: Tensor) -> Tensor:
    """Return the root mean square of frames (frames, samples)."""
    return torch.linalg.vector_norm(frames, dim=-1) / math.sqrt(frames.shape[-1])


class Crossings:
    """Zero crossings, frame by frame (librosa's `zero_crossing_rate`).

    A value within 1e-10 of zero counts as positive; the recording is continued by its end values.
    """

    def __init__(self, samples: Tensor, options: DescriptorOptions) -> None:
        negative = samples < -1e-10
        changes = torch.zeros(len(samples), dtype=torch.uint8)
        changes[1:] = negative[1:] != negative[:-1]
        half = options.n_fft // 2
        padded = torch.nn.functional.pad(changes, (half, half))
        self._frames = padded.unfold(0, options.n_fft, options.hop)

    def rates(self, start: int, stop: int) -> Tensor:
        """Return the share of samples at which the sign changes, of frames start to stop."""
        frames = self._frames[start:stop]
        return frames[:, 1:].sum(-1, dtype=torch.int32) / frames.shape[1]

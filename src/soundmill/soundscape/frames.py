"""A long recording as frames: levels of bands, loudness and clipping, read once in blocks.

An hour takes 40 bytes every 12 ms, about 12 MB, whatever the sound's rate and channels.
"""

import itertools
import math
import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import open_source
from soundmill.audio.levels import LoudnessMeter, peak_dbfs
from soundmill.soundscape.filters import erb_filters, power_frames

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

BANDS = 20
WINDOW_SECONDS = 0.046
HOPS_PER_WINDOW = 4
FAINTEST = 1e-11
FULL_SCALE = 32767 / 32768 - 1e-6
"""The largest 16-bit value: what reaches it was clipped, or nearly so."""
WINDOW = 5.0
"""Length (s) of the windows of loudness and brightness."""
QUIETEST_LUFS = -70.0


@dataclass(frozen=True)
class Frames:
    """What a long recording is told by.

    Attributes
    ----------
    seconds, sample_rate, channels : of the recording.
    hop : s from a frame to the next.
    levels : (frames, bands) float16, dB of the channels' mean power; frame f begins at f * hop.
    loudness, brightness : of windows of 5 s, (windows,) each: LUFS, -70 at least, and the spectral
        centroid in octaves above 1 kHz. A rest shorter than half a window goes, unless it is all.
    integrated, peak : loudness in LUFS, -70 at least, and peak in dB of full scale, -120 at least.
    clipped : samples at full scale.
    """

    seconds: float
    sample_rate: int
    channels: int
    hop: float
    levels: npt.NDArray[np.float16]
    loudness: Values
    brightness: Values
    integrated: float
    peak: float
    clipped: int


def read_frames(path: str | os.PathLike[str], most: float = math.inf) -> Frames:
    """Read a recording of any length in constant memory, but for what `Frames` holds.

    Parameters
    ----------
    most : s after which reading stops, at the end of a block; default the whole.

    Raises
    ------
    InputError
        As `soundmill.audio.files.open_source`.
    """
    with open_source(path) as source:
        reader = _Reader(source.sample_rate, source.channels)
        for block in source.blocks:
            reader.add(block)
            if reader.seconds >= most:
                break
        return reader.frames()


class _Reader:
    """Takes blocks (n, channels) of any length."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate, self._channels = sample_rate, channels
        self._size = int(2 ** round(np.log2(WINDOW_SECONDS * sample_rate)))
        self._hop = self._size // HOPS_PER_WINDOW
        self._rest = np.zeros((channels, 0), np.float32)
        self._levels: list[npt.NDArray[np.float16]] = []
        self._whole = LoudnessMeter(sample_rate, channels)
        self._part = LoudnessMeter(sample_rate, channels)
        self._in_part = self._n = self._clipped = 0
        self._loudness: list[float] = []
        self._peak = 0.0

    @property
    def seconds(self) -> float:
        return self._n / self._rate

    def add(self, block: Floats) -> None:
        samples = np.ascontiguousarray(block.T)
        self._n += samples.shape[1]
        self._clipped += int((np.abs(samples) >= FULL_SCALE).sum())
        self._peak = max(self._peak, float(np.abs(samples).max(initial=0.0)))
        self._whole.add(samples)
        self._add_to_windows(samples)
        self._rest = np.concatenate([self._rest, samples], axis=1)
        frames = (self._rest.shape[1] - self._size) // self._hop + 1
        if frames > 0:
            self._levels.append(self._levels_of(self._rest, frames))
            self._rest = self._rest[:, frames * self._hop :]

    def _add_to_windows(self, samples: Floats) -> None:
        length = round(WINDOW * self._rate)
        while samples.shape[1]:
            taken = min(length - self._in_part, samples.shape[1])
            self._part.add(samples[:, :taken])
            self._in_part += taken
            samples = samples[:, taken:]
            if self._in_part == length:
                self._close_window()

    def _close_window(self) -> None:
        self._loudness.append(max(self._part.loudness(), QUIETEST_LUFS))
        self._part = LoudnessMeter(self._rate, self._channels)
        self._in_part = 0

    def _levels_of(self, samples: Floats, frames: int) -> npt.NDArray[np.float16]:
        power = power_frames(samples, self._size, self._hop)
        power = power @ erb_filters(self._rate, self._size, BANDS)
        power = power.reshape(self._channels, -1, BANDS).mean(axis=0)[:frames]
        return (10 * np.log10(np.maximum(power, np.float32(FAINTEST)))).astype(np.float16)

    def frames(self) -> Frames:
        if self._in_part >= WINDOW * self._rate / 2 or not self._loudness:
            self._close_window()
        if not self._levels:  # shorter than a frame
            self._levels.append(self._levels_of(self._rest, 1))
        levels = np.concatenate(self._levels)
        hop = self._hop / self._rate
        return Frames(
            seconds=self.seconds,
            sample_rate=self._rate,
            channels=self._channels,
            hop=hop,
            levels=levels,
            loudness=np.array(self._loudness),
            brightness=self._brightness(levels, WINDOW / hop),
            integrated=max(self._whole.loudness(), QUIETEST_LUFS),
            peak=max(peak_dbfs(np.array([[self._peak]], np.float32)), -120.0),
            clipped=self._clipped,
        )

    def _brightness(self, levels: npt.NDArray[np.float16], frames: float) -> Values:
        """Return the centroid of each window in octaves above 1 kHz."""
        filters = erb_filters(self._rate, self._size, BANDS).astype(np.float64)
        hertz = np.arange(len(filters)) * self._rate / self._size @ filters
        width = 1 / np.square(filters).sum(axis=0)  # bands average over so many bins
        edges = np.round(np.arange(len(self._loudness) + 1) * frames).astype(int)
        found = []
        for start, stop in itertools.pairwise(edges):
            part = levels[start:stop] if start < len(levels) else levels[-1:]
            power = (10 ** (part.astype(np.float64) / 10)).mean(axis=0) * width
            found.append(np.log2(power @ hertz / power.sum() / 1000))
        return np.array(found)

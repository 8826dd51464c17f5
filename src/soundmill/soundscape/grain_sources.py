"""Recordings as grains are taken from them: small features in memory, samples read when needed."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from soundmill.audio.files import Samples
from soundmill.errors import InputError

logger = logging.getLogger(__name__)

Features = npt.NDArray[np.float16]

FEATURE_RATE = 22_050
HOP = 1_024
N_FFT = 2_048
FRAME_RATE = FEATURE_RATE / HOP
"""Frames of features a second."""
BANDS = 32
FLOOR = 1e-8
"""Added to the power of a band: what is 80 dB below full scale is silence."""
EDGE = 64
"""Samples read beyond both ends of a grain that is resampled."""


@dataclass(frozen=True)
class GrainSource:
    """A recording, or a part of one."""

    row: Mapping[str, str]
    path: str
    first: int
    """First sample of the part."""
    frames: int
    sample_rate: int
    gain: float
    """What its samples are multiplied by."""
    features: Features
    """(frames of features, bands): log-mel levels in dB."""

    @property
    def seconds(self) -> float:
        """Length of the part."""
        return self.frames / self.sample_rate

    def window(self, seconds: float, width: int) -> npt.NDArray[np.float32]:
        """Return the features (2 width, bands) around a place; beyond an end its frame stays."""
        middle = round(seconds * FRAME_RATE)
        wanted = np.arange(middle - width, middle + width)
        return self.features[np.clip(wanted, 0, len(self.features) - 1)].astype(np.float32)

    def read(self, start: float, count: int, sample_rate: int, channels: int) -> Samples:
        """Return ``count`` samples (channels, count) at a rate, from a place in seconds.

        What lies beyond the part's end is its end mirrored, as short recordings need.
        """
        ratio = self.sample_rate / sample_rate
        begin = round(start * self.sample_rate)
        resampled = self.sample_rate != sample_rate
        edge = EDGE if resampled else 0
        # before the beginning there is nothing to read: the edge is then cut shorter
        before = min(edge, max(0, begin))
        needed = before + int(np.ceil(count * ratio)) + edge
        data = self._frames(begin - before, needed)
        if resampled:
            data = soxr.resample(data, self.sample_rate, sample_rate)
            data = data[round(before / ratio) :]
        data = _fit_channels(data, channels)
        if not len(data):
            return np.zeros((channels, count), np.float32)
        if len(data) < count:
            data = np.pad(data, ((0, count - len(data)), (0, 0)), mode="symmetric")
        return np.ascontiguousarray(data[:count].T)

    def _frames(self, begin: int, count: int) -> Samples:
        begin = min(max(0, begin), self.frames - 1)
        with _open(self.path) as file:
            file.seek(self.first + begin)
            found = file.read(min(count, self.frames - begin), dtype="float32", always_2d=True)
            return np.asarray(found * np.float32(self.gain))


def open_sources(rows: Sequence[Mapping[str, str]]) -> list[GrainSource]:
    """Return the sources of rows with wav, start, stop, gain; parts without a sample are left out.

    Raises
    ------
    InputError
        When a recording cannot be read.
    """
    found = []
    for row in rows:
        with _open(row["wav"]) as file:
            rate, total = file.samplerate, file.frames
            first = min(total, round(float(row.get("start") or 0) * rate))
            stop = row.get("stop")
            last = min(total, round(float(stop) * rate)) if stop else total
            if last <= first:
                logger.warning("%s: no sound from %s s on; left out", row["wav"], row.get("start"))
                continue
            file.seek(first)
            gain = float(row.get("gain") or 1)
            blocks = (block * np.float32(gain) for block in _mono_blocks(file, last - first))
            features = _features(blocks, rate)
        found.append(GrainSource(row, row["wav"], first, last - first, rate, gain, features))
    return found


def _open(path: str) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}); make the recordings again") from error


def _mono_blocks(file: soundfile.SoundFile, count: int) -> Iterator[npt.NDArray[np.float32]]:
    while count > 0:
        block = file.read(min(count, 1 << 18), dtype="float32", always_2d=True)
        if not len(block):
            return
        count -= len(block)
        yield block.mean(axis=1, dtype=np.float32)


def _features(blocks: Iterator[npt.NDArray[np.float32]], rate: int) -> Features:
    """Return log-mel levels, a frame centred on each multiple of the hop."""
    resample = soxr.ResampleStream(rate, FEATURE_RATE, 1, dtype="float32", quality="MQ")
    rest = np.zeros(N_FFT // 2, np.float32)
    parts = []
    for block in blocks:
        rest = np.concatenate([rest, resample.resample_chunk(block)])
        whole = max(0, (len(rest) - N_FFT) // HOP + 1)
        if whole:
            parts.append(_levels(rest, whole))
            rest = rest[whole * HOP :]
    ending = resample.resample_chunk(np.zeros(0, np.float32), last=True)
    rest = np.concatenate([rest, ending, np.zeros(N_FFT, np.float32)])
    parts.append(_levels(rest, (len(rest) - N_FFT) // HOP + 1))
    return np.concatenate(parts)


def _levels(samples: npt.NDArray[np.float32], count: int) -> Features:
    frames = np.lib.stride_tricks.sliding_window_view(samples, N_FFT)[: count * HOP : HOP]
    window = np.hanning(N_FFT + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * (window / window.sum() * 2), axis=1)) ** 2
    return (10 * np.log10(power @ _filters() + FLOOR)).astype(np.float16)


@lru_cache(maxsize=1)
def _filters() -> npt.NDArray[np.float64]:
    """Return triangles (bins, bands) of even width on the mel scale of O'Shaughnessy."""
    top = 2595 * np.log10(1 + FEATURE_RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(N_FFT, 1 / FEATURE_RATE)[:, None]
    rise = (bins - corners[:-2]) / (corners[1:-1] - corners[:-2])
    fall = (corners[2:] - bins) / (corners[2:] - corners[1:-1])
    return np.maximum(0.0, np.minimum(rise, fall))


def _fit_channels(data: Samples, channels: int) -> Samples:
    """Return samples (n, channels): kept, or the mean of all, repeated."""
    if data.shape[1] == channels:
        return data
    mixed = data.mean(axis=1, keepdims=True, dtype=np.float32)
    return np.repeat(mixed, channels, axis=1)

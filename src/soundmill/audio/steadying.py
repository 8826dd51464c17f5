"""Even loudness of endless sound: a slow rider of the gain, and a meter of constant memory."""

import math
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from soundmill.audio.files import Samples
from soundmill.audio.levels import ABSOLUTE_GATE, RELATIVE_GATE, LoudnessMeter
from soundmill.audio.limiter import reblock

HOP_SECONDS = 0.1
LOOK_AHEAD_SECONDS = 20.0
RIDE_SECONDS = 30.0
"""Time constant of the gain."""
RIDE_DECIBELS = 6.0
"""How far the gain strays from its long-term value."""
BASE_SECONDS = 120.0
"""Time constant of that long-term value, in dB: a sound may change its level for good."""
MOST_GAIN = 40.0
"""Largest gain, dB: near silence must not become hiss."""
BIN = 0.02
"""Width of a bin of the meter, LU."""


class StreamMeter(LoudnessMeter):
    """The integrated loudness of `LoudnessMeter` in constant memory, for sound without an end.

    The energies of the gating blocks are summed in bins of 0.02 LU (as in EBU Tech 3341's
    recommendation for long programmes), so that only the place of the relative gate is rounded.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        super().__init__(sample_rate, channels)
        self._last: deque[float] = deque(maxlen=4)
        bins = round((40 - ABSOLUTE_GATE) / BIN)
        self._counts, self._sums = np.zeros(bins, np.int64), np.zeros(bins)
        self.blocks = 0

    def add(self, block: Samples) -> None:
        """Take the next samples, of shape (channels, n)."""
        super().add(block)
        for energy in self._energies:
            self._last.append(float(energy))
            if len(self._last) == 4:
                self._count(self.momentary)
        self._energies.clear()

    @property
    def momentary(self) -> float:
        """Energy of the last 400 ms, in the unit of BS.1770; less at the very beginning."""
        return sum(self._last) / len(self._last) if self._last else 0.0

    def _count(self, energy: float) -> None:
        self.blocks += 1
        level = to_lufs(energy)
        if level > ABSOLUTE_GATE:
            place = min(int((level - ABSOLUTE_GATE) / BIN), len(self._counts) - 1)
            self._counts[place] += 1
            self._sums[place] += energy

    def loudness(self) -> float:
        """Return the loudness so far in LUFS; silence is -inf."""
        if not self.blocks:  # shorter than a gating block: all there is counts as one
            parts = [*self._last]
            if self._rest.shape[1]:
                parts.append(float(self._weights @ np.square(self._rest).mean(axis=1)))
            level = to_lufs(sum(parts) / len(parts)) if parts else -math.inf
            return level if level > ABSOLUTE_GATE else -math.inf
        count = int(self._counts.sum())
        if not count:
            return -math.inf
        gate = to_lufs(float(self._sums.sum()) / count) + RELATIVE_GATE
        first = max(0, math.ceil((gate - ABSOLUTE_GATE) / BIN))
        return to_lufs(float(self._sums[first:].sum()) / int(self._counts[first:].sum()))


def to_lufs(energy: float) -> float:
    """Return the loudness of a K-weighted energy."""
    return -0.691 + 10 * math.log10(energy) if energy > 0 else -math.inf


def to_energy(lufs: float) -> float:
    """Return the K-weighted energy of a loudness."""
    return float(10 ** ((lufs + 0.691) / 10))


class _Rider:
    """The gain that follows the gated loudness of the last half minute."""

    def __init__(self, target: float) -> None:
        self._target = target
        self._heard = self._counted = 0
        self._all = self._gated = 0.0
        self._base = -math.inf

    def hear(self, energy: float) -> None:
        """Take the energy of 400 ms that end now."""
        if to_lufs(energy) <= ABSOLUTE_GATE:
            return
        self._heard += 1
        self._all += (energy - self._all) * _share(self._heard, RIDE_SECONDS)
        if energy > self._all * 10 ** (RELATIVE_GATE / 10):
            self._counted += 1
            self._gated += (energy - self._gated) * _share(self._counted, RIDE_SECONDS)
        level = to_lufs(self._gated)
        if self._base == -math.inf:
            self._base = level
        self._base += (level - self._base) * HOP_SECONDS / BASE_SECONDS

    def begin(self, loudness: float) -> None:
        """Take the loudness of the look-ahead as what was heard so far."""
        if self._counted and math.isfinite(loudness):
            self._gated, self._base = to_energy(loudness), loudness

    def gain(self) -> float:
        """Return the gain in dB."""
        if not self._counted:
            return 0.0
        stray = to_lufs(self._gated) - self._base
        ridden = self._base + float(np.clip(stray, -RIDE_DECIBELS, RIDE_DECIBELS))
        return min(self._target - ridden, MOST_GAIN)


def _share(count: int, seconds: float) -> float:
    """Return the weight of a new value: of a plain mean first, then of an exponential one."""
    return max(1 / count, HOP_SECONDS / seconds)


def even_loudness(
    blocks: Iterable[Samples], sample_rate: int, channels: int, target: float
) -> Iterator[Samples]:
    """Yield a stream at an even loudness, in constant memory, 20 s behind what it reads.

    A sound of up to 20 s gets one gain. Of a longer one the gain starts with the loudness of its
    first 20 s, then follows the gated loudness (BS.1770-4) with a time constant of 30 s, at most
    6 dB away from its mean of two minutes. Events of seconds keep their dynamics. Silence stays.

    Parameters
    ----------
    blocks : samples (channels, n) in blocks of any lengths, which do not change the result.
    target : LUFS.
    """
    hop = round(HOP_SECONDS * sample_rate)
    meter, rider = StreamMeter(sample_rate, channels), _Rider(target)
    waiting: deque[Samples] = deque()
    gain: float | None = None
    for block in reblock(blocks, hop):
        meter.add(block)
        if block.shape[1] == hop:
            rider.hear(meter.momentary)
        waiting.append(block)
        if len(waiting) * HOP_SECONDS < LOOK_AHEAD_SECONDS:
            continue
        if gain is None:
            gain = _first_gain(meter, rider, target)
        start, gain = gain, rider.gain()
        yield _ramp(waiting.popleft(), start, gain)
    if gain is None:
        gain = _first_gain(meter, rider, target)
    for block in waiting:
        yield _ramp(block, gain, gain)


def _first_gain(meter: StreamMeter, rider: _Rider, target: float) -> float:
    level = meter.loudness()
    rider.begin(level)
    return min(target - level, MOST_GAIN) if math.isfinite(level) else 0.0


def _ramp(block: Samples, start: float, stop: float) -> Samples:
    """Apply a gain that moves in a straight line in dB."""
    decibels = start + (stop - start) * (np.arange(1, block.shape[1] + 1) / block.shape[1])
    return (block * 10 ** (decibels / 20)).astype(np.float32)

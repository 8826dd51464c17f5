"""A limiter for endless sound: no sample passes the ceiling, and nothing is cut off.

numpy-audio-limiter keeps no state between calls, so a stream would be limited afresh in each block.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d
from scipy.signal import oaconvolve

from soundmill.audio.files import Samples

LOOK_AHEAD_SECONDS = 0.005
RELEASE_SECONDS = 0.1
NEGLIGIBLE = 1e-6
"""A reduction of the gain below this (0.00001 dB) has ended."""


def reblock(blocks: Iterable[Samples], size: int) -> Iterator[Samples]:
    """Yield the same samples (channels, n) in blocks of ``size``; the last one may be shorter."""
    held: list[Samples] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += block.shape[1]
        if count < size:
            continue
        joined = np.concatenate(held, axis=1) if len(held) > 1 else block
        whole = count - count % size
        for start in range(0, whole, size):
            yield joined[:, start : start + size]
        # a copy, so that the rest does not keep a long block alive
        held, count = [joined[:, whole:].copy()], count - whole
    if count:
        yield np.concatenate(held, axis=1)


class Limiter:
    """Look-ahead limiter: a sliding maximum of what must go, released slowly, then smoothed.

    The gain reduction that each sample needs is held over the look-ahead, decays exponentially
    and is averaged over the look-ahead with a Hann window. Every value that enters the average at a
    sample has seen that sample, so the average is enough for it: the ceiling is never passed, and
    the gain has no corners. All channels share the gain. Give blocks of one size for results that
    do not depend on it (`reblock`).

    Parameters
    ----------
    sample_rate : Hz.
    channels : of the samples.
    ceiling : largest absolute value, full scale is 1.
    """

    def __init__(self, sample_rate: int, channels: int, ceiling: float) -> None:
        self._reach = 2 * max(1, round(LOOK_AHEAD_SECONDS * sample_rate / 2))
        self._ceiling = ceiling * (1 - 1e-5)  # the window's sum and the product are rounded
        self._decay = np.exp(-1 / (RELEASE_SECONDS * sample_rate))
        window = np.hanning(self._reach + 3)[1:-1]
        self._window = window / window.sum()
        # silence before the first sample, in which the gain can fall; it is not given out
        self._samples = np.zeros((channels, self._reach), np.float32)
        self._needed = np.zeros(self._reach)
        self._unsaid = self._reach
        self._tail = np.zeros(self._reach)
        self.limited = 0
        """Samples (of all channels at one time: frames) turned down by more than 0.01 dB."""

    def add(self, block: Samples) -> Samples:
        """Take the next samples (channels, n); return those that are ready, delayed by 5 ms."""
        self._samples = np.concatenate([self._samples, block], axis=1)
        peaks = np.abs(block).max(axis=0, initial=0.0).astype(np.float64)
        needed = 1 - self._ceiling / np.maximum(peaks, self._ceiling)
        self._needed = np.concatenate([self._needed, needed])
        return self._take(len(self._needed) - self._reach)

    def end(self) -> Samples:
        """Return the samples still held back."""
        ready = len(self._needed)
        self._needed = np.concatenate([self._needed, np.zeros(self._reach)])
        return self._take(ready)

    def _take(self, ready: int) -> Samples:
        given = self._limited(ready) if ready > 0 else self._samples[:, :0]
        skipped = min(self._unsaid, given.shape[1])
        self._unsaid -= skipped
        return given[:, skipped:]

    def _limited(self, ready: int) -> Samples:
        samples, self._samples = self._samples[:, :ready], self._samples[:, ready:]
        if not self._needed.any() and not self._tail.any():
            self._needed = self._needed[ready:]
            return samples
        half = self._reach // 2
        held = maximum_filter1d(self._needed, self._reach + 1, mode="constant")[half:][:ready]
        self._needed = self._needed[ready:]
        held = self._release(held)
        reduction = oaconvolve(np.concatenate([self._tail, held]), self._window, "valid")
        self._tail = np.concatenate([self._tail, held])[-self._reach :]
        self.limited += int(np.count_nonzero(reduction[self._unsaid :] > 1e-3))
        return (samples * (1 - reduction)).astype(np.float32)

    def _release(self, held: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Let the reduction fall no faster than the release: e[n] = max(held[n], decay e[n-1])."""
        # as a running maximum of logarithms, in which the decay is a straight line
        slope = np.arange(1, len(held) + 1) * np.log(self._decay)
        with np.errstate(divide="ignore"):
            risen = np.log(np.concatenate([self._tail[-1:], held]))
        risen[1:] -= slope
        fallen = np.exp(np.maximum.accumulate(risen)[1:] + slope)
        return np.where(fallen < NEGLIGIBLE, held, fallen)

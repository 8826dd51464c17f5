"""What the descriptors share: frames, magnitudes, mel bands, decibels, running medians."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.features.descriptor_options import DescriptorOptions

Floats = npt.NDArray[np.float32]

CHUNK = 1024
"""Frames transformed at once (24 s by default): the memory of long recordings stays small."""
MELS = 128
TINY = torch.finfo(torch.float32).tiny
BLOCK = 16384
"""Values whose running median is taken at once: a sorting network's arrays stay in the cache."""


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run torch with one thread, and afterwards with as many as before.

    The arrays of a chunk are small: a second thread gains little, and where it must wait for a busy
    core each operation takes milliseconds. Run several recordings at once instead.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Spectrogram:
    """The short-time Fourier transform of a recording, chunk by chunk.

    Frame t is centred at sample t x hop, the recording being continued by zeros, and weighted by a
    periodic Hann window: librosa's `stft` with its defaults. There are 1 + n // hop frames. As
    there, the transform itself is in double precision: single precision leaves a noise 140 dB
    below the loudest bin, which the contrast of clean tones measures.

    Parameters
    ----------
    samples : (n,) float32.
    """

    def __init__(self, samples: Tensor, options: DescriptorOptions) -> None:
        half = options.n_fft // 2
        padded = torch.nn.functional.pad(samples, (half, half))
        self.frames = padded.unfold(0, options.n_fft, options.hop)
        self._window = hann(options.n_fft)
        self._kept: tuple[int, int, Tensor] | None = None

    def __len__(self) -> int:
        return len(self.frames)

    def magnitudes(self, start: int, stop: int) -> Tensor:
        """Return the magnitudes of frames ``start`` to ``stop`` as (frames, bins).

        The last answer is kept: who asks again for the same frames gets the same tensor.
        """
        if self._kept is None or self._kept[:2] != (start, stop):
            spectra = torch.fft.rfft(self.frames[start:stop] * self._window)
            self._kept = start, stop, spectra.to(torch.complex64).abs()
        return self._kept[2]

    def chunks(self, halo: int = 0) -> list[tuple[int, int, int, int]]:
        """Return chunks as (start, stop, start with halo, stop with halo), in frames."""
        n = len(self)
        return [
            (start, min(start + CHUNK, n), max(start - halo, 0), min(start + CHUNK + halo, n))
            for start in range(0, n, CHUNK)
        ]


@lru_cache(4)
def hann(size: int) -> Tensor:
    """Return a periodic Hann window in double precision."""
    return torch.hann_window(size, periodic=True, dtype=torch.float64)


@lru_cache(4)
def frequencies(sample_rate: int, n_fft: int) -> Tensor:
    """Return the frequencies of an STFT's bins in Hz."""
    return torch.from_numpy(np.fft.rfftfreq(n_fft, 1 / sample_rate).astype(np.float32))


@lru_cache(4)
def mel_filters(sample_rate: int, n_fft: int) -> Tensor:
    """Return librosa's mel filters (Slaney's scale and norm) as (bins, bands)."""
    from librosa.filters import mel

    return torch.from_numpy(mel(sr=sample_rate, n_fft=n_fft, n_mels=MELS).T.copy())


@lru_cache(4)
def cosines(bands: int, count: int) -> Tensor:
    """Return the first columns of the orthonormal DCT II as (bands, count)."""
    import scipy.fft

    return torch.from_numpy(scipy.fft.dct(np.eye(bands), norm="ortho")[:, :count]).float()


def decibels(power: Tensor) -> Tensor:
    """Return 10 log10 of a power, no less than 80 dB below its largest value.

    librosa's `power_to_db` with its defaults: powers below 1e-10 count as 1e-10.
    """
    level = 10 * power.clamp(min=1e-10).log10()
    return level.clamp(min=float(level.max()) - 80)


def unit_sum(values: Tensor) -> Tensor:
    """Divide by the sum over the last axis; where that is nothing the values stay."""
    total = values.sum(-1, keepdim=True)
    return values / torch.where(total < TINY, 1.0, total)


def running_median(values: Floats, size: int = 31) -> Floats:
    """Return the median of ``size`` (odd) neighbours along the last axis of (rows, n + size - 1).

    The result is (rows, n): the caller has padded. The values may not be NaN.

    Windows at an even place and at the next share all but one value each: the median is that value,
    limited to between the two middle ones of what they share. The shared parts are sorted for all
    places at once by merging sorted halves with Batcher's odd-even network, where minimum and
    maximum of whole arrays do the comparing. That is 8 to 10 times as fast as a filter that visits
    each window (`scipy.ndimage.median_filter`), and gives the same values.

    References
    ----------
    D. Knuth, The Art of Computer Programming, vol. 3, 5.3.4 (odd-even merging).
    """
    flat = np.append(np.ascontiguousarray(values).reshape(-1), np.float32(0))
    result = np.empty(len(flat), np.float32)
    n = (len(flat) - size + 1) // 2 * 2  # a pair more than there is: hence the zero
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        _medians(flat[start : stop + size - 1], size, result[start:stop])
    # places that reach over the end of a row hold nonsense and are cut off
    return result[: values.size].reshape(values.shape)[:, : values.shape[1] - size + 1]


def _medians(x: Floats, size: int, result: Floats) -> None:
    """Write the medians of all windows of odd ``size``, an even number, into ``result``."""
    even, odd = x[0::2].copy(), x[1::2].copy()
    shared = size // 2  # pairs: the values 2k + 1 to 2k + size - 1
    known: dict[int, list[Floats]] = {0: []}
    known[1] = [np.minimum(odd[:-1], even[1:]), np.maximum(odd[:-1], even[1:])]
    first = (shared + 1) // 2
    n = len(result) // 2
    left = [a[:n] for a in _sorted_windows(known, first)]
    right = [b[first : first + n] for b in _sorted_windows(known, shared - first)]
    low, high = _smallest(left, right, shared), _smallest(left, right, shared + 1)
    result[0::2] = np.maximum(np.minimum(even[:n], high), low)
    result[1::2] = np.maximum(np.minimum(odd[shared : shared + n], high), low)


def _smallest(a: list[Floats], b: list[Floats], rank: int) -> Floats:
    """Return the ``rank``-th smallest (from 1) of two sorted lists of arrays, elementwise.

    It is the least, over all ways to take so many from the beginnings of both, of the largest.
    """
    best = None
    for taken in range(max(0, rank - len(b)), min(rank, len(a)) + 1):
        ends = ([a[taken - 1]] if taken else []) + ([b[rank - taken - 1]] if taken < rank else [])
        largest = np.maximum(*ends) if len(ends) == 2 else ends[0]
        best = largest if best is None else np.minimum(best, largest)
    assert best is not None
    return best


def _sorted_windows(known: dict[int, list[Floats]], size: int) -> list[Floats]:
    """Return, at each place, the sorted values of the ``size`` pairs that begin there.

    ``known`` holds what has been built so far, by size; at 1 the sorted pairs.
    """
    if size not in known:
        first = (size + 1) // 2
        left = _sorted_windows(known, first)
        right = _sorted_windows(known, size - first)
        n = len(known[1][0]) - size + 1
        known[size] = _merge([a[:n] for a in left], [b[first : first + n] for b in right])
    return known[size]


def _merge(a: list[Floats], b: list[Floats]) -> list[Floats]:
    """Merge two sorted lists of arrays, elementwise, by Batcher's odd-even network."""
    if not a or not b:
        return a or b
    if len(a) == len(b) == 1:
        return [np.minimum(a[0], b[0]), np.maximum(a[0], b[0])]
    odd = _merge(a[0::2], b[0::2])
    even = _merge(a[1::2], b[1::2])
    merged = [odd[0]]
    for high, low in zip(odd[1:], even, strict=False):
        merged += [np.minimum(low, high), np.maximum(low, high)]
    paired = min(len(odd) - 1, len(even))
    return merged + odd[1 + paired :] + even[paired:]

"""Chroma of the STFT and of a constant-Q transform, CENS, tonnetz, and the tuning they share.

Definitions, defaults and filters are librosa 0.11's.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import soxr
import torch
from torch import Tensor

from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.transforms import TINY, Floats, unit_sum

OCTAVES = 7
BINS = 36
"""Bins of the constant-Q transform in an octave."""
LOWEST = 32.70319566257483
"""C1 in Hz, the lowest bin."""
PEAK_RANGE = (150.0, 4000.0)
"""Frequencies in Hz between which spectral peaks tell the tuning."""
PEAK_LEVEL = 0.1
CENS_STEPS = (0.05, 0.1, 0.2, 0.4)
CENS_FRAMES = 41


class Tuning(NamedTuple):
    """Deviation from A = 440 Hz in shares of a semitone, and of a third of one; -.5 to .5."""

    semitone: float
    third: float


def spectral_peaks(magnitudes: Tensor, options: DescriptorOptions) -> tuple[Floats, Floats]:
    """Return frequency in Hz and magnitude of the spectral peaks of frames (frames, bins).

    A peak is a local maximum above a tenth of its frame's largest magnitude, refined by a parabola
    through its neighbours (librosa's `piptrack`).
    """
    hertz = np.fft.rfftfreq(options.n_fft, 1 / options.sample_rate)
    inside = np.flatnonzero((hertz >= PEAK_RANGE[0]) & (hertz < PEAK_RANGE[1]))
    start, stop = int(inside[0]), int(inside[-1]) + 1
    middle = magnitudes[:, start:stop]
    above = middle > PEAK_LEVEL * magnitudes.amax(-1, keepdim=True)
    above &= middle > magnitudes[:, start - 1 : stop - 1]
    above &= middle >= magnitudes[:, start + 1 : stop + 1]
    row, column = above.nonzero(as_tuple=True)
    column = column + start
    peak, low, high = (magnitudes[row, column + shift] for shift in (0, -1, 1))
    curve = high + low - 2 * peak
    slope = (high - low) / 2
    shift = torch.where(slope.abs() >= curve.abs(), 0.0, -slope / curve)
    pitch = (column + shift) * (options.sample_rate / options.n_fft)
    return pitch.numpy(), (peak + 0.5 * slope * shift).numpy()


def estimate_tuning(pitches: Floats, magnitudes: Floats) -> Tuning:
    """Return the tuning that most of the louder half of the `spectral_peaks` have."""
    if not len(pitches):
        return Tuning(0.0, 0.0)
    octaves = np.log2(pitches[magnitudes >= np.median(magnitudes)] / 27.5)
    found = []
    for bins in (12, BINS):
        rest = np.mod(bins * octaves, 1.0)
        rest[rest >= 0.5] -= 1.0
        counts, edges = np.histogram(rest, np.linspace(-0.5, 0.5, 101))
        found.append(float(edges[np.argmax(counts)]))
    return Tuning(*found)


def chroma_stft(power: Tensor, tuning: Tuning, options: DescriptorOptions) -> Tensor:
    """Return the chroma (12, frames) of power spectra (frames, bins); the largest is 1."""
    filters = _chroma_filters(options.sample_rate, options.n_fft, tuning.semitone)
    return _scale(power @ filters, torch.inf).T


@lru_cache(128)
def _chroma_filters(sample_rate: int, n_fft: int, tuning: float) -> Tensor:
    from librosa.filters import chroma

    return torch.from_numpy(chroma(sr=sample_rate, n_fft=n_fft, tuning=tuning).T.copy())


class ConstantQ:
    """The constant-Q transform of a recording, folded to chroma, chunk by chunk.

    Each octave is the one above it at half the rate and half the hop, so one filter basis serves
    all octaves: their frames are transformed together and multiplied by it once (the recursion of
    Schörkhuber and Klapuri, Constant-Q transform toolbox for music processing, SMC 2010, as in
    librosa's `cqt`, whose basis, resampler and scale these are).
    """

    def __init__(self, samples: Tensor, tuning: Tuning, options: DescriptorOptions) -> None:
        self._basis = _basis(options.sample_rate, options.hop, tuning.third)
        signal, hop = samples, options.hop >> self._basis.halvings
        for _ in range(self._basis.halvings):
            signal = _halve(signal)
        half = self._basis.n_fft // 2
        self._octaves: list[Tensor] = []
        for octave in range(OCTAVES):
            padded = torch.nn.functional.pad(signal, (half, half))
            self._octaves.append(padded.unfold(0, 2 * half, hop >> octave))
            if octave + 1 < OCTAVES:
                signal = _halve(signal)

    def bins(self, start: int, stop: int) -> Tensor:
        """Return magnitudes (octaves, frames, bins), the highest octave first."""
        frames = torch.stack([octave[start:stop] for octave in self._octaves])
        spectra = torch.fft.rfft(frames)[..., self._basis.first : self._basis.last]
        return (spectra @ self._basis.filters).abs() * self._basis.scale

    def chroma(self, start: int, stop: int) -> Tensor:
        """Return the sums of the bins of each pitch class, (12, frames)."""
        return (self.bins(start, stop).sum(0) @ _fold()).T


class _Basis(NamedTuple):
    """Filters (FFT bins ``first`` to ``last``, 36) of the top octave, and scales of all octaves."""

    filters: Tensor
    first: int
    last: int
    n_fft: int
    scale: Tensor
    halvings: int


@lru_cache(128)
def _basis(sample_rate: int, hop: int, tuning: float) -> _Basis:
    from librosa import cqt_frequencies
    from librosa.filters import wavelet, wavelet_lengths
    from librosa.util import sparsify_rows

    lowest = LOWEST * 2.0 ** (tuning / BINS)
    hertz = cqt_frequencies(OCTAVES * BINS, fmin=lowest, bins_per_octave=BINS)
    ratio = 2.0 ** (2 / BINS)
    width = np.full(BINS, (ratio - 1) / (ratio + 1))
    _, cutoff = wavelet_lengths(freqs=hertz[-BINS:], sr=sample_rate, alpha=width)
    # as long as half the rate still holds the top octave, and the hop can be halved
    spare = (hop & -hop).bit_length() - OCTAVES
    halvings = max(0, int(np.ceil(np.log2(sample_rate / 2 / cutoff))) - 2)
    halvings = min(halvings, max(0, spare))
    rate = sample_rate / 2**halvings
    wavelets, lengths = wavelet(freqs=hertz[-BINS:], sr=rate, alpha=width)
    n_fft = wavelets.shape[1]
    wavelets *= lengths[:, None] / n_fft
    spectra = np.fft.fft(wavelets, axis=1)[:, : n_fft // 2 + 1].astype(np.complex64)
    sparse = sparsify_rows(spectra, quantile=0.01).toarray()
    used = np.flatnonzero(np.abs(sparse).any(axis=0))
    first, last = int(used[0]), int(used[-1]) + 1
    octave = 2.0 ** (np.arange(OCTAVES) / 2 + halvings / 2)
    scale = torch.from_numpy((octave[:, None, None] / np.sqrt(lengths)).astype(np.float32))
    kernel = torch.from_numpy(np.ascontiguousarray(sparse[:, first:last].T))
    return _Basis(kernel, first, last, n_fft, scale, halvings)


def _halve(signal: Tensor) -> Tensor:
    """Resample to half the rate, of ceil(n / 2) samples."""
    halved = torch.from_numpy(soxr.resample(signal.numpy(), 2, 1, "HQ"))
    wanted = -(-len(signal) // 2)
    return torch.nn.functional.pad(halved, (0, max(0, wanted - len(halved))))[:wanted]


@lru_cache(1)
def _fold() -> Tensor:
    from librosa.filters import cq_to_chroma

    return torch.from_numpy(cq_to_chroma(BINS, bins_per_octave=BINS).T.copy())


def cqt_series(chroma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return chroma, CENS (12, frames each) and tonnetz (6, frames) of summed bins (12, frames).

    References
    ----------
    M. Müller, S. Ewert, Chroma Toolbox, ISMIR 2011 (CENS); C. Harte, M. Sandler, M. Gasser,
    Detecting harmonic change in musical audio, 2006 (tonnetz).
    """
    frames = chroma.T
    share = unit_sum(frames)
    steps = sum((share > step).float() for step in CENS_STEPS) * 0.25
    assert isinstance(steps, Tensor)
    window = torch.hann_window(CENS_FRAMES + 2, periodic=False)
    kernel = (window / window.sum())[None, None]
    smooth = torch.nn.functional.conv1d(steps.T[:, None], kernel, padding=len(window) // 2)[:, 0]
    return _scale(frames, torch.inf).T, _scale(smooth.T, 2).T, (share @ _tonal_centroids()).T


@lru_cache(1)
def _tonal_centroids() -> Tensor:
    """Return (12, 6): pitch classes on the circles of fifths, minor and major thirds."""
    angle = np.outer(np.arange(12), [7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3])
    angle[:, ::2] -= 0.5
    return torch.from_numpy(np.cos(np.pi * angle) * [1, 1, 1, 1, 0.5, 0.5]).float()


def _scale(values: Tensor, norm: float) -> Tensor:
    """Divide each row by its norm; where that is nothing the values stay."""
    length = torch.linalg.vector_norm(values, ord=norm, dim=-1, keepdim=True)
    return values / torch.where(length < TINY, 1.0, length)

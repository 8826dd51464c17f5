"""Onset strength, onsets, tempogram, tempo and pulse clarity.

Definitions and defaults are librosa 0.11's, where librosa has them.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.features.columns import TEMPO_FACTORS
from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.statistics import Windows, window_matrix
from soundmill.features.transforms import CHUNK, TINY

LAGS = 384
"""Frames of a tempogram's window (8.9 s by default), and its lags."""
START_BPM, HIGHEST_BPM, LOWEST_BPM = 120.0, 320.0, 40.0
ONSET_DELTA = 0.07


class Rhythm(NamedTuple):
    """Tempogram ratios (13, frames); tempo in BPM and pulse clarity of each window."""

    ratios: Tensor
    tempo: npt.NDArray[np.float64]
    clarity: npt.NDArray[np.float64]


def onset_strength(levels: Tensor, options: DescriptorOptions) -> Tensor:
    """Return the mean rise of mel levels in dB (bands, frames) from frame to frame, (frames,).

    It is delayed by half an STFT frame, to count from where a sound enters the frame's middle.
    """
    rise = levels.diff(dim=1).clamp_(min=0).mean(0)
    delay = 1 + options.n_fft // (2 * options.hop)
    return torch.nn.functional.pad(rise, (delay, 0))[: levels.shape[1]]


def find_onsets(strength: Tensor, options: DescriptorOptions) -> npt.NDArray[np.intp]:
    """Return the frames of onsets: peaks of the onset strength scaled to 0 to 1.

    An onset is the largest of the last 30 ms, at least .07 above the mean of 100 ms on both
    sides, and more than 30 ms after the onset before (librosa's `onset_detect`).
    """
    x = strength.numpy() - strength.min().numpy()
    x = x / (x.max() + TINY)
    if not x.any():
        return np.zeros(0, np.intp)
    rate = options.sample_rate / options.hop
    before, around, wait = (int(np.ceil(s * rate // 1)) for s in (0.03, 0.1, 0.03))
    n = len(x)
    padded = np.concatenate([np.full(before, -np.inf, np.float32), x])
    highest = np.lib.stride_tricks.sliding_window_view(padded, before + 1).max(-1)
    total = np.concatenate([[0.0], np.cumsum(x, dtype=np.float64)])
    first = np.maximum(np.arange(n) - around, 0)
    last = np.minimum(np.arange(n) + around + 1, n)
    mean = (total[last] - total[first]) / (last - first)
    onsets: list[int] = []
    for frame in np.flatnonzero((x == highest) & (x >= mean + ONSET_DELTA)):
        if not onsets or frame > onsets[-1] + wait:
            onsets.append(int(frame))
    return np.array(onsets, np.intp)


def rhythm(strength: Tensor, windows: Windows, options: DescriptorOptions) -> Rhythm:
    """Return what the tempogram of an onset strength (frames,) tells.

    The tempogram is the autocorrelation, over 384 frames about each frame, of the onset strength
    weighted by a Hann window, its largest value 1; computed and dropped chunk by chunk. A
    window's tempo is the likeliest of its frames' mean tempogram under a log-normal prior about
    120 BPM, up to 320 BPM. Ratios are the tempogram at multiples of each frame's own tempo.

    References
    ----------
    P. Grosche, M. Müller, F. Kurth, Cyclic tempogram, ICASSP 2010; M. Prockup et al., Modeling
    genre with the music genome project, ISMIR 2015 (ratios); O. Lartillot et al.,
    Multi-feature modeling of pulse clarity, ISMIR 2008 (the autocorrelation's maximum).
    """
    frames = len(strength)
    bpm, prior = _tempi(options)
    below, share = _ratio_places(options)
    ramped = np.pad(strength.numpy(), LAGS // 2, mode="linear_ramp", end_values=0)
    curves = torch.from_numpy(ramped).unfold(0, LAGS, 1)[:frames]
    window = torch.hann_window(LAGS, periodic=True)
    ratios = torch.empty(len(TEMPO_FACTORS), frames)
    sums = torch.zeros(len(windows), LAGS, dtype=torch.float64)
    for start in range(0, frames, CHUNK):
        stop = min(start + CHUNK, frames)
        tempogram = _autocorrelation(curves[start:stop] * window, 2 * LAGS)[:, :LAGS]
        largest = tempogram.abs().amax(-1, keepdim=True)
        tempogram /= torch.where(largest < TINY, 1.0, largest)
        best = ((1e6 * tempogram).clamp_(min=0).log1p_() + prior).argmax(-1)
        place, part = below[best], share[best]
        low, high = tempogram.gather(1, place), tempogram.gather(1, (place + 1).clamp(max=LAGS - 1))
        ratios[:, start:stop] = torch.where(part.isnan(), 0.0, low + (high - low) * part).T
        sums += window_matrix(windows, start, stop) @ tempogram
    lengths = torch.tensor(windows.last) - torch.tensor(windows.first)
    best = ((1e6 * sums / lengths[:, None]).clamp_(min=0).log1p_() + prior).argmax(-1)
    tempo = bpm[best].double().numpy().copy()
    clarity = np.full(len(windows), np.nan)
    for number, (first, last) in enumerate(zip(windows.first, windows.last, strict=True)):
        part = strength[first:last]
        if float(part.max()) - float(part.min()) < TINY:
            tempo[number] = np.nan
        else:
            clarity[number] = pulse_clarity(part, options)
    return Rhythm(ratios, tempo, clarity)


def pulse_clarity(strength: Tensor, options: DescriptorOptions) -> float:
    """Return the largest autocorrelation coefficient at lags of 40 to 320 BPM.

    Of the onset strength about its mean; lag k of n frames counts n / (n - k) fold, as fewer
    products make it up. NaN where n is less than twice the shortest lag.
    """
    n = len(strength)
    rate = 60 * options.sample_rate / options.hop
    shortest, longest = int(np.ceil(rate / HIGHEST_BPM)), int(rate // LOWEST_BPM)
    longest = min(longest, n // 2)
    if longest < shortest:
        return float("nan")
    curve = _autocorrelation((strength - strength.mean())[None], 1 << (2 * n - 1).bit_length())[0]
    lags = torch.arange(shortest, longest + 1)
    return float((curve[lags] / curve[0] * (n / (n - lags))).max())


def _autocorrelation(rows: Tensor, size: int) -> Tensor:
    spectra = torch.fft.rfft(rows, n=size)
    return torch.fft.irfft(spectra.real.square() + spectra.imag.square(), n=size)


@lru_cache(4)
def _tempi(options: DescriptorOptions) -> tuple[Tensor, Tensor]:
    """Return the tempo of each lag in BPM, and the logarithm of its prior."""
    bpm = _bpm(options)
    prior = -0.5 * (np.log2(bpm) - np.log2(START_BPM)) ** 2
    prior[: int(np.argmax(bpm < HIGHEST_BPM))] = -np.inf
    return torch.from_numpy(bpm), torch.from_numpy(prior.astype(np.float32))


def _bpm(options: DescriptorOptions) -> npt.NDArray[np.float64]:
    lags = np.arange(1, LAGS)
    return np.concatenate([[np.inf], 60 * options.sample_rate / (options.hop * lags)])


@lru_cache(4)
def _ratio_places(options: DescriptorOptions) -> tuple[Tensor, Tensor]:
    """Return, for each lag as the tempo and each factor, where the tempogram is read.

    Two (lags, factors): the lag before the place and the share of the next; NaN where the place is
    beyond the lags. Between lags the tempogram is linear in tempo, as librosa reads it.
    """
    bpm = _bpm(options)
    below = np.zeros((LAGS, len(TEMPO_FACTORS)), np.int64)
    share = np.full(below.shape, np.nan, np.float32)
    for column, factor in enumerate(TEMPO_FACTORS):
        over, _, under = factor.partition("_")
        times = int(over) / int(under or 1)
        for lag in range(1, LAGS):
            # the lag as a whole number and a rest, so that it is exact where it falls on one
            before = int(np.floor(lag / times + 1e-9))
            wanted = bpm[lag] * times
            if before >= 1 and lag / times <= LAGS - 1 + 1e-9:
                low, high = bpm[before], bpm[min(before + 1, LAGS - 1)]
                below[lag, column] = before
                share[lag, column] = (wanted - low) / (high - low) if high != low else 0.0
    return torch.from_numpy(below), torch.from_numpy(share)

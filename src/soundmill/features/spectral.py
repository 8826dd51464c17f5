"""Frame series of the magnitude spectrum: shape, contrast, cepstrum, harmonic and percussive parts.

Definitions and defaults are librosa 0.11's, where librosa has them.
"""

import math

import numpy as np
import torch
from scipy.signal import savgol_filter
from torch import Tensor

from soundmill.features.columns import CONTRAST_BANDS, MFCC
from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.transforms import (
    TINY,
    cosines,
    decibels,
    frequencies,
    running_median,
    unit_sum,
)

CONTRAST_EDGE = 200.0
"""Upper edge in Hz of the lowest contrast band; the others are an octave each."""
CONTRAST_SHARE = 0.02
MEDIAN = 31
"""Frames, and bins, of the median filters that part harmonic from percussive."""
DELTA_FRAMES = 9


def shape_series(magnitudes: Tensor, before: Tensor | None, options: DescriptorOptions) -> Tensor:
    """Return centroid, bandwidth, roll-off (85, 95 %), flatness, flux, entropy and crest.

    Parameters
    ----------
    magnitudes : (frames, bins).
    before : magnitudes (1, bins) of the frame before the first, or None where there is none; the
        first flux is then NaN.

    Returns
    -------
    Tensor
        (8, frames). In a frame without energy centroid, bandwidth, roll-off, entropy and crest
        are 0, flatness is 1.

    References
    ----------
    G. Tzanetakis, P. Cook, Musical genre classification of audio signals, 2002 (flux);
    G. Peeters, A large set of audio features, CUIDADO report, 2004 (crest);
    H. Misra et al., Spectral entropy based feature for robust ASR, ICASSP 2004 (entropy).
    """
    hertz = frequencies(options.sample_rate, options.n_fft)
    share = unit_sum(magnitudes)
    centroid = share @ hertz
    bandwidth = (share * (hertz - centroid[:, None]).square_()).sum(-1).sqrt()
    running = magnitudes.cumsum(-1)
    limits = running[:, -1:] * torch.tensor([0.85, 0.95])
    rolloff = hertz[torch.searchsorted(running, limits).clamp(max=len(hertz) - 1)].T
    power = magnitudes.square()
    audible = power.clamp(min=1e-10)
    flatness = audible.log().mean(-1).exp() / audible.mean(-1)
    part = unit_sum(power)
    entropy = -torch.special.xlogy(part, part).sum(-1) / math.log(len(hertz))
    crest = magnitudes.amax(-1) / magnitudes.mean(-1).clamp(min=TINY)
    flux = _flux(magnitudes, before)
    return torch.stack([centroid, bandwidth, *rolloff, flatness, flux, entropy, crest])


def _flux(magnitudes: Tensor, before: Tensor | None) -> Tensor:
    first = torch.full((1, magnitudes.shape[1]), torch.nan) if before is None else before
    spectra = torch.cat([first, magnitudes])
    length = torch.linalg.vector_norm(spectra, dim=-1, keepdim=True)
    unit = spectra / torch.where(length < TINY, 1.0, length)
    return unit.diff(dim=0).square().sum(-1)


def peaks_and_valleys(magnitudes: Tensor, options: DescriptorOptions) -> Tensor:
    """Return the means of the largest and of the smallest 2 % of each contrast band's bins.

    (2, bands, frames); their levels' difference is the spectral contrast.

    References
    ----------
    D. Jiang et al., Music type classification by spectral contrast feature, ICME 2002.
    """
    values = magnitudes.numpy()
    result = np.empty((2, CONTRAST_BANDS, len(values)), np.float32)
    for band, (start, stop, count) in enumerate(_contrast_bands(options)):
        ordered = np.sort(values[:, start:stop], axis=-1)
        result[0, band] = ordered[:, -count:].mean(-1)
        result[1, band] = ordered[:, :count].mean(-1)
    return torch.from_numpy(result)


def _contrast_bands(options: DescriptorOptions) -> list[tuple[int, int, int]]:
    """Return each band's first bin, the bin after its last, and how many bins are averaged.

    As librosa's: both edges belong to a band, each but the lowest also has the bin below, each but
    the highest loses its last bin, which still counts towards the share.
    """
    hertz = np.fft.rfftfreq(options.n_fft, 1 / options.sample_rate)
    edges = [0.0, *(CONTRAST_EDGE * 2.0**n for n in range(CONTRAST_BANDS))]
    bands = []
    for band in range(CONTRAST_BANDS):
        inside = np.flatnonzero((hertz >= edges[band]) & (hertz <= edges[band + 1]))
        start = inside[0] - (band > 0)
        stop = inside[-1] + 1 if band < CONTRAST_BANDS - 1 else len(hertz)
        count = max(1, int(np.rint(CONTRAST_SHARE * (stop - start))))
        bands.append((int(start), int(stop) - (band < CONTRAST_BANDS - 1), count))
    return bands


def contrast(parts: Tensor) -> Tensor:
    """Return the spectral contrast in dB (bands, frames) of all `peaks_and_valleys` together."""
    return decibels(parts[0]) - decibels(parts[1])


def cepstrum(levels: Tensor) -> Tensor:
    """Return MFCC, delta and delta-delta (3 x 20, frames) of mel levels in dB (bands, frames).

    The derivatives are Savitzky-Golay filters over 9 frames, of first and second order; a
    recording with fewer frames has none (NaN).
    """
    values = cosines(len(levels), MFCC).T @ levels
    if values.shape[1] < DELTA_FRAMES:
        return torch.cat([values, torch.full((2 * MFCC, values.shape[1]), torch.nan)])
    deltas = [
        torch.from_numpy(savgol_filter(values.numpy(), DELTA_FRAMES, order, deriv=order, axis=-1))
        for order in (1, 2)
    ]
    return torch.cat([values, *deltas])


def harmonic_percussive(magnitudes: Tensor, before: int, after: int) -> Tensor:
    """Return the energies of the harmonic and the percussive part, (2, frames).

    Parameters
    ----------
    magnitudes : (before + frames + after, bins): frames and their neighbours on both sides, at
        most 15; fewer are at hand at the ends of a recording, which is mirrored there.

    References
    ----------
    D. FitzGerald, Harmonic/percussive separation using median filtering, DAFx 2010: medians over
    31 frames and 31 bins, soft masks of power 2 (librosa's `decompose.hpss`).
    """
    half = MEDIAN // 2
    values = magnitudes.numpy()
    stop = len(values) - after
    inner = values[before:stop]
    beyond = ((half - before, half - after), (0, 0))
    padded = np.pad(values, beyond, mode="symmetric")
    harmonic = torch.from_numpy(running_median(padded.T, MEDIAN)).T
    sides = np.pad(inner, ((0, 0), (half, half)), mode="symmetric")
    percussive = torch.from_numpy(running_median(sides, MEDIAN))
    # masks are ratios: of the larger, so that squares of small magnitudes do not vanish
    larger = torch.maximum(harmonic, percussive)
    silent = larger < TINY
    larger = torch.where(silent, 1.0, larger)
    h = torch.where(silent, 1.0, harmonic / larger).square_()
    p = torch.where(silent, 1.0, percussive / larger).square_()
    scaled = magnitudes[before:stop] / (h + p)
    return torch.stack([(scaled * h).square().sum(-1), (scaled * p).square().sum(-1)])

"""Texture statistics: what the ear keeps of rain, wind or a crowd, as a row of numbers.

After J. McDermott and E. Simoncelli, Sound texture perception via statistics of the auditory
periphery, Neuron 71, 2011: a sound texture is told by time averages over the envelopes of
cochlear bands. Two sounds whose numbers agree sound alike, though no sample is the same.

Differences from the paper, for speed: the bands are triangles on the ear's scale over a short-time
Fourier transform (about 23 ms), not a filter bank on the samples; the moments of the modulation
bands and their correlations are left out; modulation power is pooled over neighbouring bands.

Columns, 374 in all (B = 32 bands, low to high):

- ``level``: the mean envelope over time and bands. One column, so that loudness counts little.
- ``mean_<b>``: mean of the band's envelope over that of all bands: the colour.
- ``variation_<b>``: standard deviation over the mean: how steady it is.
- ``skewness_<b>``, ``kurtosis_<b>``: sparse events against a dense hiss; their logarithms.
- ``correlation_<b>_<c>``: of the envelopes of two bands, 1, 2, 3, 5, 8, 11, 16 and 21 apart.
- ``modulation_<hz>_<g>``: share of the envelope's power that changes at so many Hz (0.5 to 64 in
  octaves), over groups of four bands; its decimal logarithm.
"""

import itertools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import Samples
from soundmill.soundscape.filters import erb_filters, power_frames

Values = npt.NDArray[np.float64]

BANDS = 32
WINDOW_SECONDS = 0.023
COMPRESSION = 0.3
"""Exponent of the envelope, as the ear compresses (section Auditory model of the paper)."""
FAINTEST = 1e-11
"""Power that counts as silence: about -105 dB of a full-scale sine."""
APART = (1, 2, 3, 5, 8, 11, 16, 21)
MODULATION_HZ = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Lower ends of the octaves of modulation."""
POOLED = 4
FLAT = 1e-6
"""Envelopes that vary less, relative to their mean, are constant: rounding is no texture."""
LEAST_SHARE = 1e-3
SHORTEST_SECONDS = 0.2


def texture_columns() -> list[str]:
    """Return the names of the columns of `texture_statistics`, in order."""
    names = ["level"]
    for kind in ("mean", "variation", "skewness", "kurtosis"):
        names += [f"{kind}_{band}" for band in range(BANDS)]
    names += [f"correlation_{b}_{b + d}" for d in APART for b in range(BANDS - d)]
    names += [f"modulation_{hz:g}_{g}" for hz in MODULATION_HZ for g in range(BANDS // POOLED)]
    return names


def texture_statistics(samples: Samples, sample_rate: int) -> Values:
    """Return the texture statistics (columns,) of samples (channels, n).

    The power of the channels is averaged. Any length will do: below 0.2 s the sound is repeated,
    and modulations slower than the sound is long have no power. Silence has finite numbers. Numbers
    of sounds at different rates do not compare: the bands reach up to half the rate.
    """
    envelopes = _envelopes(samples, sample_rate)
    mean = envelopes.mean(axis=0)
    moved = envelopes - mean
    spread = np.sqrt(np.square(moved).mean(axis=0))
    flat = spread <= FLAT * mean
    unit = np.where(flat, 0.0, moved / np.where(flat, 1.0, spread))
    skewness = (unit**3).mean(axis=0)
    kurtosis = np.where(flat, 3.0, (unit**4).mean(axis=0))
    return np.concatenate(
        [
            [mean.mean()],
            mean / mean.mean(),
            spread / mean,
            np.sign(skewness) * np.log1p(np.abs(skewness)),
            np.log(kurtosis),
            _correlations(unit),
            _modulations(unit, sample_rate / _hop(sample_rate)),
        ]
    )


def texture_table(clips: Iterable[Samples], sample_rate: int) -> Values:
    """Return the texture statistics of clips, (clips, columns)."""
    rows = [texture_statistics(clip, sample_rate) for clip in clips]
    return np.stack(rows) if rows else np.zeros((0, len(texture_columns())))


def _window(sample_rate: int) -> int:
    """Return the power of two nearest to the window's length, in samples."""
    return int(2 ** round(np.log2(WINDOW_SECONDS * sample_rate)))


def _hop(sample_rate: int) -> int:
    return _window(sample_rate) // 4


def _envelopes(samples: Samples, sample_rate: int) -> Values:
    """Return compressed envelopes (frames, bands)."""
    shortest = round(SHORTEST_SECONDS * sample_rate)
    if samples.shape[1] < shortest:
        samples = np.pad(samples, ((0, 0), (0, shortest - samples.shape[1])), "wrap")
    size = _window(sample_rate)
    power = power_frames(samples, size, size // 4) @ erb_filters(sample_rate, size, BANDS)
    power = power.reshape(len(samples), -1, BANDS).mean(axis=0)
    logs = np.log(np.maximum(power, np.float32(FAINTEST)))
    return np.exp(COMPRESSION / 2 * logs).astype(np.float64)


def _correlations(unit: Values) -> Values:
    matrix = unit.T @ unit / len(unit)
    return np.concatenate([np.diagonal(matrix, d) for d in APART])


def _modulations(unit: Values, frame_rate: float) -> Values:
    """Return the log share of each octave of modulation (octaves * groups,)."""
    frames = len(unit)
    window = np.hanning(frames + 2)[1:-1, None]
    tapered = window * (unit - (window * unit).sum(axis=0) / window.sum())
    power = np.square(np.abs(np.fft.rfft(tapered, axis=0)))
    power = power.reshape(len(power), -1, POOLED).sum(axis=2)
    hertz = np.fft.rfftfreq(frames, 1 / frame_rate)
    total = power.sum(axis=0)
    edges = np.searchsorted(hertz, [*MODULATION_HZ, 2 * MODULATION_HZ[-1]])
    shares = [
        power[low:high].sum(axis=0) / np.where(total > 0, total, 1.0)
        for low, high in itertools.pairwise(edges)
    ]
    return np.log10(np.concatenate(shares) + LEAST_SHARE)

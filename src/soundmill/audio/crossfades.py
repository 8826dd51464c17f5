"""Crossfades that keep the power even, whether the two sounds are alike or not."""

import numpy as np
from scipy.signal import correlate

from soundmill.audio.files import Samples

LEAST_CORRELATION = -0.6
"""Sounds in opposite phase cancel; to lift them further would only raise what is left."""


def crossfade(old: Samples, new: Samples) -> Samples:
    """Return ``old`` fading into ``new``, both (channels, n).

    The gains follow a quarter of a sine, which suits unlike sounds (equal power). Of alike ones the
    sum would swell by up to 3 dB, so both gains are divided by the amplitude that the measured
    correlation r gives: the square root of (a²P + b²Q + 2abr√(PQ)) / (a²P + b²Q), with the gains
    a, b and the powers P, Q (Fink, Holters and Zölzer, Signal-matched power-complementary
    cross-fading, DAFx 2016).
    """
    n = old.shape[1]
    if n == 0:
        return new
    angle = (np.arange(n) + 0.5) / n * (np.pi / 2)
    fall, rise = np.cos(angle), np.sin(angle)
    # measured where both are heard: at the ends one of them hides the other
    weight = fall * rise
    first, second = old.astype(np.float64), new.astype(np.float64)
    p, q = float((weight * first**2).sum()), float((weight * second**2).sum())
    if p > 0 and q > 0:
        r = max(LEAST_CORRELATION, float((weight * first * second).sum()) / np.sqrt(p * q))
        wanted = fall**2 * p + rise**2 * q
        level = np.sqrt(wanted / (wanted + 2 * fall * rise * r * np.sqrt(p * q)))
        fall, rise = fall * level, rise * level
    return (first * fall + second * rise).astype(np.float32)


def best_lag(old: Samples, new: Samples) -> int:
    """Return the start in ``new`` (channels, m) from which it is most like ``old`` (channels, n).

    The largest normalised correlation of the mixes, 0 to m - n (WSOLA: Verhelst and Roelands 1993).
    """
    n = old.shape[1]
    if new.shape[1] <= n:
        return 0
    mixed, wanted = new.mean(axis=0, dtype=np.float64), old.mean(axis=0, dtype=np.float64)
    products = correlate(mixed, wanted, "valid")
    sums = np.concatenate([[0.0], np.cumsum(mixed**2)])
    energies = np.maximum(sums[n:] - sums[:-n], 1e-12)
    return int(np.argmax(products / np.sqrt(energies)))

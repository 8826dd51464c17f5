"""Measures with their intervals, from resamples of whole recordings.

Clips of one recording are alike. An interval that takes them for independent is too narrow, so the
bootstrap draws recordings with all their clips (Davison and Hinkley, Bootstrap methods and their
application, 1997, section 3.8). A clip that comes from no recording, a new one, stands for itself.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Measure = dict[str, Any]
"""{"value": number or None, "interval": [low, high] or None, "n": clips}; 95 % interval."""


def draw_weights(origins: Sequence[str], resamples: int, seed: int) -> Values:
    """Return how often each of n clips is drawn in each resample, (resamples, n).

    Parameters
    ----------
    origins : recording of each clip; an empty one is of its own.

    Returns
    -------
    No row at all where fewer than two recordings leave nothing to draw.
    """
    names = [f"recording {o}" if o else f"clip {i}" for i, o in enumerate(origins)]
    found, member = np.unique(np.array(names, dtype=str), return_inverse=True)
    if len(found) < 2:
        return np.zeros((0, len(names)))
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(found), np.full(len(found), 1 / len(found)), resamples)
    return drawn[:, member].astype(np.float64)


def measure(value: float | None, draws: Values | None, n: int) -> Measure:
    """Return an entry; whatever is not finite becomes None."""
    if value is None or not math.isfinite(value):
        return {"value": None, "interval": None, "n": n}
    interval = None
    if draws is not None:
        known = draws[np.isfinite(draws)]
        if len(known) >= max(2, len(draws) / 2):
            interval = [round(float(v), 6) for v in np.percentile(known, (2.5, 97.5))]
    return {"value": round(float(value), 6), "interval": interval, "n": n}


def mean_measure(
    values: Sequence[float] | Values, origins: Sequence[str], resamples: int, seed: int
) -> Measure:
    """Return the mean over clips and its interval; values that are not finite do not count."""
    known = [(v, o) for v, o in zip(values, origins, strict=True) if math.isfinite(v)]
    if not known:
        return measure(None, None, 0)
    numbers = np.array([v for v, _ in known], np.float64)
    weights = draw_weights([o for _, o in known], resamples, seed)
    draws = weights @ numbers / weights.sum(axis=1) if len(weights) else None
    return measure(float(numbers.mean()), draws, len(numbers))

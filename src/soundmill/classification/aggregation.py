"""Segment decisions become recording decisions."""

from typing import Any

import numpy as np
import numpy.typing as npt

FLOOR = 1e-7
"""Least probability a segment counts with, so that one certain segment cannot veto the others."""


def aggregate(values: npt.NDArray[Any], method: str, kind: str = "single") -> npt.NDArray[Any]:
    """Return the decision on a recording from those on its segments.

    Parameters
    ----------
    values : (s, c) probabilities, or values of a regression, one row a segment.
    method : ``mean`` of the probabilities; ``log_mean``, their geometric mean (the product rule of
        Kittler et al., "On combining classifiers", 1998); ``vote``, the share of segments that
        decide for each class; ``max``, each class's most certain segment.
    kind : of the task. Single: rows are scaled to sum to 1 again; regression knows only the mean
        (``mean``, ``log_mean``), the median (``vote``) and ``max``.

    Returns
    -------
    (c,) float64.
    """
    values = np.asarray(values, np.float64)
    if kind == "regression":
        if method == "vote":
            return np.median(values, axis=0)
        return values.max(axis=0) if method == "max" else values.mean(axis=0)
    if method == "mean":
        decided = values.mean(axis=0)
    elif method == "log_mean":
        decided = np.exp(np.log(np.clip(values, FLOOR, 1)).mean(axis=0))
        if kind == "multi":
            against = np.exp(np.log(np.clip(1 - values, FLOOR, 1)).mean(axis=0))
            decided = decided / (decided + against)
    elif method == "vote":
        if kind == "single":
            decided = np.bincount(values.argmax(axis=1), minlength=values.shape[1]) / len(values)
        else:
            decided = (values >= 0.5).mean(axis=0)
    elif method == "max":
        decided = values.max(axis=0)
    else:
        raise ValueError(f"unknown aggregation {method!r}")
    return decided / decided.sum() if kind == "single" else decided

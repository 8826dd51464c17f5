"""Do probabilities mean what they say? Calibration error, and temperatures that mend it."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax

from soundmill.classification.metrics import LEAST, Floats, tag_loss

HOTTEST = 20.0
"""Temperatures are sought from 1 / HOTTEST to HOTTEST."""


def confidences(
    kind: str, truth: npt.NDArray[Any], values: Floats
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return each decision's confidence and whether it came true, both (m,).

    Single: the probability of the likeliest class of each example, and whether it is the true one.
    Multi: the probability of each tag of each example, and whether it has the tag.
    """
    if kind == "single":
        return values.max(axis=1), np.asarray(values.argmax(axis=1) == truth)
    return values.ravel(), np.asarray(truth.ravel() > 0)


def calibration_error(
    confidence: Floats, right: npt.NDArray[np.bool_], bins: int = 15, binning: str = "equal_width"
) -> tuple[float, list[dict[str, float]]]:
    """Return the expected calibration error and the bins it comes from.

    The mean over examples of the distance between confidence and accuracy of their bin (Guo et
    al., "On calibration of modern neural networks", 2017, section 2).

    Parameters
    ----------
    bins : number of them, most.
    binning : ``equal_width`` in confidence, or ``equal_mass``.

    Returns
    -------
    The error, and for each bin that is not empty its mean confidence, accuracy and count.
    """
    if binning == "equal_width":
        number = np.minimum((confidence * bins).astype(int), bins - 1)
    else:
        edges = np.quantile(confidence, np.arange(1, bins) / bins)
        number = np.searchsorted(edges, confidence, side="right")
    count = np.bincount(number, minlength=bins)
    means = np.bincount(number, confidence, bins) / np.maximum(count, 1)
    accuracy = np.bincount(number, right, bins) / np.maximum(count, 1)
    error = float((count * np.abs(means - accuracy)).sum() / max(1, len(confidence)))
    rows = [
        {
            "confidence": round(float(means[i]), 6),
            "accuracy": round(float(accuracy[i]), 6),
            "count": int(count[i]),
        }
        for i in np.flatnonzero(count)
    ]
    return error, rows


def apply_temperature(kind: str, values: Floats, temperature: float) -> Floats:
    """Return probabilities (n, c) whose logits are divided by a temperature."""
    if kind == "single":
        logs = np.log(np.clip(values, LEAST, 1)) / temperature
        return np.asarray(softmax(logs, axis=1), np.float64)
    return np.asarray(expit(logit(np.clip(values, LEAST, 1 - LEAST)) / temperature), np.float64)


def fit_temperature(kind: str, truth: npt.NDArray[Any], values: Floats) -> float:
    """Return the temperature under which predictions (n, c) are least surprised by the truth.

    The minimum of the mean negative log-likelihood (Guo et al. 2017, section 4.2), which is convex
    in 1 / T; at most `HOTTEST`, at least its inverse. Above 1 the probabilities were too bold.
    """
    if kind == "single":
        logs = np.log(np.clip(values, LEAST, 1))
        every = np.arange(len(truth))

        def loss(cold: float) -> float:
            return float(-log_softmax(logs * np.exp(cold), axis=1)[every, truth].mean())

    else:

        def loss(cold: float) -> float:
            return float(tag_loss(truth, apply_temperature(kind, values, np.exp(-cold))).mean())

    widest = float(np.log(HOTTEST))
    found = minimize_scalar(
        loss, bounds=(-widest, widest), method="bounded", options={"xatol": 1e-4}
    )
    return float(np.exp(-found.x))


def fit_thresholds(truth: npt.NDArray[Any], values: Floats) -> Floats:
    """Return for each tag the probability (c,) from which on deciding for it gives the best F1.

    Thresholds lie between neighbouring predictions; a tag without examples keeps one half.
    """
    return np.array([_fit_threshold(t, v) for t, v in zip(truth.T, values.T, strict=True)])


def _fit_threshold(truth: npt.NDArray[Any], values: Floats) -> float:
    if not truth.any():
        return 0.5
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], np.cumsum(truth[order] > 0)
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + hits[-1])
    f1[:-1][values[:-1] == values[1:]] = -1  # a threshold cannot part equal predictions
    best = int(f1.argmax())
    below = values[best + 1] if best + 1 < len(values) else 0.0
    return float((values[best] + below) / 2)

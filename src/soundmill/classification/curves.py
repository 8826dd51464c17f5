"""Curves of an evaluation, thinned to what a figure can show."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

from soundmill.classification.metrics import Floats

Curve = dict[str, Any]


def roc(truth: npt.NDArray[Any], scores: Floats, most: int = 200) -> Curve | None:
    """Return ``fpr``, ``tpr`` and ``auc`` of one class, or None without positives or negatives."""
    if not 0 < truth.sum() < len(truth):
        return None
    fpr, tpr, _ = roc_curve(truth, scores)
    return {"fpr": thin(fpr, most), "tpr": thin(tpr, most), "auc": round(float(auc(fpr, tpr)), 6)}


def precision_recall(truth: npt.NDArray[Any], scores: Floats, most: int = 200) -> Curve | None:
    """Return ``recall`` (rising), ``precision`` and ``ap`` of one class; None without positives."""
    if not truth.any():
        return None
    precision, recall, _ = precision_recall_curve(truth, scores, drop_intermediate=True)
    return {
        "recall": thin(recall[::-1], most),
        "precision": thin(precision[::-1], most),
        "ap": round(float(average_precision_score(truth, scores)), 6),
    }


def confusion(
    truth: npt.NDArray[Any], decided: npt.NDArray[Any], classes: int
) -> npt.NDArray[np.int64]:
    """Return counts (c, c): rows are true classes, columns decisions."""
    cells = np.bincount(truth * classes + decided, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def abstention(confidence: Floats, score: npt.NDArray[Any], most: int = 200) -> Curve:
    """Return accuracy over the share of decisions kept when the least confident are left out.

    Parameters
    ----------
    confidence, score : confidence of each decision and how right it is, 0 to 1, both (n,).

    Returns
    -------
    ``coverage`` (rising to 1), ``accuracy`` and ``aurc``, the mean over coverages of 1 - accuracy
    (area under the risk-coverage curve; Geifman and El-Yaniv, "Selective classification for deep
    neural networks", 2017; lower is better). Decisions of equal confidence are kept or left out
    together; their curve is the straight mean in between.
    """
    order = np.argsort(-confidence, kind="stable")
    confidence, score = confidence[order], score[order].astype(np.float64)
    fresh = np.r_[True, confidence[1:] != confidence[:-1]]
    starts = np.flatnonzero(fresh)
    size = np.diff(np.r_[starts, len(score)])
    shared = np.repeat(np.add.reduceat(score, starts) / size, size)
    kept = np.arange(1, len(score) + 1)
    accuracy = np.cumsum(shared) / kept
    return {
        "coverage": thin(kept / len(score), most),
        "accuracy": thin(accuracy, most),
        "aurc": round(float(1 - accuracy.mean()), 6),
    }


def thin(values: Floats, most: int) -> list[float]:
    """Return at most ``most`` evenly chosen values, both ends included, for JSON."""
    if len(values) > most:
        values = values[np.linspace(0, len(values) - 1, most).round().astype(int)]
    return [round(float(value), 5) for value in values]

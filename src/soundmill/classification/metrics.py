"""The figures learners are judged by, for many weightings of the examples at once.

A bootstrap resample is a weighting: each example counts as often as it was drawn. Every metric here
takes weights (n, r) and returns its value under each of the r weightings, which makes intervals of
all metrics, ranking metrics included, a matter of a few matrix products. With weights of one it is
the ordinary metric, equal to scikit-learn's. A value that is not defined, such as the AUC of a
class without examples, is NaN; macro means go over the classes that occur in the truth.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

METRICS: dict[str, tuple[str, ...]] = {
    "single": (
        "accuracy", "balanced_accuracy", "macro_f1", "log_loss", "top3_accuracy", "macro_auc",
        "map",
    ),
    "multi": (
        "map", "macro_auc", "micro_auc", "macro_f1", "macro_f1_fitted", "exact_match", "hamming",
        "log_loss",
    ),
    "regression": ("r2", "mae", "rmse", "pearson", "ccc"),
}  # fmt: skip
"""Metrics of each kind of task, in the order of tables; the first is the default to rank by."""
RANKING = frozenset({"macro_auc", "micro_auc", "map"})
"""Metrics that sort the examples, so that each resample costs more."""
LOWER_IS_BETTER = frozenset({"log_loss", "hamming", "mae", "rmse"})
LEAST = 1e-7
"""Least probability that counts in a logarithm, about the precision predictions are kept with."""


def metric_names(kind: str, classes: int) -> tuple[str, ...]:
    """Return the metrics of a task; the top 3 of three classes or fewer says nothing."""
    return tuple(name for name in METRICS[kind] if name != "top3_accuracy" or classes > 3)


def measure(
    kind: str,
    truth: npt.NDArray[Any],
    values: Floats,
    weights: Floats,
    *,
    names: Iterable[str],
    fitted: npt.NDArray[np.bool_] | None = None,
) -> dict[str, Floats]:
    """Return metrics by name, each (r,).

    Parameters
    ----------
    kind : of the task.
    truth : class numbers (n,), tags (n, c) of 0 and 1, or values (n, c).
    values : predicted probabilities or values (n, c).
    weights : (n, r), how often each example counts in each resample.
    names : metrics of the kind to compute.
    fitted : multi: decisions (n, c) by fitted thresholds; default those at one half.
    """
    names = list(names)
    if kind == "single":
        found = _single(truth, values, weights, names)
    elif kind == "multi":
        found = _multi(truth, values, weights, names, fitted)
    else:
        found = _regression(truth, values, weights)
    return {name: found[name] for name in names}


def ranking_scores(
    truth: npt.NDArray[Any], scores: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    """Return the area under the ROC curve and the average precision, each (r,).

    Parameters
    ----------
    truth, scores : label (0 or 1) and score of each example (n,).
    weights : (n, r).

    Equal scores are one threshold, as in scikit-learn: they count half in the AUC (Fawcett, "An
    introduction to ROC analysis", 2006). NaN where the AUC misses positives or negatives, or the
    average precision positives.
    """
    order = np.argsort(scores, kind="stable")
    scores, positive = scores[order], truth[order].astype(bool)
    ordered = weights[order]
    nothing = np.full(weights.shape[1], np.nan)
    if not positive.any():
        return nothing, nothing
    fresh = np.r_[True, scores[1:] != scores[:-1]]
    starts, threshold = np.flatnonzero(fresh), np.cumsum(fresh) - 1
    held, first = np.unique(threshold[positive], return_index=True)
    own = np.add.reduceat(ordered[positive], first, axis=0)  # positives at each threshold (g, r)
    sums = np.cumsum(ordered, axis=0)
    upto = sums[np.r_[starts[1:], len(scores)][held] - 1]  # all that score as much or less
    before = np.where(starts[held, None] > 0, sums[starts[held] - 1], 0)
    return _areas(own, upto, before, sums[-1])


def _areas(own: Floats, upto: Floats, before: Floats, total: Floats) -> tuple[Floats, Floats]:
    lower_positives = np.cumsum(own, axis=0) - own
    positives = lower_positives[-1] + own[-1]
    lower = before - lower_positives
    equal = upto - before - own
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = (own * (lower + equal / 2)).sum(axis=0) / (positives * (total - positives))
        precision = (positives - lower_positives) / (total - before)
        average = np.where(own > 0, own * precision, 0).sum(axis=0) / positives
    return auc, average


def class_scores(
    truth: npt.NDArray[Any], decided: npt.NDArray[Any], weights: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return precision, recall, F1 and support of each class, each (c, r).

    Parameters
    ----------
    truth, decided : membership (n, c), 0 or 1.

    Recall and F1 of a class that does not occur are NaN; the precision of one that is never
    decided for is 0.
    """
    hits = (truth * decided).T.astype(np.float64) @ weights
    support = truth.T.astype(np.float64) @ weights
    chosen = decided.T.astype(np.float64) @ weights
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(chosen > 0, hits / np.where(chosen > 0, chosen, 1), 0)
        recall = hits / support
        f1 = np.where(support > 0, 2 * hits / (support + chosen), np.nan)
    return precision, recall, f1, support


def membership(numbers: npt.NDArray[Any], classes: int) -> npt.NDArray[np.float64]:
    """Return class numbers (n,) as columns of 0 and 1, (n, c)."""
    return np.eye(classes)[numbers]


def mean_known(values: Floats) -> Floats:
    """Return the mean over the first axis without NaN; NaN where nothing is known."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def top_hits(truth: npt.NDArray[Any], values: Floats, most: int) -> Floats:
    """Return whether the true class is among the ``most`` likeliest (n,), as a probability.

    Classes that tie for the last places share them, so that a constant prediction is not rewarded
    for the order of the alphabet.
    """
    own = values[np.arange(len(truth)), truth][:, None]
    above, equal = (values > own).sum(axis=1), (values == own).sum(axis=1)
    return np.clip((most - above) / equal, 0, 1)


def true_loss(truth: npt.NDArray[Any], values: Floats) -> Floats:
    """Return minus the logarithm of the probability of the true class (n,), in nats."""
    own = values[np.arange(len(truth)), truth]
    return np.asarray(-np.log(np.clip(own, LEAST, 1)), np.float64)


def tag_loss(truth: npt.NDArray[Any], values: Floats) -> Floats:
    """Return the mean over tags of the cross-entropy (n,), in nats."""
    given = np.where(truth > 0, values, 1 - values)
    return np.asarray(-np.log(np.clip(given, LEAST, 1)).mean(axis=1), np.float64)


def _mean(items: npt.NDArray[Any], weights: Floats) -> Floats:
    return np.asarray(items.astype(np.float64) @ weights / weights.sum(axis=0), np.float64)


def _ranked(truth: npt.NDArray[Any], values: Floats, weights: Floats) -> dict[str, Floats]:
    columns = [ranking_scores(truth[:, i], values[:, i], weights) for i in range(values.shape[1])]
    areas, precisions = (np.stack(rows) for rows in zip(*columns, strict=True))
    return {"macro_auc": mean_known(areas), "map": mean_known(precisions)}


def _single(
    truth: npt.NDArray[Any], values: Floats, weights: Floats, names: list[str]
) -> dict[str, Floats]:
    decided = values.argmax(axis=1)
    member = membership(truth, values.shape[1])
    _, recall, f1, _ = class_scores(member, membership(decided, values.shape[1]), weights)
    found = {
        "accuracy": _mean(decided == truth, weights),
        "balanced_accuracy": mean_known(recall),
        "macro_f1": mean_known(f1),
        "log_loss": _mean(true_loss(truth, values), weights),
        "top3_accuracy": _mean(top_hits(truth, values, 3), weights),
    }
    return found | (_ranked(member, values, weights) if RANKING.intersection(names) else {})


def _multi(
    truth: npt.NDArray[Any],
    values: Floats,
    weights: Floats,
    names: list[str],
    fitted: npt.NDArray[np.bool_] | None,
) -> dict[str, Floats]:
    decided = values >= 0.5
    chosen = decided if fitted is None else fitted
    found = {
        "macro_f1": mean_known(class_scores(truth, decided, weights)[2]),
        "macro_f1_fitted": mean_known(class_scores(truth, chosen, weights)[2]),
        "exact_match": _mean((decided == (truth > 0)).all(axis=1), weights),
        "hamming": _mean((decided != (truth > 0)).mean(axis=1), weights),
        "log_loss": _mean(tag_loss(truth, values), weights),
    }
    if RANKING.intersection(names):
        found |= _ranked(truth, values, weights)
    if "micro_auc" in names:
        every = np.repeat(weights, truth.shape[1], axis=0)
        found["micro_auc"] = ranking_scores(truth.ravel(), values.ravel(), every)[0]
    return found


def _regression(truth: npt.NDArray[Any], values: Floats, weights: Floats) -> dict[str, Floats]:
    columns = [target_scores(truth[:, i], values[:, i], weights) for i in range(values.shape[1])]
    return {name: mean_known(np.stack([c[name] for c in columns])) for name in columns[0]}


def target_scores(truth: npt.NDArray[Any], values: Floats, weights: Floats) -> dict[str, Floats]:
    """Return the metrics of one regressed target, (n,) against (n,), each (r,).

    CCC is Lin's concordance, "A concordance correlation coefficient to evaluate reproducibility"
    (1989). Where all true values are equal R² is NaN; where the predicted ones are, Pearson's is.
    """
    middle = truth.astype(np.float64).mean()  # moments about it: no digits are lost
    x, y = truth.astype(np.float64) - middle, values - middle
    moments = np.stack([x, y, x * x, y * y, x * y, np.abs(x - y)]) @ weights / weights.sum(axis=0)
    mean_x, mean_y, square_x, square_y, product, absolute = moments
    spread_x, spread_y = square_x - mean_x**2, square_y - mean_y**2
    error = np.maximum(square_x - 2 * product + square_y, 0)
    least = 1e-12 * np.maximum(square_x, square_y)  # what rounding leaves of no spread at all
    some_x, some_y = spread_x > least, spread_y > least
    together = product - mean_x * mean_y
    apart = spread_x + spread_y + (mean_x - mean_y) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "r2": np.where(some_x, 1 - error / spread_x, np.nan),
            "mae": absolute,
            "rmse": np.sqrt(error),
            "pearson": np.where(some_x & some_y, together / np.sqrt(spread_x * spread_y), np.nan),
            "ccc": np.where(apart > least, 2 * together / apart, np.nan),
        }

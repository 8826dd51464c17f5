"""What happens to descriptors before a learner sees them; all of it is learned inside a fold."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

KNOTS = 33
"""Points of the quantile scale's curve; between them it is straight."""
LIMIT = 8.0
"""Largest scaled value: what lies so far from the training examples says no more."""

Matrix = npt.NDArray[np.floating[Any]]


class Fill(TransformerMixin, BaseEstimator):
    """Puts the training median where a value is not a number; 0 where a column has none."""

    def fit(self, x: Matrix, y: Any = None) -> Self:
        """Learn the medians of (n, d)."""
        known = np.isfinite(x)
        some = known.any(axis=0)
        self.medians_ = np.zeros(x.shape[1], np.float64)
        self.medians_[some] = np.nanmedian(np.where(known, x, np.nan)[:, some], axis=0)
        return self

    def transform(self, x: Matrix) -> Matrix:
        """Return (n, d) without gaps; infinities count as gaps."""
        return np.where(np.isfinite(x), x, self.medians_)


class Scaler(TransformerMixin, BaseEstimator):
    """Brings columns to one scale and keeps outliers within `LIMIT`.

    Parameters
    ----------
    method : as option `scale`. ``quantile`` is a curve of straight pieces through `KNOTS` quantiles
        and the normal distribution's; it maps equal training values to the middle of their ranks.

    A column that is constant in the training examples becomes 0, whatever it is later.
    """

    def __init__(self, method: str = "standard") -> None:
        self.method = method

    def fit(self, x: Matrix, y: Any = None) -> Self:
        """Learn the scales of (n, d)."""
        x = np.asarray(x, np.float64)
        if self.method == "quantile":
            self.knots_, self.values_ = _curves(x)
            return self
        if self.method == "robust":
            low, self.middle_, high = np.percentile(x, (25, 50, 75), axis=0)
            # a column whose quartiles are equal is still no constant: its deviation serves then
            spread = np.where(high > low, high - low, x.std(axis=0))
        else:
            self.middle_, spread = x.mean(axis=0), x.std(axis=0)
        least = 1e-9 * np.maximum(np.abs(x).max(axis=0), 1e-30)  # what rounding leaves of none
        self.factor_ = np.where(spread > least, 1 / np.maximum(spread, 1e-300), 0.0)
        return self

    def transform(self, x: Matrix) -> Matrix:
        """Return the scaled (n, d)."""
        x = np.asarray(x, np.float64)
        if self.method == "quantile":
            columns = zip(x.T, self.knots_, self.values_, strict=True)
            return np.stack([np.interp(*column) for column in columns], axis=1)
        return np.clip((x - self.middle_) * self.factor_, -LIMIT, LIMIT)


def _curves(x: Matrix) -> tuple[Matrix, Matrix]:
    """Return knots (d, `KNOTS`), not falling, and the values there; the last ones repeat."""
    from scipy.special import ndtri

    share = (np.arange(KNOTS) + 0.5) / KNOTS
    quantiles = np.quantile(x, share, axis=0).T
    knots = np.empty_like(quantiles)
    values = np.empty_like(quantiles)
    for column, row in enumerate(quantiles):
        distinct, where = np.unique(row, return_inverse=True)
        count = len(distinct)
        ranks = np.bincount(where, share) / np.bincount(where)
        knots[column], values[column] = distinct[-1], ndtri(ranks[-1])
        knots[column, :count], values[column, :count] = distinct, ndtri(ranks)
    return knots, np.where(knots[:, :1] < knots[:, -1:], values, 0.0)


class KeepBest(TransformerMixin, BaseEstimator):
    """Keeps the columns that tell most about the targets, as `SelectOptions` says.

    Parameters
    ----------
    count, by : the options. kind : of the task. seed : of the noise that the estimate of mutual
        information adds.
    """

    def __init__(
        self, count: int = 200, by: str = "anova", kind: str = "single", seed: int = 0
    ) -> None:
        self.count, self.by, self.kind, self.seed = count, by, kind, seed

    def fit(self, x: Matrix, y: npt.NDArray[Any]) -> Self:
        """Score the columns of (n, d) against targets (n,) or (n, c)."""
        scores = np.zeros(x.shape[1])
        if x.shape[1] > self.count:
            scores = column_scores(x, y, self.by, self.kind, self.seed)
        # stable, so that ties go to the first column
        best = np.argsort(-scores, kind="stable")[: self.count]
        self.kept_ = np.sort(best).astype(np.int64)
        return self

    def transform(self, x: Matrix) -> Matrix:
        """Return the kept columns (n, k)."""
        return x[:, self.kept_]


def column_scores(
    x: Matrix, y: npt.NDArray[Any], by: str, kind: str, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Return how much each column of (n, d) alone tells about targets (n,) or (n, c).

    Parameters
    ----------
    by, kind, seed : as `KeepBest`. Several targets: the mean. A constant column tells nothing.
    """
    targets = y[:, None] if y.ndim == 1 else y
    scores = [_score(x, target, by, kind == "regression", seed) for target in targets.T]
    return np.asarray(np.mean(scores, axis=0), np.float64)


def _score(x: Matrix, target: npt.NDArray[Any], by: str, values: bool, seed: int) -> Matrix:
    from sklearn import feature_selection as fs

    scores = np.zeros(x.shape[1])
    varying = np.ptp(x, axis=0) > 0
    if len(np.unique(target)) < 2 or not varying.any():
        return scores
    if by == "mutual_information":
        tell = fs.mutual_info_regression if values else fs.mutual_info_classif
        scores[varying] = tell(x[:, varying], target, random_state=seed)
        return scores
    test = fs.f_regression if values else fs.f_classif
    with np.errstate(divide="ignore", invalid="ignore"):
        found = test(x[:, varying], target)[0]
    scores[varying] = np.nan_to_num(found, nan=0.0, posinf=1e30)
    return scores

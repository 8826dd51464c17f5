"""How far a set of clips is from another: Fréchet and kernel distance, and diversity.

All work on rows of an embedding (`Embedding`), and on weights of the rows, so that a bootstrap
resample is a row of weights instead of a copy of the data.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundmill.soundscape.resampling import Measure, draw_weights, measure

Values = npt.NDArray[np.float64]

FURTHEST = 6.0
"""Standard deviations at which a number of a clip is held: one column that hardly varies in the
training clips would else decide alone."""
LEAST_SPREAD = 1e-9
CLIPS_PER_DIMENSION = 3
AT_ONCE = 32
"""Resamples worked on together; bounds the memory."""


@dataclass(frozen=True)
class Embedding:
    """Clips as points whose distances tell how alike they are.

    Numbers are standardised, then reduced to their principal components, and divided by the root of
    the total variance, all as the training clips have it. So a distance counts in spreads of the
    training clips; a Fréchet distance of 1 is as far as their spread is wide. The components are
    not scaled to equal variance: the small ones are noise of the estimate.
    """

    mean: Values
    spread: Values
    axes: Values

    def __call__(self, rows: Values) -> Values:
        """Map rows (n, columns) to points (n, dimensions)."""
        used = np.maximum(self.spread, LEAST_SPREAD)
        unit = np.where(self.spread > LEAST_SPREAD, (rows - self.mean) / used, 0.0)
        return np.asarray(unit.clip(-FURTHEST, FURTHEST) @ self.axes)

    @property
    def dimensions(self) -> int:
        """Components kept."""
        return int(self.axes.shape[1])


def fit_embedding(rows: Values, most: int) -> Embedding:
    """Fit to the training clips, at least two.

    Parameters
    ----------
    rows : (n, columns).
    most : components at most. No more than n / 3 are kept: the Fréchet distance estimates means
        and covariances, for which n must be well above the dimensions.
    """
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    plain = Embedding(mean, spread, np.eye(rows.shape[1]))(rows)
    kept = max(1, min(most, len(rows) // CLIPS_PER_DIMENSION, rows.shape[1]))
    _, size, axes = np.linalg.svd(plain, full_matrices=False)
    axes = axes[:kept]
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    total = np.sqrt(np.square(size[:kept]).sum() / len(rows))
    return Embedding(mean, spread, axes.T / max(total, LEAST_SPREAD))


def frechet_distance(a: Values, b: Values) -> float:
    """Return the Fréchet distance of two sets of points (n, d), (m, d): FAD of audio embeddings.

    K. Kilgour et al., Fréchet audio distance, Interspeech 2019, equation 1: the squared distance of
    Gaussians with the sets' means and covariances. The covariances are shrunk (`_gaussians`), as
    clips are few. The estimate still is too large, the more so the smaller the sets: compare sets
    of one size only. NaN when a set has fewer than two points.
    """
    if min(len(a), len(b)) < 2:
        return float("nan")
    return float(_frechet(_gaussians(a, _once(a)), _gaussians(b, _once(b)))[0])


def kernel_distance(a: Values, b: Values) -> float:
    """Return the kernel distance of points b (m, d) from reference points a (n, d).

    Y. Chung et al., KAD: no more FAD, 2025: the unbiased estimate of the squared maximum mean
    discrepancy with a Gaussian kernel whose bandwidth is the median distance of the reference
    points; about 0, also below, for sets alike, 2 at most. The authors' program multiplies it by
    100, this does not. NaN when a set has fewer than two points.
    """
    if min(len(a), len(b)) < 2:
        return float("nan")
    return float(_kernel(a, b, _once(b))[0])


def diversity(points: Values, origins: Sequence[str], labels: Sequence[str] | None = None) -> float:
    """Return the mean distance of two points (n, d), in spreads of the training clips.

    Parameters
    ----------
    origins : recording of each point. Two clips of one recording are no sign of variety and do not
        count, unless all are of one recording.
    labels : where given, only pairs of one label count; points without label do not.

    Returns
    -------
    NaN where there is no pair.
    """
    return float(_diversity(points, _pairs(origins, labels), _once(points))[0])


# --- with intervals -------------------------------------------------------------------------------


def frechet_measure(
    reference: Values, points: Values, origins: Sequence[str], resamples: int, seed: int
) -> Measure:
    """Return the Fréchet distance of points from the reference with its interval.

    Resamples repeat points, which makes any set look further away than it is; so the interval is
    moved until its centre is the measured value (and ends at 0 at the latest).
    """
    if min(len(reference), len(points)) < 2:
        return measure(None, None, len(points))
    fixed = _gaussians(reference, _once(reference))
    weights = draw_weights(origins, resamples, seed)
    value = float(_frechet(fixed, _gaussians(points, _once(points)))[0])
    parts = [_frechet(fixed, _gaussians(points, part)) for part in _split(weights)]
    return measure(value, _centred(value, parts, least=0.0), len(points))


def kernel_measure(
    reference: Values, points: Values, origins: Sequence[str], resamples: int, seed: int
) -> Measure:
    """Return the kernel distance of points from the reference with its interval, moved likewise."""
    if min(len(reference), len(points)) < 2:
        return measure(None, None, len(points))
    weights = np.concatenate([_once(points), draw_weights(origins, resamples, seed)])
    draws = _kernel(reference, points, weights)
    value = float(draws[0])
    return measure(value, _centred(value, [draws[1:]], least=-math.inf), len(points))


def diversity_measure(
    points: Values,
    origins: Sequence[str],
    labels: Sequence[str] | None,
    resamples: int,
    seed: int,
) -> Measure:
    """Return `diversity` with its interval."""
    if len(points) < 2:
        return measure(None, None, len(points))
    weights = np.concatenate([_once(points), draw_weights(origins, resamples, seed)])
    draws = _diversity(points, _pairs(origins, labels), weights)
    return measure(float(draws[0]), draws[1:] if len(draws) > 1 else None, len(points))


def _centred(value: float, parts: Sequence[Values], least: float) -> Values | None:
    draws = np.concatenate([np.zeros(0), *parts])
    if not len(draws):
        return None
    return np.asarray(np.maximum(draws + value - np.median(draws), least))


def _once(points: Values) -> Values:
    return np.ones((1, len(points)))


def _split(weights: Values) -> list[Values]:
    return [weights[start : start + AT_ONCE] for start in range(0, len(weights), AT_ONCE)]


# --- on weights (r, n) ----------------------------------------------------------------------------


def _gaussians(points: Values, weights: Values) -> tuple[Values, Values]:
    """Return means (r, d) and covariances (r, d, d) of weighted points.

    The covariances are shrunk towards a sphere of the same variance by the amount that O. Ledoit
    and M. Wolf, A well-conditioned estimator for large-dimensional covariance matrices, J.
    Multivariate Analysis 88, 2004, section 3.2 find best, with weights in place of 1/n.
    """
    share = weights / weights.sum(axis=1, keepdims=True)
    mean = share @ points
    d = points.shape[1]
    outer = (points[:, :, None] * points[:, None, :]).reshape(len(points), -1)
    covariance = (share @ outer).reshape(-1, d, d) - mean[:, :, None] * mean[:, None, :]
    scale = np.trace(covariance, axis1=1, axis2=2) / d
    size = np.square(covariance).sum(axis=(1, 2))
    apart = np.maximum(size - d * scale**2, 0.0)
    # the sum over points of share^2 |x x' - S|^2, with x counted from the mean
    x = points[None] - mean[:, None]
    fourth = np.square(np.square(x).sum(axis=2))
    crossed = ((x @ covariance) * x).sum(axis=2)
    error = (share**2 * (fourth - 2 * crossed + size[:, None])).sum(axis=1)
    amount = np.where(apart > 0, np.minimum(error, apart) / np.where(apart > 0, apart, 1), 1.0)
    sphere = (amount * scale)[:, None, None] * np.eye(d)
    return mean, (1 - amount)[:, None, None] * covariance + sphere


def _frechet(a: tuple[Values, Values], b: tuple[Values, Values]) -> Values:
    """Return the Fréchet distance of one Gaussian from each of r others."""
    value, vector = np.linalg.eigh(a[1][0])
    root = (vector * np.sqrt(value.clip(min=0))) @ vector.T
    inner = root @ b[1] @ root
    cross = np.sqrt(np.linalg.eigvalsh((inner + inner.transpose(0, 2, 1)) / 2).clip(min=0))
    traces = np.trace(a[1][0]) + np.trace(b[1], axis1=1, axis2=2)
    distance = np.square(a[0] - b[0]).sum(axis=1) + traces - 2 * cross.sum(axis=1)
    return np.asarray(distance.clip(min=0))


def _kernel(reference: Values, points: Values, weights: Values) -> Values:
    """Return the kernel distance from a fixed reference of r weightings."""
    n = len(reference)
    among = squared_distances(reference, reference)
    bandwidth = float(np.median(np.sqrt(among[np.triu_indices(n, 1)])))
    width = 2 * (bandwidth**2 if bandwidth > 0 else 1.0)
    k = np.exp(-among / width)
    first = (k.sum() - np.trace(k)) / (n * (n - 1))
    second = _mean_of_pairs(np.exp(-squared_distances(points, points) / width), weights)
    across = np.exp(-squared_distances(points, reference) / width).mean(axis=1)
    return np.asarray(first + second - 2 * weights @ across / weights.sum(axis=1))


def _mean_of_pairs(matrix: Values, weights: Values) -> Values:
    """Return the weighted mean over pairs of different points; NaN where there is none."""
    apart = 1 - np.eye(len(matrix))
    total = ((weights @ apart) * weights).sum(axis=1)
    found = ((weights @ (matrix * apart)) * weights).sum(axis=1)
    return np.where(total > 0, found / np.where(total > 0, total, 1), np.nan)


def _diversity(points: Values, counted: Values, weights: Values) -> Values:
    distance = np.sqrt(squared_distances(points, points)) * counted
    total = ((weights @ counted) * weights).sum(axis=1)
    found = ((weights @ distance) * weights).sum(axis=1)
    return np.where(total > 0, found / np.where(total > 0, total, 1), np.nan)


def _pairs(origins: Sequence[str], labels: Sequence[str] | None) -> Values:
    """Return which pairs count, (n, n) of 0 and 1."""
    n = len(origins)
    counted = ~np.eye(n, dtype=bool)
    if labels is not None:
        names = np.array(labels, dtype=str)
        counted &= (names[:, None] == names[None]) & (names != "")[:, None]
    source = np.array([o or f"clip {i}" for i, o in enumerate(origins)], dtype=str)
    between = counted & (source[:, None] != source[None])
    return np.asarray(between if between.any() else counted, np.float64)


def squared_distances(a: Values, b: Values) -> Values:
    """Return the squared distances (n, m) of points (n, d) and (m, d)."""
    inner = a @ b.T
    sizes = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None]
    return np.asarray((sizes - 2 * inner).clip(min=0))

"""How alike two sets of pieces are: overlap of their distance distributions.

Yang and Lerch, "On the evaluation of generative models in music" (2020), section 3: distances
between the pieces of one set (intra) against distances to the pieces of another (inter), both as
densities smoothed with a Gaussian kernel. The overlap area is 1 and the Kullback-Leibler divergence
0 when pieces of the other set lie among the first as its own do.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist

Vector = npt.NDArray[np.float64]

GRID = 512
TAIL = 3.0
"""Bandwidths of grid beyond the outermost distances."""
FLOOR = 1e-10
"""Smallest probability of a grid cell in the divergence, which is infinite where one set ends."""
MINIMUM_REFERENCE = 3
"""Pieces a half of the corpus needs, to have a distribution of distances."""


class Likeness(NamedTuple):
    """Overlap area (0 to 1) and Kullback-Leibler divergence (nats) of inter from intra."""

    overlap_area: float
    kl: float


def compare_distances(intra: Vector, inter: Vector) -> Likeness:
    """Compare two samples of distances through their kernel densities (Scott's bandwidth)."""
    widths = [float(np.std(x, ddof=1)) * len(x) ** -0.2 for x in (intra, inter)]
    both = np.concatenate((intra, inter))
    low, high = both.min() - TAIL * max(widths), both.max() + TAIL * max(widths)
    if high - low <= 1e-12:
        return Likeness(1.0, 0.0)  # all distances are the same
    p, q = (_density(x, width, low, high) for x, width in zip((intra, inter), widths, strict=True))
    logs = np.log(np.maximum(p, FLOOR)) - np.log(np.maximum(q, FLOOR))
    return Likeness(float(np.minimum(p, q).sum()), max(float((p * logs).sum()), 0.0))


def _density(values: Vector, bandwidth: float, low: float, high: float) -> Vector:
    """Return probabilities (GRID,) of the cells between ``low`` and ``high``."""
    counts = np.histogram(values, GRID, (low, high))[0].astype(float)
    cell = (high - low) / GRID
    smooth = gaussian_filter1d(counts, max(bandwidth / cell, 0.5), mode="constant", truncate=6)
    return np.asarray(smooth / smooth.sum())


def resample_likeness(
    corpus: Vector, others: dict[str, Vector], draws: int, seed: int
) -> dict[str, Vector]:
    """Compare other sets, and one half of the corpus, with the other half, many times.

    Each draw splits the corpus at random; the first half is the reference, and all compared sets,
    the second half included (key ``corpus``), are resampled with replacement to the size of the
    first of ``others``, so no set looks closer by its size. The same seed gives the same draws.

    Parameters
    ----------
    corpus : (pieces, dimensions) feature vectors; rows with NaN are left out.
    others : name to feature vectors of another set.

    Returns
    -------
    Name to (draws, 2) overlap areas and divergences; NaN for sets with fewer than two pieces, or
    when the corpus has fewer than six.
    """
    random = np.random.default_rng(seed)
    size = max(len(next(iter(others.values()))), 2)
    inside = cdist(corpus, corpus)
    across = {name: cdist(corpus, rows) for name, rows in others.items()}
    results = {name: np.full((draws, 2), np.nan) for name in ("corpus", *others)}
    for draw in range(draws):
        order = random.permutation(len(corpus))
        half = _usable(order[: len(order) // 2], corpus)
        rest = _usable(order[len(order) // 2 :], corpus)
        intra = inside[np.ix_(half, half)][np.triu_indices(len(half), 1)]
        sets = {"corpus": (inside, rest)}
        sets |= {name: (across[name], _usable(np.arange(len(x)), x)) for name, x in others.items()}
        for name, (distances, members) in sets.items():
            drawn = random.integers(0, 1 << 30, size) % max(len(members), 1)
            if len(half) >= MINIMUM_REFERENCE and len(members) >= 2:
                inter = distances[np.ix_(half, members[drawn])].ravel()
                results[name][draw] = compare_distances(intra, inter)
    return results


def _usable(numbers: npt.NDArray[np.int64], rows: Vector) -> npt.NDArray[np.int64]:
    return numbers[~np.isnan(rows[numbers]).any(axis=1)]

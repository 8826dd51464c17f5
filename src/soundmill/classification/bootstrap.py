"""Intervals by resampling recordings, or the groups they come from, and tests between learners."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from soundmill.classification.metrics import Floats

BLOCK = 500_000
"""Most cells of a block of weights: what a metric works on stays in the processor's cache."""
AT_ONCE = 64
"""Resamples drawn together."""
FEW_CLUSTERS = 10
"""With fewer of them the intervals are rough, and the notes say so."""


@dataclass(frozen=True)
class Resamples:
    """How often each of n examples was drawn in each of r resamples.

    Attributes
    ----------
    counts : (n, r).
    over : what was drawn: ``recordings`` or ``groups``.
    clusters : number of them.
    """

    counts: npt.NDArray[np.uint16]
    over: str
    clusters: int

    def draws(
        self,
        rows: npt.NDArray[np.intp],
        score: Callable[[Floats], dict[str, Floats]],
        most: int | None = None,
        width: int = 1,
    ) -> dict[str, Floats]:
        """Return what ``score`` gives under each resample of some rows, each metric (r,).

        Parameters
        ----------
        rows : row number in ``counts`` of each example to be scored; a number may come twice.
        score : from weights (n, b) to metrics (b,).
        most : use this many resamples only.
        width : cells ``score`` makes of each weight, to keep its memory bounded.
        """
        parts = [score(weights) for weights in self._blocks(rows, most, width)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _blocks(self, rows: npt.NDArray[np.intp], most: int | None, width: int) -> Iterator[Floats]:
        size = max(1, BLOCK // max(1, len(rows) * width))
        stop = min(most or self.counts.shape[1], self.counts.shape[1])
        for start in range(0, stop, size):
            weights = self.counts[:, start : min(start + size, stop)][rows].astype(np.float64)
            # A resample without any of these rows says nothing: NaN keeps it out of the interval.
            yield np.where(weights.sum(axis=0) > 0, weights, np.nan)


def resample(
    ids: Sequence[str],
    groups: npt.NDArray[np.str_],
    rows: npt.NDArray[np.intp],
    resamples: int,
    seed: int,
) -> Resamples:
    """Draw resamples of recordings, or of whole groups where the examples have groups.

    Recordings of one group (an artist, a speaker) are alike, and an interval that takes them for
    independent is too narrow; the cluster bootstrap draws groups with all they hold (Davison and
    Hinkley, "Bootstrap methods and their application", 1997, section 3.8). Examples without a group
    are groups of their own; one group alone leaves nothing to draw, so its recordings are drawn.

    Parameters
    ----------
    ids, groups : identifier and group (empty: none) of each of the n examples.
    rows : row numbers of the examples that were tested; the others are never drawn.
    """
    tested = groups[rows]
    grouped = len(set(tested[tested != ""])) > 1
    own = [f"group {groups[r]}" if grouped and groups[r] else f"id {ids[r]}" for r in rows]
    names, cluster = np.unique(own, return_inverse=True)
    random = np.random.default_rng(seed)
    counts = np.zeros((len(ids), resamples), np.uint16)
    for start in range(0, resamples, AT_ONCE):  # numpy draws with 64 bits a number
        stop = min(start + AT_ONCE, resamples)
        drawn = random.multinomial(len(names), np.full(len(names), 1 / len(names)), stop - start)
        counts[rows, start:stop] = drawn.T.astype(np.uint16)[cluster]
    return Resamples(counts, "groups" if grouped else "recordings", len(names))


def percentile_interval(draws: Floats) -> list[float] | None:
    """Return the interval that holds 95 % of the draws; None where most are undefined."""
    known = draws[np.isfinite(draws)]
    if len(known) < max(2, len(draws) / 2):
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return [round(float(low), 6), round(float(high), 6)]


def difference_p(difference: float, draws: Floats, clusters: int) -> float | None:
    """Return the two-sided p of a difference from its paired bootstrap draws.

    The difference over its bootstrap standard error, against Student's t with clusters - 1 degrees
    of freedom. A share of resamples beyond zero could not fall below 2 / resamples, which is too
    coarse once corrected for all pairs.
    """
    known = draws[np.isfinite(draws)]
    if len(known) < max(2, len(draws) / 2) or clusters < 2:
        return None
    error = float(known.std(ddof=1))
    if error < 1e-12:
        return 1.0 if abs(difference) < 1e-12 else 0.0
    return float(2 * stats.t.sf(abs(difference) / error, clusters - 1))


def mcnemar(
    right_a: npt.NDArray[np.bool_], right_b: npt.NDArray[np.bool_]
) -> tuple[int, int, float]:
    """Return how many examples only a, and only b, has right, and McNemar's exact p.

    McNemar, "Note on the sampling error of the difference between correlated proportions" (1947);
    the binomial test on the examples on which they differ. It takes recordings for independent.
    """
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    if only_a + only_b == 0:
        return 0, 0, 1.0
    return only_a, only_b, float(stats.binomtest(only_a, only_a + only_b, 0.5).pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p values corrected for their number (Holm, 1979); None stays and does not count."""
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    least = 0.0
    for rank, (p, i) in enumerate(known):
        least = max(least, min(1.0, p * (len(known) - rank)))
        corrected[i] = least
    return corrected

"""Means over pairs with intervals: all that is drawn is whole groups, of which there are few."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.classification.bootstrap import difference_p, percentile_interval, resample

Floats = npt.NDArray[np.float64]
DIGITS = 6
MEASURE_NOTHING: dict[str, Any] = {"value": None, "interval": None, "n": 0}


class Clusters:
    """Items in clusters (the pairs of a speaker), and how often each cluster was drawn.

    Items of one group are alike, so groups are drawn with all they hold; without groups, or with
    one alone, the samples are drawn (see `soundmill.classification.bootstrap.resample`).

    Parameters
    ----------
    ids, groups : sample and group (empty: none) of each of the n items; items of one sample stay
        together in any case.
    resamples : number of draws behind an interval.

    Attributes
    ----------
    over : what was drawn: ``recordings`` or ``groups``.
    number : (n,), cluster of each item. sizes : (k,), items of each cluster.
    counts : (k, r), how often each cluster was drawn.
    """

    def __init__(
        self, ids: Sequence[str], groups: Sequence[str], resamples: int, seed: int
    ) -> None:
        grouped = len({group for group in groups if group}) > 1
        own = [
            f"group {g}" if grouped and g else f"id {i}" for i, g in zip(ids, groups, strict=True)
        ]
        names, self.number = np.unique(own, return_inverse=True)
        every = np.arange(len(names))
        drawn = resample(list(names), np.asarray(names, str), every, resamples, seed)
        self.over = "groups" if grouped else "recordings"
        self.counts = drawn.counts.astype(np.float64)
        self.sizes = np.bincount(self.number, minlength=len(names)).astype(np.float64)

    def __len__(self) -> int:
        """Return the number of clusters."""
        return len(self.sizes)

    def sums(self, values: npt.NDArray[Any]) -> Floats:
        """Return the sums (k,) of values (n,) by cluster."""
        return np.bincount(self.number, values, minlength=len(self)).astype(np.float64)

    def draws(self, sums: Floats, sizes: Floats | None = None) -> Floats:
        """Return the mean under each draw (r,); ``sizes`` (k,) are the items behind the sums."""
        weight = (self.sizes if sizes is None else sizes) @ self.counts
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((sums @ self.counts) / weight, np.float64)

    def measure(self, sums: Floats, sizes: Floats | None = None) -> dict[str, Any]:
        """Return value, 95 % interval and number of items of a mean given as sums (k,)."""
        items = float((self.sizes if sizes is None else sizes).sum())
        if not items or not np.isfinite(sums).all():
            return dict(MEASURE_NOTHING)
        return {
            "value": round(float(sums.sum() / items), DIGITS),
            "interval": percentile_interval(self.draws(sums, sizes)) if len(self) > 1 else None,
            "n": int(items),
        }

    def difference(self, a: Floats, b: Floats) -> tuple[dict[str, Any], float | None]:
        """Return the difference of two means over the same items, and its p."""
        found = self.measure(a - b)
        if found["value"] is None:
            return found, None
        return found, difference_p(found["value"], self.draws(a - b), len(self))

    def texts(self) -> str:
        """Return what the intervals are, in words."""
        what = "groups, such as speakers," if self.over == "groups" else "recordings"
        return (
            f"95 % intervals of a bootstrap over the {len(self)} {what} of the first modality, "
            f"{self.counts.shape[1]} draws"
        )

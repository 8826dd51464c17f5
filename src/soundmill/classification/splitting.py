"""Units divided into parts so that every part has its share of every class.

A unit is what must stay together: a group, copies of one recording, or a single example. With
units of one example and one class this is plain stratification; with several classes or tags a
unit it follows Sechidis, Tsoumakas and Vlahavas ("On the stratification of multi-label data",
2011): the unit that is hardest to place first, each to the part that lacks its classes most. Then
units are moved and swapped while that brings the parts nearer to their shares, which the greedy
pass of scikit-learn's StratifiedGroupKFold does not do; that one also knows equal parts only.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import DisjointSet

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.intp]

SIZE_WEIGHT_ALIKE, SIZE_WEIGHT = 1e-3, 1.0
"""Weight of a part's size against one class. Where single examples are divided, size only decides
between equally good parts; large units would else all stay in the largest part, and a small share
for validation come out as next to nothing."""
MOST_MOVED, MOST_SWAPPED = 20_000, 1_000
"""Units above which moves, or swaps, are not tried: so many units are balanced without."""
PASSES = 20
STRATA = 5
"""Quantiles of a regressed value that are spread like classes."""


def join_units(columns: Sequence[Sequence[str]], count: int) -> Numbers:
    """Return the unit (n,) of each example, numbered by first appearance.

    Parameters
    ----------
    columns : of n cells each; examples with an equal cell, not empty, in any of them are one
        unit, and so are those linked through others.
    count : n, which columns, there may be none, cannot tell.
    """
    sets = DisjointSet(range(count))
    for cells in columns:
        first: dict[str, int] = {}
        for i, cell in enumerate(cells):
            if cell:
                sets.merge(first.setdefault(cell, i), i)
    numbers: dict[int, int] = {}
    roots = (sets[i] for i in range(count))
    return np.array([numbers.setdefault(root, len(numbers)) for root in roots], np.intp)


def quantile_strata(values: npt.NDArray[np.floating]) -> Floats:
    """Return which quantile of each target (n, targets) an example is in: (n, 5 x targets), 0 or 1.

    Equal values are in one quantile; fewer than 5 examples a quantile make fewer of them.
    """
    strata = max(1, min(STRATA, len(values) // STRATA))
    columns = []
    for value in values.T:
        edges = np.quantile(value, np.arange(1, strata) / strata) if len(value) else []
        columns.append(np.eye(strata)[np.searchsorted(edges, value, side="right")])
    return np.hstack(columns)


def sum_units(strata: Floats, units: Numbers) -> Floats:
    """Return the class counts (u, c) of units from those of examples (n, c)."""
    counts = np.zeros((int(units.max(initial=-1)) + 1, strata.shape[1]))
    np.add.at(counts, units, strata)
    return counts


def divide(
    counts: Floats,
    sizes: Floats,
    shares: Sequence[float],
    keys: Sequence[int],
    spread: bool,
    everywhere: int | None = None,
) -> Numbers:
    """Return the part (u,) of each unit.

    Parameters
    ----------
    counts : (u, c) examples of each class or stratum in each unit.
    sizes : (u,) examples in each unit.
    shares : of each of the p parts; they sum to 1. No part stays empty if u >= p.
    keys : (u,) random numbers that decide between units alike; the order of the units does not.
    spread : whether a class of two or more units must be in two or more parts.
    everywhere : a part that must have every class.

    Both demands are met wherever moving single units can meet them. With units of one class and
    one example each part has every class within one of its share.
    """
    by_key = np.array(sorted(range(len(keys)), key=lambda i: keys[i]), np.intp)
    alike = bool(np.all(sizes == 1) and np.all(counts.sum(axis=1) <= 1))
    size_weight = SIZE_WEIGHT_ALIKE if alike else SIZE_WEIGHT
    balance = _Balance(counts[by_key], sizes[by_key], shares, size_weight)
    hardest = (balance.counts * balance.weight).max(axis=1, initial=0)
    order = np.argsort(-hardest, kind="stable").tolist()
    parts = np.full(len(order), -1, np.intp)
    for unit in order:
        part = int(np.argmin(np.round(balance.off @ balance.weighted[unit], 12)))
        parts[unit] = part
        balance.put(unit, part)
    if not alike:
        for _ in range(PASSES):
            if not _improve(balance, parts, order):
                break
    _repair(balance, parts, order, spread, everywhere)
    found = np.empty_like(parts)
    found[by_key] = parts
    return found


class _Balance:
    """How far each part is from its share of each class; the last column is its size."""

    def __init__(
        self, counts: Floats, sizes: Floats, shares: Sequence[float], size_weight: float
    ) -> None:
        self.counts = np.column_stack([counts, sizes]).astype(np.float64)
        totals = self.counts.sum(axis=0)
        self.weight = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
        self.weight[-1] *= size_weight
        self.weighted = self.counts * self.weight
        self.off = -np.outer(shares, totals)
        """(p, c + 1) what a part has, less its share."""
        self.units = np.zeros(len(shares), int)

    def put(self, unit: int, part: int, times: int = 1) -> None:
        """Add a unit to a part, or take it away."""
        self.off[part] += times * self.counts[unit]
        self.units[part] += times

    def cost_of_moving(self, unit: int, old: int) -> Floats:
        """Return by how much the squared distance grows if a unit moves to each part (p,)."""
        away = self.weighted[unit] @ (self.counts[unit] - self.off[old])
        cost = 2 * (self.off @ self.weighted[unit] + away)
        cost[old] = np.inf
        return cost

    def cost_of_swapping(self, unit: int, parts: Numbers) -> Floats:
        """Return by how much it grows if a unit swaps places with each other unit (u,)."""
        old = parts[unit]
        change = self.counts - self.counts[unit]
        apart = self.off[old] - self.off[parts]
        cost = 2 * ((change * self.weight) * (apart + change)).sum(axis=1)
        cost[parts == old] = np.inf
        return cost


def _improve(balance: _Balance, parts: Numbers, order: Sequence[int]) -> bool:
    """Move and swap units once through; return whether any did."""
    if len(parts) > MOST_MOVED:
        return False
    better = -1e-9
    changed = False
    for unit in order:
        old = int(parts[unit])
        if balance.units[old] > 1:  # no part is emptied
            cost = balance.cost_of_moving(unit, old)
            new = int(np.argmin(cost))
            if cost[new] < better:
                _move(balance, parts, unit, new)
                changed = True
                continue
        if len(parts) <= MOST_SWAPPED:
            cost = balance.cost_of_swapping(unit, parts)
            other = int(np.argmin(cost))
            if cost[other] < better:
                new = int(parts[other])
                _move(balance, parts, unit, new)
                _move(balance, parts, other, old)
                changed = True
    return changed


def _move(balance: _Balance, parts: Numbers, unit: int, new: int) -> None:
    balance.put(unit, int(parts[unit]), -1)
    balance.put(unit, new)
    parts[unit] = new


def _repair(
    balance: _Balance, parts: Numbers, order: Sequence[int], spread: bool, everywhere: int | None
) -> None:
    """Move single units, the cheapest first, until parts and classes are as demanded."""
    present = balance.counts[:, :-1] > 0
    several = spread & (present.sum(axis=0) >= 2)
    known = present.any(axis=0) & (everywhere is not None)

    def faults() -> tuple[int, npt.NDArray[np.bool_]]:
        """Count empty parts and misplaced classes; return those classes too (c,)."""
        having = np.array([present[parts == p].any(axis=0) for p in range(len(balance.off))])
        wrong = several & (having.sum(axis=0) == 1)
        if everywhere is not None:
            wrong = wrong | (known & ~having[everywhere])
        empty = int((balance.units == 0).sum())
        return empty * (len(several) + 1) + int(wrong.sum()), wrong

    left, wrong = faults()
    while left:
        empty = balance.units == 0
        candidates = [unit for unit in order if empty.any() or present[unit][wrong].any()]
        moves = []
        for unit in candidates:
            cost = balance.cost_of_moving(unit, int(parts[unit]))
            parts_in_need = np.flatnonzero(np.isfinite(cost) & (empty | (not empty.any())))
            moves += [(round(float(cost[p]), 12), unit, int(p)) for p in parts_in_need]
        for _, unit, part in sorted(moves, key=lambda move: move[0]):
            old = int(parts[unit])
            _move(balance, parts, unit, part)
            now, now_wrong = faults()
            if now < left:
                left, wrong = now, now_wrong
                break
            _move(balance, parts, unit, old)
        else:
            return  # no single move helps: the caller sees which classes stay behind

"""Samples of several modalities become pairs: one class, one part, and what may happen to each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random import Generator, default_rng

from soundmill.errors import InputError
from soundmill.fusion.conditions import LYING, MISSING, Case
from soundmill.fusion.options import TrainingCases
from soundmill.fusion.outputs import Outputs
from soundmill.log import logger

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Pairs:
    """Of p pairs of m modalities.

    Attributes
    ----------
    rows : (p, m) row numbers of samples, all of the class of the pair.
    lying : (p, m) row numbers of samples of another class and the same part, for lies.
    targets : (p,) class numbers.
    """

    rows: Rows
    lying: Rows
    targets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Draw:
    """Pairs in which it is settled what happens to each modality.

    Attributes
    ----------
    rows : (p, m) row numbers; of a modality that lies those of another class.
    conditions : (p, m) numbers among the conditions of the modality's outputs, 0 is clean.
    present : (p, m) whether the modality is there.
    targets : (p,) class numbers.
    """

    rows: Rows
    conditions: Rows
    present: npt.NDArray[np.bool_]
    targets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, which: Any) -> "Draw":
        """Return some of the pairs, by anything that indexes an array."""
        return Draw(
            self.rows[which], self.conditions[which], self.present[which], self.targets[which]
        )


def check_modalities(outputs: Sequence[Outputs]) -> None:
    """Check that modalities can be paired.

    Raises
    ------
    InputError
        when they speak of different classes, or of fewer than two.
    """
    first = outputs[0]
    for other in outputs[1:]:
        if other.classes != first.classes:
            only = sorted(set(first.classes) ^ set(other.classes))
            raise InputError(
                f"modalities {first.modality!r} and {other.modality!r} have different classes: "
                f"{', '.join(only[:5]) or 'their order'} is not in both. Bring the spellings "
                "together with 'aliases'."
            )
    if len(first.classes) < 2:
        raise InputError(f"modality {first.modality!r} has only one class, nothing is to decide")


def draw_pairs(outputs: Sequence[Outputs], part: str, times: int, seed: int) -> Pairs:
    """Return ``times`` pairings of each sample of the first modality in one part.

    Samples of the other modalities are drawn without replacement from their class until it is
    exhausted, then anew; the lying ones in the same way from the other classes.

    Raises
    ------
    InputError
        when no class has samples of all modalities in this part, or only one has.
    """
    check_modalities(outputs)
    random = default_rng(seed)
    rows = [one.rows(part) for one in outputs]
    own = [one.targets[found] for one, found in zip(outputs, rows, strict=True)]
    common = set(own[0].tolist()).intersection(*(set(some.tolist()) for some in own[1:]))
    if len(common) < 2:
        raise InputError(
            f"the {part} parts of {' and '.join(one.modality for one in outputs)} have "
            f"{len(common)} classes in common; pairs need two. Check their splits."
        )
    kept = np.isin(own[0], list(common))
    if not kept.all():
        absent = {outputs[0].classes[t] for t in own[0][~kept]}
        logger.warning(
            "%s: %d samples of %s find no partner and are left out: class %s",
            part, int((~kept).sum()), outputs[0].modality, ", ".join(sorted(absent)),
        )  # fmt: skip
    first = np.tile(rows[0][kept], times)
    targets = outputs[0].targets[first]
    pairs = np.stack(
        [first, *(_deal(f, o, targets, random) for f, o in zip(rows[1:], own[1:], strict=True))],
        axis=1,
    )
    lying = [_deal(f, o, targets, random, other=True) for f, o in zip(rows, own, strict=True)]
    return Pairs(pairs, np.stack(lying, axis=1), targets)


def _deal(
    rows: Rows,
    own: npt.NDArray[np.int64],
    targets: npt.NDArray[np.int64],
    random: Generator,
    other: bool = False,
) -> Rows:
    """Return for each target a row of its class, or of another; shuffled pack after pack."""
    found = np.empty(len(targets), np.intp)
    for target in np.unique(targets):
        places = np.flatnonzero(targets == target)
        pool = rows[own != target] if other else rows[own == target]
        packs = -(-len(places) // len(pool))
        found[places] = np.concatenate([random.permutation(pool) for _ in range(packs)])[
            : len(places)
        ]
    return found


def draw_cases(
    pairs: Pairs,
    damages: Sequence[int],
    cases: TrainingCases,
    seed: int,
    liars: Sequence[float] | None = None,
) -> Draw:
    """Return pairs to which happens what may happen while a fusion learns.

    Parameters
    ----------
    damages : number of damages of each modality.
    liars : (m,) how often the one that lies is each modality, relative; default all alike.
    cases : chances. Each modality is damaged or missing by itself, never are all missing. Where
        one lies nothing else is wrong: beside a damaged modality nothing could tell a lie, and
        to learn from such pairs would only teach distrust of whoever is sure.
    """
    random = default_rng(seed)
    shape = pairs.rows.shape
    chance = random.random(shape)
    missing = chance < cases.missing
    damaged = (chance >= cases.missing) & (chance < cases.missing + cases.damaged)
    nobody = np.flatnonzero(missing.all(axis=1))
    missing[nobody, random.integers(0, shape[1], len(nobody))] = False
    kind = np.stack([random.integers(0, max(1, n), shape[0]) + (n > 0) for n in damages], axis=1)
    share = np.ones(shape[1]) if liars is None else np.asarray(liars, float)
    liar = np.asarray(random.choice(shape[1], shape[0], p=share / share.sum()))
    lies = np.asarray(random.random(shape[0]) < cases.lying)[:, None]
    lying = (np.arange(shape[1]) == liar[:, None]) & lies
    missing, damaged = missing & ~lies, damaged & ~lies
    return Draw(
        rows=np.where(lying, pairs.lying, pairs.rows),
        conditions=np.where(damaged & ~missing, kind, 0),
        present=~missing,
        targets=pairs.targets,
    )


def apply_case(pairs: Pairs, case: Case, conditions: Sequence[Sequence[str]]) -> Draw:
    """Return pairs in one case.

    Parameters
    ----------
    conditions : names of the conditions of each modality's outputs.

    Raises
    ------
    InputError
        when a modality has no outputs under the condition the case names.
    """
    rows, number = pairs.rows.copy(), np.zeros_like(pairs.rows)
    present = np.ones(pairs.rows.shape, bool)
    for i, name in enumerate(case):
        if name == MISSING:
            present[:, i] = False
        elif name == LYING:
            rows[:, i] = pairs.lying[:, i]
        elif name in conditions[i]:
            number[:, i] = list(conditions[i]).index(name)
        else:
            raise InputError(
                f"modality number {i + 1} has no outputs under {name!r}, only under "
                f"{', '.join(conditions[i])}"
            )
    return Draw(rows, number, present, pairs.targets)

"""Predictions beside the truth, and the rows from which something may be fitted for a fold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from soundmill.classification.metrics import Floats
from soundmill.classification.predictions import recordings_of, segments_of, values_of
from soundmill.classification.task import LEAKY_PREFIX, Part, Task

VALIDATION, OTHER_FOLDS, NOTHING = "validation", "other folds", "none"


@dataclass(frozen=True)
class Predicted:
    """Predictions of some examples, ordered by seed, example and fold.

    Attributes
    ----------
    rows : row number in the task of each prediction (n,).
    folds, seeds : fold and training each comes from (n,).
    values : predicted probabilities or values (n, c).
    truth : class numbers (n,), or tags or values (n, c).
    """

    rows: npt.NDArray[np.intp]
    folds: npt.NDArray[np.str_]
    seeds: npt.NDArray[np.int32]
    values: Floats
    truth: npt.NDArray[Any]

    def __len__(self) -> int:
        """Return the number of predictions."""
        return len(self.rows)

    def where(self, mask: npt.NDArray[Any]) -> "Predicted":
        """Return some of the predictions, by mask or row numbers."""
        parts = (self.rows, self.folds, self.seeds, self.values, self.truth)
        return Predicted(*(part[mask] for part in parts))

    def by_seed(self) -> "list[Predicted]":
        """Return the predictions of each training."""
        return [self.where(self.seeds == seed) for seed in np.unique(self.seeds)]

    def with_values(self, values: Floats) -> "Predicted":
        """Return the same rows with other values."""
        return Predicted(self.rows, self.folds, self.seeds, values, self.truth)

    def averaged(self) -> "Predicted":
        """Return the mean over trainings: one prediction of each example in each fold."""
        keys = [f"{row}\x1f{fold}" for row, fold in zip(self.rows, self.folds, strict=True)]
        _, first, group = np.unique(keys, return_index=True, return_inverse=True)
        sums = np.zeros((len(first), self.values.shape[1]))
        np.add.at(sums, group, self.values)
        means = sums / np.bincount(group)[:, None]
        order = np.lexsort((self.folds[first], self.rows[first]))
        chosen = self.where(first[order])
        return chosen.with_values(means[order])


def collect(
    task: Task,
    table: pd.DataFrame,
    folds: Sequence[str],
    part: Part = "test",
    *,
    segments: bool = False,
    name: str = "the learner",
) -> Predicted:
    """Return a learner's predictions of one part of some folds, checked against the task.

    Parameters
    ----------
    folds : names of folds; those the learner did not run are left out.
    part : ``test`` or ``valid``.
    segments : the predictions of segments instead of those of recordings.
    name : of the learner, for messages.

    Raises
    ------
    ValueError
        When a prediction is of an unknown example, of one that is not in that part of its fold, or
        not a number, or when there are more or fewer columns than classes: a defect of the learner.
    """
    table = (segments_of if segments else recordings_of)(table)
    table = table[(table["part"] == part) & table["fold"].isin(list(folds))]
    place = {example: row for row, example in enumerate(task.ids)}
    rows = np.array([place.get(example, -1) for example in table["id"]], np.intp)
    names = table["fold"].to_numpy().astype(str)
    values = values_of(table)
    if values.shape[1] != len(task.classes):
        raise ValueError(f"{name}: {values.shape[1]} columns for {len(task.classes)} classes")
    if (rows < 0).any():
        raise ValueError(f"{name} predicts {table['id'].iloc[rows.argmin()]!r}, not in the task")
    if not np.isfinite(values).all():
        wrong = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise ValueError(f"{name}: the prediction of {table['id'].iloc[wrong]!r} is not a number")
    for fold in np.unique(names):
        stray = np.setdiff1d(rows[names == fold], task.rows(fold, part))
        if len(stray):
            raise ValueError(f"{name}: {task.ids[stray[0]]!r} is not in part {part} of fold {fold}")
    seeds = table["seed"].to_numpy(np.int32)
    numbers = table["segment"].to_numpy()
    order = np.lexsort((numbers, names, rows, seeds))
    found = Predicted(rows, names, seeds, values, task.targets[rows]).where(order)
    if not segments:
        _check_once(found, task, name)
    return found


def _check_once(found: Predicted, task: Task, name: str) -> None:
    same = (np.diff(found.rows) == 0) & (np.diff(found.seeds) == 0)
    twice = np.flatnonzero(same & (found.folds[1:] == found.folds[:-1]))
    if len(twice):
        raise ValueError(f"{name} predicts {task.ids[found.rows[twice[0]]]!r} twice in one fold")


def fitting_rows(
    task: Task, valid: Predicted, test: Predicted, fold: str, least_valid: int
) -> tuple[Predicted, str]:
    """Return predictions from which something may be fitted for a fold, and where they come from.

    The validation part of the fold; where it has fewer than ``least_valid`` examples, the test
    parts of the other folds (honest with honest, leaky with leaky), without examples or groups the
    fold tests. No prediction of the fold's own test part is among them.

    Returns
    -------
    The rows and `VALIDATION`, `OTHER_FOLDS`, or `NOTHING` with no rows.
    """
    own = valid.where(valid.folds == fold)
    leaky = fold.startswith(LEAKY_PREFIX)
    alike = np.array([name.startswith(LEAKY_PREFIX) == leaky for name in test.folds], bool)
    tested = task.rows(fold, "test")
    kept = alike & (test.folds != fold) & ~np.isin(test.rows, tested)
    if not leaky:
        groups = task.groups
        kept &= ~np.isin(groups[test.rows], [g for g in np.unique(groups[tested]) if g])
    others = test.where(kept)
    if len(np.unique(own.rows)) >= least_valid or (len(own) and not len(others)):
        return own, VALIDATION
    return (others, OTHER_FOLDS) if len(others) else (own, NOTHING)


def collect_parts(
    task: Task, table: pd.DataFrame, folds: Sequence[str], name: str
) -> tuple[Predicted, Predicted]:
    """Return the predictions of the validation and of the test parts of some folds."""
    valid = collect(task, table, folds, "valid", name=name)
    return valid, collect(task, table, folds, "test", name=name)

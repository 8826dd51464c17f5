"""Several learners decide together: averaged, or weighted by what held-out predictions teach.

Stacking (Wolpert, "Stacked generalization", 1992) learns one weight a member, none negative (which
is what makes stacking work: Breiman, "Stacked regressions", 1996). Classes: the weighted sum of the
members' log-probabilities (tags: log-odds), a logarithmic opinion pool whose weights need not sum
to 1, so that it also mends over- and underconfidence. Values: a weighted sum and an intercept. So
few parameters can be learned from the few dozen recordings a fold leaves over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logit, softmax

from soundmill.classification.ensemble_options import EnsembleOptions
from soundmill.classification.held_out import (
    NOTHING,
    Predicted,
    collect_parts,
    fitting_rows,
)
from soundmill.classification.metrics import LEAST, Floats, tag_loss
from soundmill.classification.predictions import make_predictions
from soundmill.classification.task import TEST, VALID, Task
from soundmill.errors import InputError

PULL = 1.0
"""Strength with which weights are held to equal shares, in nats (regression: variances) a unit."""
Parts = tuple[Predicted, Predicted]
"""A member's predictions of the validation and of the test parts."""


@dataclass(frozen=True)
class Combination:
    """A fitted ensemble: how its members' predictions become one.

    Attributes
    ----------
    members : names of the learners.
    method : ``mean``: weighted mean; ``stacking``: weighted log-probabilities or values.
    weights : one a member; those of a mean sum to 1.
    offsets : added to each regressed target (stacking of regressions only).
    kind : of the task.
    """

    members: tuple[str, ...]
    method: str
    weights: tuple[float, ...]
    kind: str
    offsets: tuple[float, ...] = ()

    def combine(self, values: Mapping[str, npt.NDArray[Any]]) -> Floats:
        """Return the ensemble's prediction (n, c) from those of its members (n, c), by name."""
        stacked = np.stack([np.asarray(values[name], np.float64) for name in self.members])
        if self.method == "mean":
            return np.tensordot(self.weights, stacked, 1)
        return _pool(self.kind, stacked, np.array(self.weights), np.array(self.offsets))

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Combination":
        """Return what `to_json` described."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
        return cls(**fields)


@dataclass(frozen=True)
class Ensemble:
    """What an ensemble predicts, and how it was fitted.

    Attributes
    ----------
    table : predictions of recordings, like those of any learner.
    folds : by fold, where its weights come from and what they are.
    use : the combination for new recordings, fitted on all honest test predictions.
    missing : recordings that are predicted by some members only and so not by the ensemble.
    notes : remarks for the evaluation.
    """

    table: pd.DataFrame
    folds: dict[str, dict[str, Any]]
    use: Combination
    missing: int
    notes: list[str]


def build_ensemble(
    name: str,
    task: Task,
    tables: Mapping[str, pd.DataFrame],
    options: EnsembleOptions,
    least_valid: int = 30,
) -> Ensemble:
    """Return an ensemble's predictions of the validation and test parts of all folds.

    The trainings (seeds) of a member are averaged. Stacking weights of a fold come from its
    validation predictions or from the other folds' test predictions, see
    `soundmill.classification.held_out.fitting_rows`; where there is neither, the plain mean is
    taken and noted.

    Parameters
    ----------
    name : of the ensemble, for messages.
    tables : predictions of the learners by name.

    Raises
    ------
    InputError
        When a member is not among the learners, or no recording is predicted by all members.
    """
    unknown = [member for member in options.members if member not in tables]
    if unknown:
        raise InputError(
            f"ensemble {name!r}: {unknown[0]!r} is not a learner of this task "
            f"(there are: {', '.join(sorted(tables))})."
        )
    # a learner need not run the leaky folds, and then the ensemble does not either
    ran = [set(tables[member]["fold"]) for member in options.members]
    leaky = [fold for fold in task.leaky_folds if all(fold in own for own in ran)]
    folds = [*task.honest_folds, *leaky]
    members = [
        tuple(part.averaged() for part in collect_parts(task, tables[member], folds, member))
        for member in options.members
    ]
    valid, lost_valid = _align([member[0] for member in members])
    test, lost = _align([member[1] for member in members])
    if not len(test[0]):
        raise InputError(
            f"ensemble {name!r}: no recording is predicted by all of {list(options.members)}."
        )
    tables_out, fitted, notes = [], {}, []
    for fold in [f for f in folds if (test[0].folds == f).any()]:
        rows = [
            fitting_rows(task, v, t, fold, least_valid) for v, t in zip(valid, test, strict=True)
        ]
        source = rows[0][1]
        combination = fit(options, task.kind, [row for row, _ in rows])
        fitted[fold] = {"source": source, "weights": list(combination.weights)}
        if options.method == "stacking" and source == NOTHING:
            notes.append(f"{name}: nothing to learn weights from in fold {fold}; the plain mean")
        for part, sides in ((VALID, valid), (TEST, test)):
            here = [side.where(side.folds == fold) for side in sides]
            if not len(here[0]):
                continue
            values = combination.combine(
                {m: side.values for m, side in zip(options.members, here, strict=True)}
            )
            ids = [task.ids[row] for row in here[0].rows]
            tables_out.append(make_predictions(ids, values, fold=fold, part=part))
    honest = [side.where(np.isin(side.folds, task.honest_folds)) for side in test]
    use = fit(options, task.kind, honest)
    if lost or lost_valid:
        notes.append(f"{name}: {lost} tested recordings lack the prediction of a member")
    return Ensemble(pd.concat(tables_out, ignore_index=True), fitted, use, lost, notes)


def _align(sides: Sequence[Predicted]) -> tuple[list[Predicted], int]:
    """Return the members' predictions of what all of them predict, and how many others fell."""
    keys = [
        [f"{row}\x1f{fold}" for row, fold in zip(side.rows, side.folds, strict=True)]
        for side in sides
    ]
    common = set(keys[0]).intersection(*keys[1:])
    lost = len(set().union(*keys) - common)
    chosen = [
        side.where(np.array([key in common for key in own], bool))
        for side, own in zip(sides, keys, strict=True)
    ]
    return chosen, lost


def fit(options: EnsembleOptions, kind: str, members: Sequence[Predicted]) -> Combination:
    """Return how the members are combined; ``members`` hold the rows to learn from, in step."""
    count = len(options.members)
    if options.method == "mean" or not len(members[0]):
        raw = np.array(options.weights or [1.0] * count)
        return Combination(options.members, "mean", _numbers(raw / raw.sum()), kind)
    stacked = np.stack([member.values for member in members])
    truth = members[0].truth
    if kind == "regression":
        weights, offsets = _fit_values(truth, stacked)
    else:
        weights, offsets = _fit_pool(kind, truth, stacked), np.zeros(0)
    return Combination(options.members, "stacking", _numbers(weights), kind, _numbers(offsets))


def _numbers(values: npt.NDArray[Any]) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)


def _pool(kind: str, stacked: Floats, weights: Floats, offsets: Floats) -> Floats:
    if kind == "regression":
        return np.tensordot(weights, stacked, 1) + offsets
    if kind == "single":
        logs = np.tensordot(weights, np.log(np.clip(stacked, LEAST, 1)), 1)
        return np.asarray(softmax(logs, axis=1), np.float64)
    odds = np.tensordot(weights, logit(np.clip(stacked, LEAST, 1 - LEAST)), 1)
    return np.asarray(expit(odds), np.float64)


def _fit_pool(kind: str, truth: npt.NDArray[Any], stacked: Floats) -> Floats:
    if kind == "single":
        logs, every = np.log(np.clip(stacked, LEAST, 1)), np.arange(len(truth))

        def loss(weights: Floats) -> float:
            return float(-log_softmax(np.tensordot(weights, logs, 1), axis=1)[every, truth].sum())

    else:

        def loss(weights: Floats) -> float:
            losses = tag_loss(truth, _pool(kind, stacked, weights, np.zeros(0)))
            return float(losses.sum() * truth.shape[1])  # each tag is a decision of its own

    return _minimise(loss, len(stacked))


def _fit_values(truth: npt.NDArray[Any], stacked: Floats) -> tuple[Floats, Floats]:
    spread = np.maximum(truth.var(axis=0), 1e-12)
    middle, middles = truth.mean(axis=0), stacked.mean(axis=1)
    centred = stacked - middles[:, None]

    def loss(weights: Floats) -> float:
        error = truth - middle - np.tensordot(weights, centred, 1)
        return float((error**2 / spread).sum() / truth.shape[1])

    weights = _minimise(loss, len(stacked))
    return weights, middle - np.tensordot(weights, middles, 1)


def _minimise(loss: Any, count: int) -> Floats:
    equal = np.full(count, 1 / count)
    found = minimize(
        lambda weights: loss(weights) + PULL * ((weights - equal) ** 2).sum(),
        equal,
        method="L-BFGS-B",
        bounds=[(0, None)] * count,
    )
    return np.asarray(found.x, np.float64)

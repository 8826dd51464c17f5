"""Predictions of all folds, counted: right answers, calibration and weights, case by case.

The probabilities are mapped from disk and read one entry and case at a time, so that memory holds
the predictions of one case, whatever their number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.classification.calibration import calibration_error
from soundmill.classification.metrics import LEAST
from soundmill.errors import InputError
from soundmill.fusion.clusters import Clusters, Floats
from soundmill.fusion.conditions import Case
from soundmill.fusion.named_cases import case_key
from soundmill.fusion.predictions import Predictions


@dataclass
class Pooled:
    """The predictions of several folds, one after another; n pairs in all.

    Attributes
    ----------
    rows : rows of each entry's trainings in the arrays of every fold, by its name.
    kinds, parameters, milliseconds : of each entry; milliseconds are means over folds and seeds.
    truth : (n,) class numbers. ids, groups : (n,), sample and group of the first modality.
    """

    folds: Mapping[str, Predictions]
    classes: list[str]
    modalities: list[str]
    cases: list[Case]
    rows: dict[str, list[int]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    milliseconds: dict[str, float] = field(default_factory=dict)
    truth: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def probabilities(self, row: int, case: int) -> npt.NDArray[np.float64]:
        """Return what one training says in one case, (n, c); NaN where it has nothing to say."""
        parts = [fold.probabilities[row, case] for fold in self.folds.values()]
        return np.concatenate(parts).astype(np.float64)

    def weights(self, row: int, case: int) -> npt.NDArray[np.float64]:
        """Return how much one training leans on each modality in one case, (n, m), or NaN."""
        parts = [fold.weights[row, case] for fold in self.folds.values()]
        return np.concatenate(parts).astype(np.float64)


def pool(folds: Mapping[str, Predictions]) -> Pooled:
    """Put the predictions of several folds together.

    Raises
    ------
    InputError
        When the folds disagree about classes, modalities, cases or entries.
    """
    first = next(iter(folds.values()))
    trained = [(entry.name, entry.seed) for entry in first.entries]
    for name, fold in folds.items():
        same = (fold.classes, fold.modalities, fold.cases) == (
            first.classes, first.modalities, first.cases
        )  # fmt: skip
        if not same or [(entry.name, entry.seed) for entry in fold.entries] != trained:
            raise InputError(
                f"fold {name}: its predictions are of other classes, cases or fusions than those "
                f"of fold {next(iter(folds))}; learn the fusions of all folds again"
            )
    found = Pooled(
        folds, list(first.classes), list(first.modalities), [tuple(case) for case in first.cases]
    )
    for row, entry in enumerate(first.entries):
        found.rows.setdefault(entry.name, []).append(row)
        found.kinds[entry.name] = entry.kind
        found.parameters[entry.name] = entry.parameters
    for name, rows in found.rows.items():
        times = [fold.entries[row].milliseconds for fold in folds.values() for row in rows]
        found.milliseconds[name] = round(float(np.mean(times)), 4)
    found.truth = np.concatenate([fold.targets for fold in folds.values()])
    lead = found.modalities[0]
    found.ids = [str(name) for fold in folds.values() for name in fold.ids[lead]]
    found.groups = [str(name) for fold in folds.values() for name in fold.groups]
    return found


@dataclass
class Tally:
    """One entry in one case, sums by cluster (k,); means over the entry's trainings.

    Attributes
    ----------
    right : pairs answered rightly; None where the entry has nothing to say.
    spread : accuracy of each training. ece, log_loss : calibration error, and nats a pair.
    weights : sums by cluster of the weight of each modality; none for fusions without.
    bins : what the calibration error comes from.
    """

    right: Floats | None = None
    spread: list[float] = field(default_factory=list)
    ece: float | None = None
    log_loss: float | None = None
    weights: list[Floats] | None = None
    bins: list[dict[str, float]] = field(default_factory=list)


def tally(pooled: Pooled, entry: str, case: int, clusters: Clusters) -> Tally:
    """Count what an entry does in a case, over its trainings."""
    found, sums, leaning = Tally(), [], []
    confidences, answers, losses = [], [], []
    every = np.arange(len(pooled.truth))
    for row in pooled.rows[entry]:
        values = pooled.probabilities(row, case)
        if np.isnan(values).any():
            return found
        right = values.argmax(axis=1) == pooled.truth
        sums.append(clusters.sums(right))
        found.spread.append(round(float(right.mean()), 6))
        # half precision rounds probabilities near one up past it
        confidences.append(np.minimum(values.max(axis=1), 1.0))
        answers.append(right)
        losses.append(-np.log(np.clip(values[every, pooled.truth], LEAST, 1)).mean())
        weights = pooled.weights(row, case)
        if not np.isnan(weights).all():
            leaning.append([clusters.sums(column) for column in np.nan_to_num(weights).T])
    errors = [calibration_error(c, a) for c, a in zip(confidences, answers, strict=True)]
    found.ece = round(float(np.mean([error for error, _ in errors])), 6)
    found.log_loss = round(float(np.mean(losses)), 6)
    found.bins = calibration_error(np.concatenate(confidences), np.concatenate(answers))[1]
    found.right = np.mean(sums, axis=0)
    if leaning:
        found.weights = list(np.mean(leaning, axis=0))
    return found


def answers_of(pooled: Pooled, entry: str, case: int) -> npt.NDArray[np.bool_]:
    """Return which pairs an entry's first training has right in a case, (n,)."""
    values = pooled.probabilities(pooled.rows[entry][0], case)
    return np.asarray(values.argmax(axis=1) == pooled.truth)


def case_entry(
    pooled: Pooled, case: int, tallies: Mapping[str, Tally], clusters: Clusters
) -> dict[str, Any]:
    """Return a case as ``evaluation.json`` holds it."""
    nothing = clusters.measure(np.full(len(clusters), np.nan))
    return {
        "case": list(pooled.cases[case]),
        "key": case_key(pooled.cases[case]),
        "accuracy": {
            name: nothing if found.right is None else clusters.measure(found.right)
            for name, found in tallies.items()
        },
        "spread": {name: found.spread for name, found in tallies.items()},
        "ece": {name: found.ece for name, found in tallies.items()},
        "log_loss": {name: found.log_loss for name, found in tallies.items()},
        "weight": {
            name: _by_modality(pooled.modalities, found.weights, clusters)
            for name, found in tallies.items()
            if found.weights is not None
        },
    }


def _by_modality(
    modalities: Sequence[str], weights: Sequence[Floats], clusters: Clusters
) -> dict[str, Any]:
    measures = map(clusters.measure, weights)
    return dict(zip(modalities, measures, strict=True))

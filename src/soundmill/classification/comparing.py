"""Learners against each other, and the honest split against one that ignores groups."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from soundmill.classification.bootstrap import (
    Resamples,
    difference_p,
    holm,
    mcnemar,
    percentile_interval,
)
from soundmill.classification.held_out import Predicted, collect
from soundmill.classification.judging import Json, Judged, number, score
from soundmill.classification.metrics import metric_names
from soundmill.classification.task import Task

BOOTSTRAP, MCNEMAR = "paired bootstrap", "McNemar, exact"
Key = tuple[int, str]


def compare(
    task: Task, judged: Sequence[Judged], resamples: Resamples, metric: str
) -> list[dict[str, Any]]:
    """Return the paired difference of each pair of learners, a minus b, on what both predict.

    All pairs get a paired bootstrap of the metric: both learners are judged on the same resamples.
    Single-label tasks also get McNemar's test of accuracy, for which the trainings of a learner
    decide together. p values are corrected over all pairs of the same test (Holm 1979).
    """
    pairs = list(combinations(judged, 2))
    rows = [_bootstrap(task, a, b, resamples, metric) for a, b in pairs]
    tests = [rows]
    if task.kind == "single":
        means = {one.name: one.test.averaged() for one in judged}
        tests.append([_mcnemar(a.name, b.name, means, resamples) for a, b in pairs])
    for family in tests:
        corrected = holm([row["p"] for row in family])
        for row, p in zip(family, corrected, strict=True):
            row["p_holm"] = None if p is None else number(p)
            row["p"] = None if row["p"] is None else number(row["p"])
    return [row for family in tests for row in family]


def _bootstrap(
    task: Task, a: Judged, b: Judged, resamples: Resamples, metric: str
) -> dict[str, Any]:
    sides = []
    common = set(_keys(a.test)) & set(_keys(b.test))
    for one in (a, b):
        mask = np.array([key in common for key in _keys(one.test)], bool)
        if mask.all():
            sides.append(one.scores)
        else:
            decided = None if one.decided is None else one.decided[mask]
            sides.append(score(task, one.test.where(mask), resamples, [metric], decided))
    drawn = [side.draws[metric] for side in sides]
    length = min(map(len, drawn))
    difference = sides[0].values[metric] - sides[1].values[metric]
    draws = drawn[0][:length] - drawn[1][:length]
    return {
        "a": a.name,
        "b": b.name,
        "metric": metric,
        "difference": number(difference),
        "interval": percentile_interval(draws),
        "p": difference_p(difference, draws, resamples.clusters),
        "test": BOOTSTRAP,
        "items": len({row for row, _ in common}),
    }


def _keys(predicted: Predicted) -> list[Key]:
    return list(zip(predicted.rows.tolist(), predicted.folds.tolist(), strict=True))


def _mcnemar(
    a: str, b: str, means: Mapping[str, Predicted], resamples: Resamples
) -> dict[str, Any]:
    right = {}
    for name in (a, b):
        side = means[name]
        right[name] = dict(
            zip(_keys(side), (side.values.argmax(axis=1) == side.truth).tolist(), strict=True)
        )
    keys = sorted(set(right[a]) & set(right[b]))
    right_a, right_b = (np.array([right[name][key] for key in keys], bool) for name in (a, b))
    rows = np.array([row for row, _ in keys], np.intp)
    gap = right_a.astype(np.float64) - right_b
    draws = resamples.draws(rows, lambda weights: {"gap": gap @ weights / weights.sum(axis=0)})
    only_a, only_b, p = mcnemar(right_a, right_b)
    return {
        "a": a,
        "b": b,
        "metric": "accuracy",
        "difference": number(gap.mean()) if len(gap) else None,
        "interval": percentile_interval(draws["gap"]),
        "p": p,
        "test": MCNEMAR,
        "items": len(set(rows.tolist())),
        "only_a": only_a,
        "only_b": only_b,
    }


def leaks(
    task: Task,
    tables: Mapping[str, pd.DataFrame],
    judged: Mapping[str, Judged],
    honest: Resamples,
    leaky: Resamples,
) -> Json | None:
    """Return what the learners that ran on leaky folds would have claimed there, or None.

    Parameters
    ----------
    honest, leaky : resamples of the examples tested by the two kinds of folds; the same object
        where these are the same examples, so that the gap is paired.

    Returns
    -------
    ``folds``, ``paired`` and, by learner and metric, ``honest``, ``leaky`` and ``gap`` (leaky minus
    honest), each with value, interval and items.
    """
    names = [n for n in metric_names(task.kind, len(task.classes)) if n != "macro_f1_fitted"]
    learners: dict[str, Json] = {}
    for name, table in tables.items():
        test = collect(task, table, task.leaky_folds, name=name)
        if not len(test):
            continue
        found, before = score(task, test, leaky, names), judged[name].scores
        learners[name] = {}
        for metric in names:
            length = min(len(found.draws[metric]), len(before.draws[metric]))
            draws = found.draws[metric][:length] - before.draws[metric][:length]
            learners[name][metric] = {
                "honest": before.entry(metric),
                "leaky": found.entry(metric),
                "gap": {
                    "value": number(found.values[metric] - before.values[metric]),
                    "interval": percentile_interval(draws),
                    "items": found.items,
                },
            }
    if not learners:
        return None
    return {"folds": task.leaky_folds, "paired": honest is leaky, "learners": learners}


def tested_rows(task: Task, folds: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return the row numbers of all examples that some of these folds test."""
    rows = [task.rows(fold, "test") for fold in folds]
    return np.unique(np.concatenate(rows)) if rows else np.zeros(0, np.intp)

"""Everything the evaluation says about one learner."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from soundmill.classification.aggregation import aggregate
from soundmill.classification.bootstrap import Resamples, percentile_interval
from soundmill.classification.calibration import (
    apply_temperature,
    calibration_error,
    confidences,
    fit_temperature,
    fit_thresholds,
)
from soundmill.classification.curves import abstention, confusion, precision_recall, roc, thin
from soundmill.classification.evaluation_options import ClassificationEvaluationOptions
from soundmill.classification.held_out import (
    NOTHING,
    Predicted,
    collect,
    collect_parts,
    fitting_rows,
)
from soundmill.classification.metrics import (
    RANKING,
    Floats,
    class_scores,
    mean_known,
    measure,
    membership,
    metric_names,
    ranking_scores,
    target_scores,
)
from soundmill.classification.task import Task
from soundmill.errors import InputError

RANKING_CELLS = 20_000_000
"""Examples x classes x resamples a ranking metric may cost; beyond, fewer resamples are used."""
LEAST_RESAMPLES = 200
METHODS = ("mean", "log_mean", "vote", "max")
MOST_POINTS = 500
"""Most points of a scatter plot."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Scores:
    """Metrics of one set of predictions: mean over trainings, and its draws."""

    values: dict[str, float]
    draws: dict[str, Floats]
    by_seed: dict[str, list[float]]
    items: int

    def entry(self, metric: str) -> Json:
        """Return a metric with interval and number of recordings, for JSON."""
        value = self.values[metric]
        interval = percentile_interval(self.draws[metric]) if np.isfinite(value) else None
        return {"value": number(value), "interval": interval, "items": self.items}


@dataclass(frozen=True)
class Judged:
    """A learner's entry of the evaluation, and what comparisons need beside it.

    Attributes
    ----------
    test : predictions of the test parts of the honest folds.
    entry : what `evaluation.json` says about it.
    scores : metrics of the recordings.
    decided : multi: decisions by fitted thresholds (n, c), in step with ``test``.
    """

    name: str
    test: Predicted
    entry: Json
    scores: Scores
    decided: npt.NDArray[np.bool_] | None
    notes: list[str] = field(default_factory=list)


def number(value: float) -> float | None:
    """Return a rounded figure, or None for NaN, which JSON does not have."""
    return round(float(value), 6) if np.isfinite(value) else None


def score(
    task: Task,
    predicted: Predicted,
    resamples: Resamples,
    names: Iterable[str],
    decided: npt.NDArray[np.bool_] | None = None,
) -> Scores:
    """Return metrics of predictions: the mean over trainings, with draws of recordings.

    All trainings are drawn alike, so the draws of the mean hold the recordings' share of the
    uncertainty; that of the trainings shows in ``by_seed``.
    """
    names = list(names)
    values: dict[str, list[float]] = {name: [] for name in names}
    draws: dict[str, list[Floats]] = {name: [] for name in names}
    for seed in np.unique(predicted.seeds):
        mask = predicted.seeds == seed
        part, chosen = predicted.where(mask), None if decided is None else decided[mask]
        found = _measured(task, part, np.ones((len(part), 1)), names, chosen)
        drawn = _draws(task, part, resamples, names, chosen)
        for name in names:
            values[name].append(float(found[name][0]))
            draws[name].append(drawn[name])
    return Scores(
        {name: float(np.mean(numbers)) for name, numbers in values.items()},
        {name: np.mean(rows, axis=0) for name, rows in draws.items()},
        values,
        len(np.unique(predicted.rows)),
    )


def _measured(
    task: Task, part: Predicted, weights: Floats, names: Sequence[str], decided: Any
) -> dict[str, Floats]:
    return measure(task.kind, part.truth, part.values, weights, names=names, fitted=decided)


def _draws(
    task: Task, part: Predicted, resamples: Resamples, names: list[str], decided: Any
) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    most = max(LEAST_RESAMPLES, RANKING_CELLS // max(1, part.values.size))
    for chosen, limit in (
        ([name for name in names if name not in RANKING], None),
        ([name for name in names if name in RANKING], most),
    ):
        if chosen:
            measured = partial(_measured, task, part, names=chosen, decided=decided)
            width = len(task.classes) if "micro_auc" in chosen else 1
            found |= resamples.draws(part.rows, measured, limit, width)
    return found


def judge(
    task: Task,
    name: str,
    table: pd.DataFrame,
    resamples: Resamples,
    main: str,
    options: ClassificationEvaluationOptions,
) -> Judged:
    """Return the evaluation of one learner on the honest folds.

    Parameters
    ----------
    table : its predictions, see `soundmill.classification.predictions`.
    resamples : drawn once for all learners, so that differences are paired.
    main : the metric of the aggregation table.

    Raises
    ------
    InputError
        When it predicts no test part.
    """
    folds = task.honest_folds
    valid, test = collect_parts(task, table, folds, name)
    if not len(test):
        raise InputError(
            f"learner {name!r} predicts no recording in the test part of any fold. Look into its "
            "log; a corpus of which all were rejected leaves nothing to predict."
        )
    names = metric_names(task.kind, len(task.classes))
    decided = _fitted_decisions(task, valid, test, options) if task.kind == "multi" else None
    scores = score(task, test, resamples, names, decided)
    entry: Json = {"recording": {metric: scores.entry(metric) for metric in names}}
    segments = collect(task, table, folds, segments=True, name=name)
    entry |= {"segment": None, "aggregations": None}
    if len(segments):
        level = score(task, segments, resamples, [n for n in names if n != "macro_f1_fitted"])
        entry["segment"] = {m: level.entry(m) for m in level.values}
        entry["aggregations"] = {"own": scores.entry(main)} | {
            method: score(task, combined, resamples, [main]).entry(main)
            for method, combined in _aggregated(task, segments)
        }
    entry["seeds"] = {m: [number(v) for v in values] for m, values in scores.by_seed.items()}
    entry["seeds_std"] = {
        m: number(float(np.std(values, ddof=1))) if len(values) > 1 else None
        for m, values in scores.by_seed.items()
    }
    notes: list[str] = []
    if task.kind == "regression":
        entry |= _regression_entry(task, test)
    else:
        entry |= _class_entry(task, test, options)
        entry["calibration"] = _calibration(task, valid, test, options)
        if NOTHING in entry["calibration"]["sources"].values():
            notes.append(f"{name}: nothing to fit a temperature on in some folds")
    return Judged(name, test, entry, scores, decided, notes)


def _fitted_decisions(
    task: Task, valid: Predicted, test: Predicted, options: ClassificationEvaluationOptions
) -> npt.NDArray[np.bool_]:
    """Return decisions (n, c) by thresholds fitted for each fold, see `fitting_rows`."""
    decided = test.values >= 0.5
    for fold in np.unique(test.folds):
        rows, _ = fitting_rows(task, valid, test, fold, options.least_valid)
        if len(rows):
            here = test.folds == fold
            decided[here] = test.values[here] >= fit_thresholds(rows.truth, rows.values)
    return decided


def _aggregated(task: Task, segments: Predicted) -> "Iterable[tuple[str, Predicted]]":
    """Yield each aggregation method with the recordings' predictions it gives."""
    changes = (
        (np.diff(segments.rows) != 0)
        | (np.diff(segments.seeds) != 0)
        | (segments.folds[1:] != segments.folds[:-1])
    )
    starts = np.flatnonzero(np.r_[True, changes])
    parts = np.split(segments.values, starts[1:])
    first = segments.where(starts)
    for method in METHODS:
        if task.kind != "regression" or method != "log_mean":  # there it is the mean
            rows = np.stack([aggregate(part, method, task.kind) for part in parts])
            yield method, first.with_values(rows)


def _class_entry(
    task: Task, test: Predicted, options: ClassificationEvaluationOptions
) -> Mapping[str, Any]:
    """Return confusion, curves and figures by class; trainings are pooled in counts and curves."""
    classes, most = len(task.classes), options.curve_points
    member = membership(test.truth, classes) if task.kind == "single" else test.truth
    entry: Json = {"confusion": None, "scatter": None, "per_target": None}
    if task.kind == "single":
        entry["confusion"] = confusion(test.truth, test.values.argmax(axis=1), classes).tolist()
        confidence, right = confidences(task.kind, test.truth, test.values)
        entry["abstention"] = abstention(confidence, right, most)
    else:
        sure = np.maximum(test.values, 1 - test.values).mean(axis=1)
        share = ((test.values >= 0.5) == (test.truth > 0)).mean(axis=1)
        entry["abstention"] = abstention(sure, share, most)
    entry["per_class"] = _per_class(task, test)
    entry["roc"], entry["pr"] = {}, {}
    for i, name in enumerate(task.classes):
        for key, curve in (("roc", roc), ("pr", precision_recall)):
            found = curve(member[:, i], test.values[:, i], most)
            if found is not None:  # a class that was not tested has no curve
                entry[key][name] = found
    return entry


def _per_class(task: Task, test: Predicted) -> dict[str, Json]:
    """Return the figures of each class, the mean over trainings."""
    keys = ("precision", "recall", "f1", "support", "auc", "ap")
    rows = []
    for part in test.by_seed():
        classes, ones = len(task.classes), np.ones((len(part), 1))
        decided: npt.NDArray[Any]
        if task.kind == "single":
            member = membership(part.truth, classes)
            decided = membership(part.values.argmax(axis=1), classes)
        else:
            member, decided = part.truth, part.values >= 0.5
        ranks = [ranking_scores(member[:, i], part.values[:, i], ones) for i in range(classes)]
        found = [column[:, 0] for column in class_scores(member, decided, ones)]
        rows.append(
            np.stack([*found, *(np.array(side)[:, 0] for side in zip(*ranks, strict=True))])
        )
    means = mean_known(np.stack(rows))
    entries = {}
    for i, name in enumerate(task.classes):
        entry: Json = {key: number(means[k, i]) for k, key in enumerate(keys)}
        occurs = bool(entry["support"])
        entry["support"] = round(entry["support"] or 0)
        entries[name] = entry if occurs else entry | {"precision": None}
    return entries


def _calibration(
    task: Task, valid: Predicted, test: Predicted, options: ClassificationEvaluationOptions
) -> Json:
    """Return calibration before and after temperatures fitted for each fold."""
    mended = test.values.copy()
    temperatures: dict[str, float | None] = {}
    sources = {}
    for fold in [f for f in task.honest_folds if (test.folds == f).any()]:
        rows, sources[fold] = fitting_rows(task, valid, test, fold, options.least_valid)
        temperatures[fold] = None
        if len(rows):
            found = fit_temperature(task.kind, rows.truth, rows.values)
            temperatures[fold] = round(found, 6)
            here = test.folds == fold
            mended[here] = apply_temperature(task.kind, test.values[here], found)
    entry: Json = {"temperature": temperatures, "sources": sources, "binning": options.binning}
    entry["use"] = round(fit_temperature(task.kind, test.truth, test.values), 6)
    some = any(value is not None for value in temperatures.values())
    for when, values in (("before", test.values), ("after", mended if some else None)):
        entry[f"ece_{when}"] = entry[f"log_loss_{when}"] = entry[f"bins_{when}"] = None
        if values is not None:
            confidence, right = confidences(task.kind, test.truth, values)
            error, bins = calibration_error(confidence, right, options.bins, options.binning)
            entry[f"ece_{when}"], entry[f"bins_{when}"] = number(error), bins
            loss = _measured(
                task, test.with_values(values), np.ones((len(test), 1)), ["log_loss"], None
            )
            entry[f"log_loss_{when}"] = number(loss["log_loss"][0])
    return entry


def _regression_entry(task: Task, test: Predicted) -> Json:
    mean = test.averaged()
    ones = np.ones((len(mean), 1))
    return {
        "confusion": None, "per_class": None, "roc": None, "pr": None, "calibration": None,
        "abstention": None,
        "per_target": {
            name: {
                metric: number(value[0])
                for metric, value in target_scores(
                    mean.truth[:, i], mean.values[:, i], ones
                ).items()
            }
            for i, name in enumerate(task.classes)
        },
        "scatter": {
            name: {
                "true": thin(mean.truth[:, i], MOST_POINTS),
                "predicted": thin(mean.values[:, i], MOST_POINTS),
            }
            for i, name in enumerate(task.classes)
        },
    }  # fmt: skip

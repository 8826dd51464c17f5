"""What a classical learner's decisions rest on, measured on recordings it never saw."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.classification.bootstrap import percentile_interval, resample
from soundmill.classification.classical_files import load_learner
from soundmill.classification.feature_table import Features, family_of, read_features
from soundmill.classification.fitting import Learner, decide_recordings
from soundmill.classification.importance_options import ImportanceOptions
from soundmill.classification.metrics import Floats, measure
from soundmill.classification.scaling import Fill, column_scores
from soundmill.classification.shap_values import explain_trees, is_tree_learner
from soundmill.classification.task import Task, read_task
from soundmill.errors import InputError
from soundmill.files import read_json, write_json
from soundmill.log import logger, progress
from soundmill.seeds import derive

FIGURE = {"single": "accuracy", "multi": "map", "regression": "r2"}
LOSS = {"single": "log_loss", "multi": "log_loss", "regression": "mae"}
CELLS = 4_000_000
"""Most descriptor values decided on at once."""
REMARKS = (
    "Importance is what is lost when a descriptor's values are dealt out anew among the held-out "
    "rows. Descriptors that say the same stand in for one another, so each may look unimportant "
    "while their family matters: read the families first.",
    "All columns of a family are permuted together, each row as a whole.",
)


@dataclass(frozen=True)
class _Fold:
    """The held-out part of one honest fold: its learner, rows, and recordings."""

    learner: Learner
    x: npt.NDArray[np.float32]
    ids: npt.NDArray[np.str_]
    order: npt.NDArray[np.str_]
    examples: npt.NDArray[np.intp]


def explain_classical(
    task_folder: str | os.PathLike[str],
    tables: Sequence[str | os.PathLike[str]],
    model: str | os.PathLike[str],
    explanation: str | os.PathLike[str],
    options: ImportanceOptions,
    *,
    seed: int,
) -> None:
    """Weigh descriptors by permutation on held-out recordings, and by SHAP where there are trees.

    Each honest fold's own learner decides on its test part, so groups it learned from play no part
    (Breiman, "Random forests", 2001; Strobl et al., "Conditional variable importance", 2008, for
    what correlation does to it).

    Parameters
    ----------
    task_folder, tables, model : as `soundmill.classification.classical.train_classical`.
    explanation : JSON to write. ``families`` and ``features`` list, the most important first, the
        ``drop`` of the figure and the ``rise`` of the loss, each with value, low and high (95 %
        bootstrap interval over recordings, or over their groups where they have any). ``shap`` is
        null for learners without trees.

    Raises
    ------
    InputError
        When the model was not trained on this task.
    """
    task = read_task(task_folder)
    config = read_json(Path(model) / "config.json")
    if config["classes"] != task.classes or config["task"] != task.kind:
        raise InputError(f"{model} is no model of the task in {task_folder}; train it again")
    columns, level = config["columns"], config["level"]
    features = read_features(tables, task.ids, level, columns)
    folds = list(_folds(task, features, Path(model)))
    if not folds:
        raise InputError(f"{model} has no fold with held-out recordings to weigh descriptors on")
    study = _Study(task, folds, columns, config["aggregation"], options, seed)
    families = {
        name: [i for i, column in enumerate(columns) if family_of(column) == name]
        for name in dict.fromkeys(family_of(column) for column in columns)
    }
    chosen = _candidates(task, features, options.candidates)
    singles = {columns[i]: [i] for i in chosen}
    by_family = study.weigh(families, "families")
    by_column = study.weigh(singles, "descriptors")[: options.shown]
    trees = is_tree_learner(folds[0].learner)
    shap = _explain(folds, columns, task.classes, options, seed) if trees else None
    write_json(
        explanation,
        {
            "kind": config["kind"], "task": task.kind, "level": level,
            "figure": FIGURE[task.kind], "loss": LOSS[task.kind],
            "base": {name: _number(value[0]) for name, value in study.base.items()},
            "recordings": len(study.rows), "folds": len(folds), "repeats": options.repeats,
            "interval": {"percent": 95, "resamples": options.resamples, "over": study.over,
                         "clusters": study.clusters},
            "families": by_family, "features": by_column, "columns": len(columns),
            "candidates": len(chosen), "shap": shap, "remarks": list(REMARKS),
        },
    )  # fmt: skip


def _folds(task: Task, features: Features, model: Path) -> Iterator[_Fold]:
    number = {name: i for i, name in enumerate(task.ids)}
    example = np.array([number[name] for name in features.ids])
    for fold in task.honest_folds:
        examples = task.rows(fold, "test")
        path = model / "folds" / f"{fold}.skops"
        if not len(examples):
            continue
        if not path.is_file():
            raise InputError(f"{path} is missing; train the learner again")
        rows = np.flatnonzero(np.isin(example, examples))
        order = np.array([task.ids[i] for i in examples])
        yield _Fold(load_learner(path), features.values[rows], features.ids[rows], order, examples)


def _candidates(task: Task, features: Features, most: int) -> list[int]:
    """Return the columns that tell most in the folds' training parts, in their order."""
    count = features.values.shape[1]
    if count <= most:
        return list(range(count))
    number = {name: i for i, name in enumerate(task.ids)}
    example = np.array([number[name] for name in features.ids])
    scores = np.zeros(count)
    for fold in task.honest_folds:
        rows = np.flatnonzero(np.isin(example, task.rows(fold, "train", "valid")))
        x = Fill().fit_transform(features.values[rows])
        found = column_scores(x, task.targets[example[rows]], "anova", task.kind)
        scores += np.argsort(np.argsort(found, kind="stable"), kind="stable")
    return sorted(np.argsort(-scores, kind="stable")[:most].tolist())


class _Study:
    """Permutations of some columns, and what they do to the decisions on all held-out recordings.

    Attributes
    ----------
    base : figure and loss of the untouched decisions: first for all recordings, then under each
        resample (1 + r,).
    """

    def __init__(
        self,
        task: Task,
        folds: list[_Fold],
        columns: list[str],
        aggregation: str,
        options: ImportanceOptions,
        seed: int,
    ) -> None:
        self.task, self.folds, self.columns = task, folds, columns
        self.aggregation, self.options, self.seed = aggregation, options, seed
        self.names = [FIGURE[task.kind], LOSS[task.kind]]
        self.rows = np.concatenate([fold.examples for fold in folds])
        drawn = resample(
            task.ids, task.groups, np.unique(self.rows), options.resamples,
            derive(seed, "importance", "bootstrap"),
        )  # fmt: skip
        self.over, self.clusters = drawn.over, drawn.clusters
        ones = np.ones((len(self.rows), 1))
        self.weights: Floats = np.concatenate([ones, drawn.counts[self.rows]], axis=1)
        untouched = [self._decide(fold, fold.learner.predict(fold.x)) for fold in folds]
        self.base = self._measure(np.concatenate(untouched))

    def weigh(self, items: dict[str, list[int]], label: str) -> list[dict[str, Any]]:
        """Return a row for each item (a name and its columns), the most important first."""
        rows = []
        for name, own in progress(items.items(), total=len(items), unit=label, label="permuting"):
            values = [self._permuted(fold, i, name, own) for i, fold in enumerate(self.folds)]
            found = [self._measure(part) for part in np.concatenate(values, axis=1)]
            figure, loss = (np.mean([f[key] for f in found], axis=0) for key in self.names)
            rows.append(
                {
                    "name": name, "family": family_of(self.columns[own[0]]), "columns": len(own),
                    "drop": _interval(self.base[self.names[0]] - figure),
                    "rise": _interval(loss - self.base[self.names[1]]),
                }
            )  # fmt: skip
        return sorted(rows, key=lambda row: -(row["rise"]["value"] or 0))

    def _permuted(self, fold: _Fold, number: int, name: str, own: list[int]) -> Floats:
        """Return the decisions (repeats, r, c) with some columns permuted among a fold's rows."""
        random = np.random.default_rng(derive(self.seed, "importance", str(number), name))
        size = max(1, CELLS // max(1, fold.x.size))
        decided = []
        for start in range(0, self.options.repeats, size):
            copies = []
            for _ in range(start, min(start + size, self.options.repeats)):
                copy = fold.x.copy()
                copy[:, own] = fold.x[random.permutation(len(copy))][:, own]
                copies.append(copy)
            values = fold.learner.predict(np.concatenate(copies))
            decided += [self._decide(fold, part) for part in np.split(values, len(copies))]
        return np.stack(decided)

    def _decide(self, fold: _Fold, values: Floats) -> Floats:
        return decide_recordings(values, fold.ids, fold.order, self.aggregation, self.task.kind)

    def _measure(self, values: Floats) -> dict[str, Floats]:
        truth = self.task.targets[self.rows]
        with np.errstate(invalid="ignore", divide="ignore"):  # a resample may miss all of these
            return measure(self.task.kind, truth, values, self.weights, names=self.names)


def _explain(
    folds: list[_Fold],
    columns: list[str],
    classes: list[str],
    options: ImportanceOptions,
    seed: int,
) -> dict[str, Any]:
    """Return mean absolute SHAP values by descriptor, family and class."""
    random = np.random.default_rng(derive(seed, "importance", "shap"))
    share = min(1.0, options.shap_rows / sum(len(fold.x) for fold in folds))
    parts = []
    for fold in folds:
        count = max(1, round(share * len(fold.x)))
        rows = np.sort(random.permutation(len(fold.x))[:count])
        parts.append(explain_trees(fold.learner, fold.x[rows]))
    values = np.concatenate(parts)  # (n, d, c)
    families = [family_of(column) for column in columns]
    names = list(dict.fromkeys(families))
    member = np.array([[family == name for name in names] for family in families], np.float64)
    together = np.einsum("ndc,df->nfc", values, member)
    logger.info("SHAP explained %d rows", len(values))
    unit = "log odds" if hasattr(folds[0].learner.pipeline.steps[-1][1], "text_") else ""
    return {
        "rows": len(values), "unit": unit or _unit(folds[0].learner),
        "families": _shap_rows(together, names, names, classes),
        "features": _shap_rows(values, columns, families, classes)[: options.shown],
    }  # fmt: skip


def _unit(learner: Learner) -> str:
    if learner.kind == "regression":
        return "value of the target"
    inner = getattr(learner.pipeline.steps[-1][1], "learner", None)
    return "log odds" if type(inner).__name__ == "BoostedTrees" else "probability"


def _shap_rows(
    values: Floats, names: Sequence[str], families: Sequence[str], classes: list[str]
) -> list[dict[str, Any]]:
    means = np.abs(values).mean(axis=0)  # (items, c)
    order = np.argsort(-means.sum(axis=1), kind="stable")
    return [
        {
            "name": names[i], "family": families[i], "value": _number(means[i].mean()),
            "classes": {name: _number(v) for name, v in zip(classes, means[i], strict=True)},
        }
        for i in order
    ]  # fmt: skip


def _interval(draws: Floats) -> dict[str, float | None]:
    """Return value and interval; the first draw is the value."""
    found = percentile_interval(draws[1:])
    low, high = found or (None, None)
    return {"value": _number(draws[0]), "low": low, "high": high}


def _number(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None

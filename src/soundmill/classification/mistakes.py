"""The most confident mistakes, to listen to, with what they resemble among the training part."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from soundmill.classification.held_out import Predicted
from soundmill.classification.metrics import Floats
from soundmill.classification.task import SEPARATOR, Task

TOP = 3
COLUMNS_AT_ONCE = 64


def confident_mistakes(
    task: Task,
    predicted: Predicted,
    most: int = 20,
    descriptors: pd.DataFrame | None = None,
    neighbours: int = 3,
) -> list[dict[str, Any]]:
    """Return the mistakes a learner was surest of, the surest first.

    Single: recordings decided for a wrong class, by its probability. Multi: tags of recordings that
    were wrongly given or left out, by the probability of that decision. Regression: the recordings
    with the largest error, in standard deviations of the true values, the mean over targets.

    Parameters
    ----------
    predicted : test predictions, one a recording and fold (see `Predicted.averaged`).
    most : number of mistakes, at most.
    descriptors : one row a recording: ``id`` and columns of numbers; None leaves out neighbours.
    neighbours : nearest recordings of the fold's training part to name.

    Returns
    -------
    Rows with id, source, fold, ``true`` and ``decided`` (multi: also ``tag``), ``confidence``
    (regression: ``error``), ``top`` (up to three classes with probabilities; regression: the
    predicted values) and ``neighbours`` (id, source, true, distance).
    """
    rows = _surest(task, predicted, most)
    if descriptors is not None and neighbours and rows:
        _add_neighbours(task, rows, descriptors, neighbours)
    return rows


def truth_text(task: Task, row: int) -> str:
    """Return an example's true class, tags or values as text."""
    return decision_text(task, task.targets[row], true=True)


def decision_text(task: Task, values: npt.NDArray[Any], *, true: bool = False) -> str:
    """Return a prediction (c,), or with ``true`` a target, as text: class, tags or values."""
    if task.kind == "single":
        return task.classes[int(values) if true else int(values.argmax())]
    if task.kind == "multi":
        return SEPARATOR.join(task.classes[i] for i in np.flatnonzero(values >= 0.5))
    return SEPARATOR.join(f"{value:.4g}" for value in values)


def _surest(task: Task, predicted: Predicted, most: int) -> list[dict[str, Any]]:
    values, truth = predicted.values, predicted.truth
    places: list[tuple[int, int | None]]
    if task.kind == "single":
        decided = values.argmax(axis=1)
        wrong = np.flatnonzero(decided != truth)
        sure = values[wrong, decided[wrong]]
        places = [(i, None) for i in wrong.tolist()]
    elif task.kind == "multi":
        items, tags = np.nonzero((values >= 0.5) != (truth > 0))
        sure = np.maximum(values, 1 - values)[items, tags]
        places = list(zip(items.tolist(), tags.tolist(), strict=True))
    else:
        spread = np.maximum(truth.std(axis=0), 1e-12)
        sure = (np.abs(values - truth) / spread).mean(axis=1)
        places = [(i, None) for i in range(len(values))]
    # Rounded, so that the last digits of a sum do not decide the order of equals.
    order = np.argsort(-np.round(sure, 6), kind="stable")[:most]
    return [_row(task, predicted, *places[i], sure=float(sure[i])) for i in order]


def _row(
    task: Task, predicted: Predicted, item: int, tag: int | None, *, sure: float
) -> dict[str, Any]:
    example = int(predicted.rows[item])
    values = predicted.values[item]
    order = np.argsort(-values, kind="stable")[:TOP] if task.kind != "regression" else None
    names = range(len(values)) if order is None else order
    row: dict[str, Any] = {
        "id": task.ids[example],
        "source": task.examples[example]["source"],
        "fold": str(predicted.folds[item]),
        "true": truth_text(task, example),
        "decided": decision_text(task, values),
        "error" if task.kind == "regression" else "confidence": round(sure, 6),
        "top": [
            {
                "class": task.classes[i],
                "value" if order is None else "probability": round(float(values[i]), 6),
            }
            for i in names
        ],
        "neighbours": [],
    }
    return row if tag is None else row | {"tag": task.classes[tag]}


def _add_neighbours(
    task: Task, rows: Sequence[dict[str, Any]], descriptors: pd.DataFrame, most: int
) -> None:
    for fold in sorted({row["fold"] for row in rows}):
        here = [row for row in rows if row["fold"] == fold]
        found = nearest_training(task, fold, [row["id"] for row in here], descriptors, most)
        for row in here:
            row["neighbours"] = found.get(row["id"], [])


def nearest_training(
    task: Task, fold: str, ids: Sequence[str], descriptors: pd.DataFrame, most: int = 3
) -> Mapping[str, list[dict[str, Any]]]:
    """Return the nearest recordings of a fold's training part, by identifier.

    Euclidean distance over the descriptors, each in standard deviations of the training part;
    missing values are its medians, and columns that do not vary there do not count. The distance is
    the root of the mean square over columns, so that it does not grow with their number.

    Parameters
    ----------
    descriptors : one row a recording: ``id`` and columns of numbers. Recordings it lacks have no
        neighbours and are none.
    """
    place = {name: i for i, name in enumerate(descriptors["id"])}
    train = [task.ids[row] for row in task.rows(fold, "train") if task.ids[row] in place]
    ids = [name for name in ids if name in place]
    if not train or not ids:
        return {}
    columns = list(descriptors.drop(columns="id").select_dtypes("number").columns)
    learned, wanted = ([place[name] for name in side] for side in (train, ids))
    sums, count = np.zeros((len(ids), len(train))), 0
    for start in range(0, len(columns), COLUMNS_AT_ONCE):  # never all of them with 64 bits
        block = descriptors[columns[start : start + COLUMNS_AT_ONCE]].to_numpy(np.float64)
        scaled, others = _standardise(block[learned], block[wanted])
        count += scaled.shape[1]
        for sum_, vector in zip(sums, others, strict=True):
            sum_ += ((scaled - vector) ** 2).sum(axis=1)
    if not count:
        return {}
    rows = dict(zip(task.ids, range(len(task)), strict=True))
    found = {}
    for name, distances in zip(ids, np.sqrt(sums / count), strict=True):
        found[name] = [
            {
                "id": train[i],
                "source": task.examples[rows[train[i]]]["source"],
                "true": truth_text(task, rows[train[i]]),
                "distance": round(float(distances[i]), 4),
            }
            for i in np.argsort(distances, kind="stable")[:most]
        ]
    return found


def _standardise(base: Floats, asked: Floats) -> tuple[Floats, Floats]:
    base, asked = (np.where(np.isfinite(side), side, np.nan) for side in (base, asked))
    known = np.isfinite(base).any(axis=0)
    base, asked = base[:, known], asked[:, known]
    middle = np.nanmedian(base, axis=0)
    base, asked = (np.where(np.isnan(side), middle, side) for side in (base, asked))
    spread = base.std(axis=0)
    varies = spread > 1e-9 * np.maximum(1, np.abs(middle))
    scaled, others = ((side[:, varies] - middle[varies]) / spread[varies] for side in (base, asked))
    return scaled, others

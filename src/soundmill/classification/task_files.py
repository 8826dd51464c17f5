"""The folder of a prepared task, with the tables a person hands in or reads."""

from pathlib import Path
from typing import Any

import numpy as np

from soundmill.classification.task import (
    ALL,
    EXAMPLE_COLUMNS,
    TEST,
    TRAIN,
    UNUSED,
    VALID,
    Task,
    target_columns,
    write_task,
)
from soundmill.status import Row, write_table

PARTS = (TRAIN, VALID, TEST)
COUNT_COLUMNS = ("fold", "tests", "class", *PARTS, "share_of_train", "share_of_test")


def write_prepared(folder: Path, task: Task, left_out: list[Row]) -> None:
    """Write a task and, beside it, what a person asks for first.

    ``left_out.csv``: id, source and reason of recordings that are in no part.
    ``class_counts.csv``: for every fold examples by class (or quarter of a regressed value) and
    part, and the class's share of training and test examples.
    ``train.csv``, ``valid.csv``, ``test.csv``: the examples of the first honest fold; ``valid.csv``
    also where it is empty.
    """
    task.facts["folds"] = {
        name: {part: int((parts == part).sum()) for part in PARTS}
        | {"unused": int((parts == UNUSED).sum())}
        for name, parts in task.folds.items()
    }
    write_task(folder, task)
    write_table(folder / "left_out.csv", left_out, ("id", "source", "reason"))
    write_table(folder / "class_counts.csv", count_classes(task), COUNT_COLUMNS)
    targets = target_columns(task)
    columns = (*EXAMPLE_COLUMNS, *targets)
    parts = task.folds[(task.honest_folds or [ALL])[0]]
    for part in PARTS:
        rows = [
            {**task.examples[i], **{name: column[i] for name, column in targets.items()}}
            for i in np.flatnonzero(parts == part)
        ]
        write_table(folder / f"{part}.csv", rows, columns)


def count_classes(task: Task) -> list[dict[str, Any]]:
    """Return the rows of ``class_counts.csv``."""
    names, indicators = _strata(task)
    rows: list[dict[str, Any]] = []
    for fold, parts in task.folds.items():
        counts = {part: indicators[parts == part].sum(axis=0) for part in PARTS}
        sizes = {part: max(int((parts == part).sum()), 1) for part in PARTS}
        for number, name in enumerate(names):
            row = {part: int(counts[part][number]) for part in PARTS}
            rows.append(
                {
                    "fold": fold,
                    "tests": task.facts.get("tests", {}).get(fold, ""),
                    "class": name,
                    **row,
                    "share_of_train": round(row[TRAIN] / sizes[TRAIN], 4),
                    "share_of_test": round(row[TEST] / sizes[TEST], 4),
                }
            )
    return rows


def _strata(task: Task) -> tuple[list[str], Any]:
    """Return names and membership (n, s) of classes, or of the quarters of regressed values."""
    if task.kind == "single":
        return task.classes, np.eye(len(task.classes), dtype=int)[task.targets]
    if task.kind == "multi":
        return task.classes, task.targets
    names, columns = [], []
    for name, values in zip(task.classes, task.targets.T, strict=True):
        edges = np.quantile(values, (0, 0.25, 0.5, 0.75, 1)) if len(values) else np.zeros(5)
        quarter = np.searchsorted(edges[1:-1], values, side="right")
        for number in range(4):
            names.append(f"{name} {edges[number]:.4g} to {edges[number + 1]:.4g}")
            columns.append(quarter == number)
    return names, np.array(columns, int).T

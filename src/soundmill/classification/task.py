"""A task as every stage after its preparation sees it: examples, targets, folds.

On disk a task is a folder a person can read: ``examples.csv`` (one row an example: id, source,
bucket, seconds, group and its targets), ``folds.csv`` (one row an example, one column a fold, in
each cell train, valid, test or nothing) and ``task.json`` (kind, classes, counts, remarks).
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from soundmill.files import read_json, write_json
from soundmill.status import Row, read_table, write_table

Kind = Literal["single", "multi", "regression"]
Part = Literal["train", "valid", "test"]
TRAIN: Final = "train"
VALID: Final = "valid"
TEST: Final = "test"
UNUSED: Final = ""
EXAMPLE_COLUMNS = ("id", "source", "bucket", "seconds", "group")
ALL = "all"
"""The fold without a test part: the model that is used afterwards learns from it."""
LEAKY_PREFIX = "random-"
"""Folds that ignore groups, run beside the honest ones to show the difference."""
SEPARATOR = ";"
"""Between the labels of one example of a multi-label task."""


@dataclass(frozen=True)
class Task:
    """Examples, targets and folds, all in the same order.

    Attributes
    ----------
    kind : ``single`` (one class each), ``multi`` (any number of tags), ``regression``.
    classes : names of the c classes or tags in alphabetical order, or of the c regressed targets.
    examples : one row an example, with `EXAMPLE_COLUMNS`; every cell is a string, as in a manifest.
    targets : single: class numbers (n,) int64; multi: 0 or 1 (n, c) float32; regression: values
        (n, c) float32.
    folds : part (train, valid, test or empty) of each example (n,) by fold name. Fold ``all`` has
        no test part; names that begin with ``random-`` are leaky on purpose.
    facts : what else ``task.json`` says: counts, remarks, protocol.
    """

    kind: Kind
    classes: list[str]
    examples: list[Row]
    targets: npt.NDArray[Any]
    folds: dict[str, npt.NDArray[np.str_]]
    facts: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.examples)

    @property
    def ids(self) -> list[str]:
        """Identifiers of the examples."""
        return [row["id"] for row in self.examples]

    @property
    def groups(self) -> npt.NDArray[np.str_]:
        """Group of each example (n,), empty where there is none."""
        return np.array([row["group"] for row in self.examples], str)

    @property
    def honest_folds(self) -> list[str]:
        """Names of the folds the evaluation believes."""
        return [name for name in self.folds if name != ALL and not name.startswith(LEAKY_PREFIX)]

    @property
    def leaky_folds(self) -> list[str]:
        """Names of the folds that ignore groups."""
        return [name for name in self.folds if name.startswith(LEAKY_PREFIX)]

    def rows(self, fold: str, *parts: Part) -> npt.NDArray[np.intp]:
        """Return the row numbers of the examples in one or more parts of a fold."""
        return np.flatnonzero(np.isin(self.folds[fold], parts))


def write_task(folder: str | os.PathLike[str], task: Task) -> None:
    """Write a task's three files."""
    folder = Path(folder)
    targets = target_columns(task)
    columns = (*EXAMPLE_COLUMNS, *targets)
    rows = [
        {**row, **{name: column[i] for name, column in targets.items()}}
        for i, row in enumerate(task.examples)
    ]
    write_table(folder / "examples.csv", [{c: row[c] for c in columns} for row in rows], columns)
    folds = [
        {"id": name, **{fold: parts[i] for fold, parts in task.folds.items()}}
        for i, name in enumerate(task.ids)
    ]
    write_table(folder / "folds.csv", folds, ("id", *task.folds))
    write_json(folder / "task.json", {"kind": task.kind, "classes": task.classes, **task.facts})


def read_task(folder: str | os.PathLike[str]) -> Task:
    """Read what `write_task` wrote."""
    folder = Path(folder)
    facts = read_json(folder / "task.json")
    kind, classes = facts.pop("kind"), facts.pop("classes")
    table = read_table(folder / "examples.csv")
    folds = read_table(folder / "folds.csv")
    if [row["id"] for row in folds] != [row["id"] for row in table]:
        raise ValueError(f"{folder}: folds.csv and examples.csv list different examples")
    names = [name for name in folds[0] if name != "id"] if folds else []
    return Task(
        kind=kind,
        classes=classes,
        examples=[{name: row[name] for name in EXAMPLE_COLUMNS} for row in table],
        targets=_read_targets(table, kind, classes),
        folds={name: np.array([row[name] for row in folds], str) for name in names},
        facts=facts,
    )


def target_columns(task: Task) -> dict[str, list[Any]]:
    """Return the target columns of ``examples.csv`` by their names."""
    if task.kind == "single":
        return {"target": [task.classes[number] for number in task.targets]}
    if task.kind == "multi":
        chosen = [np.flatnonzero(row) for row in task.targets]
        return {"target": [SEPARATOR.join(task.classes[i] for i in row) for row in chosen]}
    return {f"target_{name}": list(task.targets[:, i]) for i, name in enumerate(task.classes)}


def _read_targets(table: list[Row], kind: str, classes: list[str]) -> npt.NDArray[Any]:
    if kind == "regression":
        columns = [[float(row[f"target_{name}"]) for row in table] for name in classes]
        return np.array(columns, np.float32).T
    number = {name: i for i, name in enumerate(classes)}
    if kind == "single":
        return np.array([number[row["target"]] for row in table], np.int64)
    chosen = np.zeros((len(table), len(classes)), np.float32)
    for i, row in enumerate(table):
        for name in filter(None, row["target"].split(SEPARATOR)):
            chosen[i, number[name]] = 1
    return chosen

"""A ready table of features that takes the place of a corpus."""

import hashlib
import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from soundmill.classification.candidates import Candidates
from soundmill.classification.labels import listed
from soundmill.classification.preparation import build_task
from soundmill.classification.task import Task
from soundmill.classification.task_files import write_prepared
from soundmill.classification.task_options import TableOptions, TaskOptions
from soundmill.corpus.names import normalise_names
from soundmill.errors import InputError
from soundmill.files import atomic_path
from soundmill.options import nearest
from soundmill.spreadsheets import read_csv
from soundmill.status import Row

BUCKET = "table"
Features = npt.NDArray[np.float32]


def prepare_table(
    output: str | os.PathLike[str],
    features: str | os.PathLike[str],
    table: TableOptions,
    options: TaskOptions,
    seed: int,
) -> Task:
    """Make a task from a table of features, and the table that learners read.

    Parameters
    ----------
    output : the task's folder, as `soundmill.classification.preparation.prepare_task` writes it;
        the source of an example is its key.
    features : Parquet to write: id and the features (float32), one row an example of the task.
        What is not a finite number becomes NaN, which learners fill in from their training part.
    table : the CSV and what its columns are.

    Rows with equal features count as copies of one recording (see `TaskOptions.duplicates`).

    Raises
    ------
    InputError
        When the table cannot be read, names an example twice, holds no feature, or its labels
        make no task.
    """
    header, lines = read_csv(table.path, "table.path")
    for name, option in ((table.key, "table.key"), *((d, "table.drop") for d in table.drop)):
        if name not in header:
            raise InputError(
                f"{option}: {table.path} has no column {name!r}{nearest(name, header)}"
            )
    rows = _rows(table, header, lines)
    used = {*options.targets, *options.groups, options.split.column, table.key, *table.drop}
    names = [name for name in header if name and name not in used]
    values, names, remarks = _features(table.path, header, lines, names)
    content = [hashlib.sha256(value.tobytes()).hexdigest() for value in values]
    candidates = Candidates(rows, content, table.path, remarks=remarks)
    bare = np.asarray(np.isnan(values).all(axis=1)).tolist()
    empty = ["no feature is a number" if none else "" for none in bare]
    candidates.keep(empty)
    task = build_task(candidates, options, seed)
    write_prepared(Path(output), task, candidates.left_out)
    number = {row["id"]: i for i, row in enumerate(rows)}
    kept = values[[number[name] for name in task.ids]]
    frame = pd.DataFrame(kept, columns=names)
    frame.insert(0, "id", pd.Series(task.ids, dtype="str"))
    with atomic_path(features) as temporary:
        frame.to_parquet(temporary, index=False)
    return task


def _rows(
    table: TableOptions, header: Sequence[str], lines: Sequence[tuple[int, list[str]]]
) -> list[Row]:
    """Return the rows as a manifest would hold them, identifiers made from the keys."""
    at = header.index(table.key)
    first: dict[str, int] = {}
    for line, cells in lines:
        key = cells[at].strip()
        if not key:
            raise InputError(f"{table.path}, line {line}: column {table.key!r} is empty")
        if key in first:
            raise InputError(
                f"{table.path}, lines {first[key]} and {line}: {key!r} is there twice; remove one"
            )
        first[key] = line
    ids = normalise_names(first)
    return [
        dict(zip(header, cells, strict=True))
        | {"id": ids[key], "source": key, "bucket": BUCKET, "seconds": ""}
        for _, cells in lines
        for key in [cells[at].strip()]
    ]


def _features(
    path: str,
    header: Sequence[str],
    lines: Sequence[tuple[int, list[str]]],
    names: Sequence[str],
) -> tuple[Features, list[str], list[str]]:
    """Return the features (n, f), their names and remarks; columns without a number are none."""
    columns, kept, texts = [], [], []
    odd: Counter[str] = Counter()
    for name in names:
        at = header.index(name)
        column = np.array([_number(cells[at]) for _, cells in lines], np.float32)
        if np.isnan(column).all():
            texts.append(name)
            continue
        odd[name] = int(np.isnan(column).sum())
        columns.append(column)
        kept.append(name)
    if not columns:
        raise InputError(f"{path}: none of its columns holds features, that is numbers")
    remarks = []
    if texts:
        remarks.append(f"columns without any number are no features: {listed(texts)}")
    if broken := [name for name in kept if odd[name]]:
        remarks.append(
            f"{sum(odd.values())} cells are no finite numbers and count as missing, in "
            f"{listed(broken)}"
        )
    return np.column_stack(columns), kept, remarks


def _number(cell: str) -> float:
    """Return a cell's number, NaN where there is none that float32 can hold."""
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if abs(value) <= np.finfo(np.float32).max else math.nan

"""From labelled recordings to a task: classes, groups, folds, and what was left out and why."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soundmill.classification.candidates import (
    Candidates,
    leave_out,
    settle_classes,
    settle_copies,
)
from soundmill.classification.folds import Folds, Material, make_folds
from soundmill.classification.given_folds import Given, folds_of_column, folds_of_files
from soundmill.classification.grouping import TITLE, find_groups, same_titles
from soundmill.classification.labels import Labelling, check_columns, read_labels
from soundmill.classification.splitting import quantile_strata
from soundmill.classification.task import Task
from soundmill.classification.task_files import write_prepared
from soundmill.classification.task_options import TaskOptions
from soundmill.errors import InputError
from soundmill.log import logger
from soundmill.status import IGNORED, OK, Row, read_table


def prepare_task(
    manifest: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: TaskOptions,
    seed: int,
) -> Task:
    """Make a task from a labelled corpus and write its folder.

    Parameters
    ----------
    manifest : CSV of `soundmill.corpus.manifest.write_manifest`. Its rejected recordings are
        counted among those left out, with their reasons.
    output : folder to write: examples.csv, folds.csv, task.json, left_out.csv, class_counts.csv
        and the parts of the first honest fold as train.csv, valid.csv and test.csv.
    seed : of the random splits.

    Raises
    ------
    InputError
        When the labels do not make a task, or a given split leaks.
    """
    rows = [row for row in read_table(manifest) if row["status"] != IGNORED]
    candidates = Candidates(rows, [row["sha256"] for row in rows], str(manifest))
    candidates.keep(["" if row["status"] == OK else f"rejected: {row['reason']}" for row in rows])
    task = build_task(candidates, options, seed)
    write_prepared(Path(output), task, candidates.left_out)
    return task


def build_task(candidates: Candidates, options: TaskOptions, seed: int) -> Task:
    """Return the task that candidates make; see `prepare_task`."""
    if not candidates.rows:
        raise InputError(f"{candidates.place}: there is no usable recording to learn from")
    order = sorted(range(len(candidates.rows)), key=lambda i: candidates.rows[i]["source"])
    candidates.rows = [candidates.rows[i] for i in order]
    candidates.content = [candidates.content[i] for i in order]
    _check_split_columns(candidates, options)
    labelling = read_labels(candidates.rows, options, candidates.place)
    leave_out(candidates, labelling, labelling.reasons)
    settle_copies(candidates, labelling, options)
    settle_classes(candidates, labelling, options)
    groups, units, remarks = find_groups(candidates.rows, candidates.content, options)
    labels = list(map(tuple, labelling.indicators.tolist()))
    remarks += same_titles(candidates.rows, labels, units)
    regression = options.kind == "regression"
    material = Material(
        ids=[row["id"] for row in candidates.rows],
        strata=quantile_strata(labelling.indicators) if regression else labelling.indicators,
        units=units,
        groups=groups,
        classes=[] if regression else labelling.classes,
        single=options.kind == "single",
    )
    folds = make_folds(material, options.split, seed, _given(candidates.rows, options))
    candidates.remarks += [*labelling.remarks, *remarks, *folds.remarks]
    for remark in candidates.remarks:
        logger.warning("%s", remark)
    examples = [
        {key: row[key] for key in ("id", "source", "bucket", "seconds")} | {"group": group}
        for row, group in zip(candidates.rows, groups or [""] * len(units), strict=True)
    ]
    facts = _facts(candidates, labelling, options, folds, seed)
    facts["groups"] = None if groups is None else len(set(units.tolist()))
    targets = labelling.indicators.astype(np.float32)
    if options.kind == "single":
        targets = labelling.indicators.argmax(axis=1).astype(np.int64)
    return Task(options.kind, labelling.classes, examples, targets, folds.parts, facts)


def _check_split_columns(candidates: Candidates, options: TaskOptions) -> None:
    """Say which column of group or split is not there."""
    known = candidates.rows[0]
    groups = [name for name in options.groups if name != TITLE or TITLE in known]
    check_columns(candidates.rows, groups, "group", candidates.place)
    if options.split.method == "column" and options.split.column:
        check_columns(candidates.rows, [options.split.column], "split.column", candidates.place)


def _given(rows: Sequence[Row], options: TaskOptions) -> Given | None:
    """Return the folds that came with the data, if the options name any."""
    split = options.split
    if split.method == "column" and split.column:
        return folds_of_column([row[split.column] for row in rows], split.column, split.test_values)
    if split.method == "files" and split.files:
        return folds_of_files(rows, split.files)
    return None


def _facts(
    candidates: Candidates, labelling: Labelling, options: TaskOptions, folds: Folds, seed: int
) -> dict[str, Any]:
    """Return what task.json says beside kind and classes."""
    seconds = [float(row["seconds"]) for row in candidates.rows if row["seconds"]]
    left_out = Counter(row["reason"].partition(": ")[0] for row in candidates.left_out)
    return {
        "target": options.target,
        "group": options.group,
        "seed": seed,
        "examples": len(candidates.rows),
        "seconds": round(sum(seconds), 3),
        "counts": _counts(labelling, options),
        "protocol": folds.protocol,
        "tests": folds.stands_for,
        "unanswerable": folds.unanswerable,
        "merged": labelling.merged,
        "left_out": {"recordings": len(candidates.left_out), "reasons": dict(left_out)},
        "remarks": list(candidates.remarks),
    }


def _counts(labelling: Labelling, options: TaskOptions) -> dict[str, Any]:
    """Return examples by class, or the range of each regressed value."""
    if options.kind != "regression":
        sums = labelling.indicators.sum(axis=0)
        return {name: int(n) for name, n in zip(labelling.classes, sums, strict=True)}
    summaries: dict[str, Callable[[Any], Any]] = {
        "minimum": np.min, "maximum": np.max, "mean": np.mean, "standard_deviation": np.std
    }  # fmt: skip
    return {
        name: {what: round(float(f(column)), 6) for what, f in summaries.items()}
        for name, column in zip(labelling.classes, labelling.indicators.T, strict=True)
    }

"""Targets from label columns: one class, several tags, or numbers."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from soundmill.classification.spelling import (
    count_spellings,
    merge_spellings,
    near_misses,
    spelling_key,
    split_tags,
)
from soundmill.classification.task import SEPARATOR
from soundmill.classification.task_options import TaskOptions
from soundmill.errors import InputError
from soundmill.options import nearest
from soundmill.status import Row

YES = frozenset(("1", "1.0", "true", "yes", "x"))
NO = frozenset(("0", "0.0", "false", "no"))
SHOWN = 5
"""Names in a message before it says how many more there are."""


@dataclass
class Labelling:
    """Targets of n rows.

    Attributes
    ----------
    classes : names of the c classes, tags or regressed columns.
    indicators : single and multi: 0 or 1 (n, c); regression: values (n, c); float64. Rows with
        a reason are all zeros.
    reasons : why a row cannot be used; empty for the others.
    remarks : sentences for the person who reads the task.
    merged : class to its other spellings and how often each occurred.
    """

    classes: list[str]
    indicators: npt.NDArray[np.float64]
    reasons: list[str]
    remarks: list[str] = field(default_factory=list)
    merged: dict[str, dict[str, int]] = field(default_factory=dict)


def read_labels(rows: Sequence[Row], options: TaskOptions, place: str) -> Labelling:
    """Return the targets of rows.

    Parameters
    ----------
    rows : with the target columns of the options.
    place : the table they come from, for messages.

    Raises
    ------
    InputError
        When a column is missing, no row has a label, or labels are missing and must not be.
    """
    check_columns(rows, options.targets, "target", place)
    if options.kind == "regression":
        labelling = _numbers(rows, options)
    elif len(options.targets) > 1:
        labelling = _flags(rows, options)
    else:
        labelling = _names(rows, options)
    bad = [i for i, reason in enumerate(labelling.reasons) if reason]
    if len(bad) == len(rows):
        reason = labelling.reasons[0] if rows else "there is no recording"
        raise InputError(
            f"{place}: no recording has a usable label in {options.target!r}: {reason}"
        )
    if bad and options.missing == "error":
        raise InputError(
            f"{place}: {len(bad)} of {len(rows)} recordings have no usable label, such as "
            f"{rows[bad[0]]['source']!r} ({labelling.reasons[bad[0]]}); add the labels, or set "
            "missing: leave_out"
        )
    return labelling


def check_columns(rows: Sequence[Row], names: Sequence[str], option: str, place: str) -> None:
    """Raise `InputError` when the table lacks a column that an option names."""
    known = list(rows[0]) if rows else []
    for name in names:
        if rows and name not in known:
            raise InputError(
                f"{place}: {option}: there is no column {name!r} in ({', '.join(known)})"
                f"{nearest(name, known)}; labels are given by the corpus' option 'labels'"
            )


def listed(names: Sequence[str]) -> str:
    """Return names for a message, not too many of them."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more


def _names(rows: Sequence[Row], options: TaskOptions) -> Labelling:
    """Classes, or tags, by their names in one column."""
    column, multi = options.targets[0], options.kind == "multi"
    cells = [split_tags(row[column], options.separator if multi else None) for row in rows]
    counts = count_spellings(cells)
    mapping = merge_spellings(counts, options.aliases, options.merge_spellings)
    classes = sorted(set(mapping.values()))
    wrong = [name for name in classes if multi and SEPARATOR in name]
    if wrong:
        raise InputError(f"target: the tag {wrong[0]!r} holds {SEPARATOR!r}; give it an alias")
    number = {name: i for i, name in enumerate(classes)}
    indicators = np.zeros((len(rows), len(classes)))
    for i, cell in enumerate(cells):
        for spelling in cell:
            indicators[i, number[mapping[spelling]]] = 1
    allowed = multi and options.missing == "negative"
    reasons = ["" if cell or allowed else f"no label in column {column!r}" for cell in cells]
    labelling = Labelling(classes, indicators, reasons)
    _remark_spellings(labelling, counts, mapping, options)
    return labelling


def _remark_spellings(
    labelling: Labelling, counts: Counter[str], mapping: dict[str, str], options: TaskOptions
) -> None:
    totals: Counter[str] = Counter()
    for spelling in sorted(counts):
        name = mapping[spelling]
        totals[name] += counts[spelling]
        if spelling != name:
            labelling.merged.setdefault(name, {})[spelling] = counts[spelling]
    for name, variants in labelling.merged.items():
        shown = ", ".join(f"{spelling!r} ({count})" for spelling, count in variants.items())
        labelling.remarks.append(f"{shown} counted as {name!r}")
    for rare, common in near_misses(totals):
        labelling.remarks.append(
            f"{rare!r} ({totals[rare]}) and {common!r} ({totals[common]}) are nearly alike and "
            "stay two classes; if one is a typing error, add it to aliases"
        )
    met = {spelling_key(s) for s in counts} if options.merge_spellings else set(counts)
    for spelling in options.aliases:
        if (spelling_key(spelling) if options.merge_spellings else spelling) not in met:
            labelling.remarks.append(f"aliases: no recording is labelled {spelling!r}")


def _flags(rows: Sequence[Row], options: TaskOptions) -> Labelling:
    """Tags by a column each."""
    classes = sorted(options.targets)
    indicators = np.zeros((len(rows), len(classes)))
    reasons = [""] * len(rows)
    for i, row in enumerate(rows):
        for c, name in enumerate(classes):
            cell = row[name].strip().lower()
            if cell in YES:
                indicators[i, c] = 1
            elif not cell and options.missing != "negative":
                reasons[i] = f"no label in column {name!r}"
            elif cell and cell not in NO:
                reasons[i] = f"neither 0 nor 1: {row[name]!r} in column {name!r}"
        indicators[i] *= not reasons[i]
    return Labelling(classes, indicators, reasons)


def _numbers(rows: Sequence[Row], options: TaskOptions) -> Labelling:
    """Numbers by a column each."""
    values = np.zeros((len(rows), len(options.targets)))
    reasons = [""] * len(rows)
    for i, row in enumerate(rows):
        for c, name in enumerate(options.targets):
            cell = row[name].strip()
            try:
                value = float(cell) if cell else math.nan
            except ValueError:
                value = math.nan
            if math.isfinite(value):
                values[i, c] = value
            elif cell:
                reasons[i] = f"not a number: {row[name]!r} in column {name!r}"
            else:
                reasons[i] = f"no label in column {name!r}"
        values[i] *= not reasons[i]
    labelling = Labelling(list(options.targets), values, reasons)
    used = np.array([not reason for reason in reasons], bool)
    for c, name in enumerate(options.targets):
        if used.any() and np.ptp(values[used, c]) == 0:
            labelling.remarks.append(f"all recordings have the same {name}: nothing to learn")
    return labelling

"""Tables of descriptors as learners read them: the rows of a task, and the columns asked for."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt
import pandas as pd

from soundmill.classification.predictions import RECORDING
from soundmill.errors import InputError
from soundmill.features.columns import family_of as bank_family
from soundmill.options import nearest

KEYS = ("id", "segment", "start", "seconds")
"""Columns that say what a row is, and are no descriptors."""


@dataclass(frozen=True)
class Features:
    """Rows of descriptors.

    Attributes
    ----------
    ids : recording of each row (n,), in the order asked for; segments of one follow each other.
    segments, starts : number and start (s) of each row's segment (n,); -1 and 0 for recordings.
    values : (n, d) float32; NaN where a descriptor is not defined.
    columns : names of the d descriptors.
    missing : recordings the tables lack; each has one row of NaN.
    """

    ids: npt.NDArray[np.str_]
    segments: npt.NDArray[np.int32]
    starts: npt.NDArray[np.float32]
    values: npt.NDArray[np.float32]
    columns: list[str]
    missing: list[str]


def family_of(column: str) -> str:
    """Return the family of a descriptor: the bank's, else its name up to a digit or underscore."""
    try:
        return bank_family(column)
    except KeyError:
        found = re.match(r"[^\d_]+", column)
        return found.group() if found else column


def descriptor_columns(table: pd.DataFrame) -> list[str]:
    """Return the names of a table's descriptors: its columns of numbers but for `KEYS`."""
    numbers = table.select_dtypes("number").columns
    return [str(name) for name in numbers if name not in KEYS]


def choose_columns(
    known: Sequence[str],
    families: Sequence[str] | None = None,
    patterns: Sequence[str] | None = None,
) -> list[str]:
    """Return the descriptors of the families that fit a pattern, in the order of ``known``.

    Raises
    ------
    InputError
        When a family or pattern fits none, with what there is.
    """
    own = {name: family_of(name) for name in known}
    there = sorted(set(own.values()))
    for family in families or ():
        if family not in there:
            raise InputError(
                f"families: no descriptor is of family {family!r}{nearest(family, there)}; there "
                f"are {', '.join(there)}"
            )
    for pattern in patterns or ():
        if not any(fnmatchcase(name, pattern) for name in known):
            raise InputError(
                f"columns: no descriptor fits {pattern!r}; there are {len(known)}, such as "
                f"{', '.join(known[:3])}"
            )
    chosen = [
        name
        for name in known
        if (families is None or own[name] in families)
        and (patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns))
    ]
    if not chosen:
        raise InputError("families and columns together leave no descriptor; widen one of them")
    return chosen


def read_features(
    paths: Iterable[str | os.PathLike[str]],
    ids: Sequence[str],
    level: str = "recording",
    columns: Sequence[str] | None = None,
) -> Features:
    """Read the rows of some recordings from Parquet tables.

    Parameters
    ----------
    paths : tables with id and descriptors, of segments also segment and start.
    ids : recordings wanted; the rows come in this order, segments by their number.
    level : ``recording`` or ``segment``, what a row is.
    columns : descriptors wanted; default all.

    Raises
    ------
    InputError
        When the tables are of the other level, or lack a column or all recordings.
    """
    paths = list(paths)
    table = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    if level == "segment" and "segment" not in table:
        raise InputError(
            "level: segment needs tables of segments, and these hold one row a recording; use "
            "level: recording"
        )
    columns = descriptor_columns(table) if columns is None else list(columns)
    check_columns(table, columns)
    order = {name: number for number, name in enumerate(ids)}
    table = table[table["id"].isin(order)]
    missing = sorted(set(ids) - set(table["id"]), key=order.__getitem__)
    if len(missing) == len(ids):
        raise InputError(f"none of the {len(ids)} recordings asked for is in {paths[0]}")
    if level == "recording" and table["id"].duplicated().any():
        twice = table["id"][table["id"].duplicated()].iloc[0]
        raise InputError(f"recording {twice!r} has several rows; for segments use level: segment")
    count = len(table)
    segments = table["segment"].to_numpy(np.int32) if level == "segment" else None
    starts = table["start"].to_numpy(np.float32) if level == "segment" else None
    # a recording without descriptors is one row in which nothing is known
    names = np.array([*table["id"], *missing], str)
    extra = len(missing)
    segments = np.full(count, RECORDING, np.int32) if segments is None else segments
    segments = np.concatenate([segments, np.full(extra, 0 if level == "segment" else RECORDING)])
    starts = np.concatenate([np.zeros(count) if starts is None else starts, np.zeros(extra)])
    values = np.full((count + extra, len(columns)), np.nan, np.float32)
    values[:count] = table[list(columns)].to_numpy(np.float32)
    values[~np.isfinite(values)] = np.nan
    rows = np.lexsort((segments, np.array([order[name] for name in names])))
    return Features(
        names[rows], segments[rows].astype(np.int32), starts[rows].astype(np.float32),
        values[rows], list(columns), missing,
    )  # fmt: skip


def check_columns(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise `InputError` when a table lacks a descriptor."""
    lacking = [name for name in columns if name not in table]
    if lacking:
        families = sorted({family_of(name) for name in lacking})
        raise InputError(
            f"the table lacks {len(lacking)} of the {len(columns)} descriptors this model needs, "
            f"such as {lacking[0]!r} (families {', '.join(families)}); compute them with the "
            "descriptor options the model was trained with"
        )

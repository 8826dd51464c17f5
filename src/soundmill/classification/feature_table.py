"""Tables of descriptors as learners read them: the rows of a task, and the columns asked for."""

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
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
ROWS_AT_ONCE = 2048


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


def known_columns(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Return the names of the descriptors that Parquet tables hold; none of their rows is read."""
    import pyarrow.parquet as pq

    return descriptor_columns(pq.read_schema(next(iter(paths))).empty_table().to_pandas())


def read_features(
    paths: Iterable[str | os.PathLike[str]],
    ids: Sequence[str],
    level: str = "recording",
    columns: Sequence[str] | None = None,
) -> Features:
    """Read the rows of some recordings from Parquet tables.

    Memory holds the values asked for once, 4 bytes each, beside some thousand rows of a table.

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
    import pyarrow.parquet as pq

    paths = list(paths)
    columns = known_columns(paths) if columns is None else list(columns)
    for path in paths:
        names_there = set(pq.read_schema(path).names)
        if level == "segment" and "segment" not in names_there:
            raise InputError(
                "level: segment needs tables of segments, and these hold one row a recording; use "
                "level: recording"
            )
        check_columns(names_there, columns)
    order = {name: number for number, name in enumerate(ids)}
    keys = ["id", *(["segment", "start"] if level == "segment" else [])]
    table = pd.concat([pd.read_parquet(path, columns=keys) for path in paths], ignore_index=True)
    table = table[table["id"].isin(order)]
    missing = sorted(set(ids) - set(table["id"]), key=order.__getitem__)
    if len(missing) == len(ids):
        raise InputError(f"none of the {len(ids)} recordings asked for is in {paths[0]}")
    if level == "recording" and table["id"].duplicated().any():
        twice = table["id"][table["id"].duplicated()].iloc[0]
        raise InputError(f"recording {twice!r} has several rows; for segments use level: segment")
    # a recording without descriptors is one row in which nothing is known
    count, extra = len(table), len(missing)
    names = np.array([*table["id"], *missing], str)
    segments = np.full(count + extra, RECORDING, np.int32)
    starts = np.zeros(count + extra, np.float32)
    if level == "segment":
        segments[:count], segments[count:] = table["segment"], 0
        starts[:count] = table["start"]
    rows = np.lexsort((segments, np.array([order[name] for name in names])))
    places = np.empty(len(rows), np.intp)
    places[rows] = np.arange(len(rows))
    values = np.full((len(rows), len(columns)), np.nan, np.float32)
    start = 0
    for block in _blocks(paths, order, columns):
        values[places[start : start + len(block)]] = block
        start += len(block)
    return Features(names[rows], segments[rows], starts[rows], values, columns, missing)


def _blocks(
    paths: Iterable[str | os.PathLike[str]], wanted: Mapping[str, int], columns: Sequence[str]
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the values of the rows of wanted recordings, some thousand rows at a time."""
    import pyarrow.parquet as pq

    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=["id", *columns]):
                found = np.array([name in wanted for name in batch["id"].to_pylist()], bool)
                values = np.empty((len(found), len(columns)), np.float32)
                # by hand: pandas takes four times as long for a thousand columns
                for number, name in enumerate(columns):
                    values[:, number] = batch[name].to_numpy(zero_copy_only=False)
                values = values[found]
                values[~np.isfinite(values)] = np.nan
                yield values


def check_columns(table: Container[str], columns: Sequence[str]) -> None:
    """Raise `InputError` when a table, or the names of its columns, lack a descriptor."""
    lacking = [name for name in columns if name not in table]
    if lacking:
        families = sorted({family_of(name) for name in lacking})
        raise InputError(
            f"the table lacks {len(lacking)} of the {len(columns)} descriptors this model needs, "
            f"such as {lacking[0]!r} (families {', '.join(families)}); compute them with the "
            "descriptor options the model was trained with"
        )

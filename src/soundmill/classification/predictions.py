"""The table of a learner's predictions: one form for every learner, fold, seed and level."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from soundmill.files import atomic_path

RECORDING = -1
"""The segment number of a prediction for a whole recording."""
KEYS = ("id", "fold", "seed", "part", "segment", "start")
PREFIX = "p_"


def make_predictions(
    ids: Sequence[str],
    values: npt.NDArray[Any],
    *,
    fold: str,
    part: str,
    seed: int = 1,
    segments: Sequence[int] | None = None,
    starts: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Return a predictions table.

    Parameters
    ----------
    ids : identifier of each of the n rows; several rows of one recording are its segments.
    values : (n, c) probabilities of the classes (single: rows sum to 1; multi: each for itself),
        or predicted values (regression), in the order of the task's classes.
    fold, part : fold name, and the part (``valid`` or ``test``) the examples have in it. The
        learner saw neither while it was fitted; ``valid`` may have decided when to stop or which
        options to take, and is what calibration and stacking learn from.
    seed : number of the training; classical learners have one.
    segments, starts : number and start (s) of each row's segment; default the whole recording.
    """
    count = len(ids)
    table = pd.DataFrame(
        {
            "id": pd.Series(list(ids), dtype="str"),
            "fold": pd.Series([fold] * count, dtype="str"),
            "seed": np.full(count, seed, np.int32),
            "part": pd.Series([part] * count, dtype="str"),
            "segment": np.asarray([RECORDING] * count if segments is None else segments, np.int32),
            "start": np.asarray([0.0] * count if starts is None else starts, np.float32),
        }
    )
    values = np.asarray(values, np.float32)
    if values.ndim != 2 or len(values) != count:
        raise ValueError(f"values of shape {values.shape} do not fit {count} rows")
    for number in range(values.shape[1]):
        table[f"{PREFIX}{number}"] = values[:, number]
    return table


def values_of(table: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the predicted values (n, c) of a table."""
    return table[[name for name in table if name.startswith(PREFIX)]].to_numpy(np.float64)


def recordings_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that speak of whole recordings."""
    return table[table["segment"] == RECORDING]


def segments_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that speak of segments."""
    return table[table["segment"] != RECORDING]


def write_predictions(path: str | os.PathLike[str], tables: Iterable[pd.DataFrame]) -> None:
    """Write tables one after another as one Parquet file."""
    with atomic_path(path) as temporary:
        pd.concat(list(tables), ignore_index=True).to_parquet(temporary, index=False)


def read_predictions(paths: Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """Read one or more files of `write_predictions` as one table."""
    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)

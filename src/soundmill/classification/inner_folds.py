"""Folds inside a training part, for search and calibration; no group is on both sides of one."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

Split = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def inner_folds(
    y: npt.NDArray[Any], groups: npt.NDArray[Any] | None, folds: int, seed: int
) -> list[Split]:
    """Return row numbers to train on and to test on, for each inner fold.

    Parameters
    ----------
    y : class numbers (n,) of integers, which are stratified; or other targets (n,) or (n, c).
    groups : (n,) what stays together; None when every row is for itself.
    folds : how many; fewer where there are fewer groups or no class has so many rows. Empty when
        there are not even two.
    """
    from sklearn import model_selection as ms

    single = y.ndim == 1 and np.issubdtype(y.dtype, np.integer)
    distinct = len(y) if groups is None else len(np.unique(groups))
    folds = min(folds, distinct, int(np.bincount(y).max()) if single else distinct)
    if folds < 2:
        return []
    common: dict[str, Any] = {"n_splits": folds, "shuffle": True, "random_state": seed % 2**32}
    if groups is None or distinct == len(y):
        maker, groups = (ms.StratifiedKFold if single else ms.KFold)(**common), None
    else:
        maker = (ms.StratifiedGroupKFold if single else ms.GroupKFold)(**common)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        splits = list(maker.split(np.zeros((len(y), 1)), y, groups))
    return [(train, test) for train, test in splits if len(train) and len(test)]

"""Use of a classical model: descriptors in, probabilities out; nothing of its training is needed.

The model runs on onnxruntime, whose import takes a tenth of a second; scikit-learn is read only
where the exported model did not agree with the learner when it was made.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from soundmill.classification.aggregation import aggregate
from soundmill.classification.feature_table import check_columns
from soundmill.errors import InputError
from soundmill.files import read_json

BATCH = 2048
"""Rows given to the model at once, to bound its memory."""
Values = npt.NDArray[np.float64]


def run_onnx(path: str | os.PathLike[str], x: npt.NDArray[np.float32], threads: int = 1) -> Values:
    """Return what an exported learner says (n, c) about descriptors (n, d)."""
    session = _session(Path(path), threads)
    return _run(session, x)


def load_classical(folder: str | os.PathLike[str], threads: int = 1) -> "ClassicalModel":
    """Return the model in a folder that `soundmill.classification.classical` wrote.

    Raises
    ------
    InputError
        When the folder holds no such model.
    """
    folder = Path(folder)
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} holds no classical model ({error}); give the folder 'model' of a learner"
        ) from error
    if config["export"]["agrees"]:
        return ClassicalModel(config, session=_session(folder / "model.onnx", threads))
    from soundmill.classification.classical_files import load_learner

    return ClassicalModel(config, learner=load_learner(folder / "model.skops"))


@dataclass(frozen=True)
class ClassicalModel:
    """A trained classical learner.

    Attributes
    ----------
    config : its ``config.json``. session, learner : what decides; one of them.
    """

    config: dict[str, Any]
    session: Any = None
    learner: Any = None

    @property
    def classes(self) -> list[str]:
        """Names of the c classes, tags or targets."""
        return list(self.config["classes"])

    @property
    def columns(self) -> list[str]:
        """Names of the descriptors it needs."""
        return list(self.config["columns"])

    @property
    def level(self) -> str:
        """What a row of its tables is: ``recording`` or ``segment``."""
        return str(self.config["level"])

    def predict(self, table: pd.DataFrame) -> Values:
        """Return probabilities or values (n, c) of the rows of a table; others columns are ignored.

        Raises
        ------
        InputError
            When the table lacks a descriptor, with the families that are needed.
        """
        check_columns(table, self.columns)
        x = table[self.columns].to_numpy(np.float32)
        x = np.where(np.isfinite(x), x, np.float32(np.nan))
        if self.learner is not None:
            return np.asarray(self.learner.predict(x), np.float64)
        return _run(self.session, x)

    def predict_recordings(self, table: pd.DataFrame) -> tuple[list[str], Values]:
        """Return the recordings of a table, in their order, and the decision on each (r, c).

        Parameters
        ----------
        table : with column id and, for a model of level segment, one row a segment.
        """
        values = self.predict(table)
        names: Sequence[str] = list(dict.fromkeys(table["id"]))
        if self.level == "recording":
            if len(names) < len(table):
                raise InputError(
                    "this model decides on whole recordings, and the table has several rows of "
                    "one; give a table of recordings"
                )
            return list(names), values
        rows = table.groupby("id", sort=False).indices
        kind, method = self.config["task"], self.config["aggregation"]
        decided = [aggregate(values[rows[name]], method, kind) for name in names]
        return list(names), np.stack(decided)


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(str(path), options, providers=providers)


def _run(session: Any, x: npt.NDArray[np.float32]) -> Values:
    parts = [
        session.run(None, {"descriptors": np.ascontiguousarray(x[start : start + BATCH])})[0]
        for start in range(0, len(x), BATCH)
    ]
    width = session.get_outputs()[0].shape[1]
    return np.concatenate([np.zeros((0, width)), *parts]).astype(np.float64)

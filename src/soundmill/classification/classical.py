"""Train a classical learner of a task: on every fold, and once on everything for use."""

import os
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from soundmill.classification.classical_files import save_learner
from soundmill.classification.classical_options import AutoOptions, FixedOptions
from soundmill.classification.feature_table import (
    Features,
    choose_columns,
    known_columns,
    read_features,
)
from soundmill.classification.fitting import Learner, check_options, decide_recordings, fit_learner
from soundmill.classification.learner_size import describe_size
from soundmill.classification.predictions import make_predictions, write_predictions
from soundmill.classification.search import Found, choose
from soundmill.classification.task import ALL, Part, Task, read_task
from soundmill.errors import InputError
from soundmill.files import write_json
from soundmill.log import logger
from soundmill.seeds import derive

AGREEMENT = 1e-4
"""Largest difference of a probability between the exported model and the learner (of a value: in
units of the largest)."""
TRAIN: Part = "train"
VALID: Part = "valid"
TEST: Part = "test"
PACKAGES = ("numpy", "scikit-learn", "scipy", "lightgbm", "optuna", "skops", "onnx", "onnxruntime")
Rows = npt.NDArray[np.intp]


def train_classical(
    task_folder: str | os.PathLike[str],
    tables: Sequence[str | os.PathLike[str]],
    predictions: str | os.PathLike[str],
    training: str | os.PathLike[str],
    model: str | os.PathLike[str],
    options: FixedOptions | AutoOptions,
    *,
    seed: int,
    code: str = "",
    threads: int = 1,
    descriptors: Mapping[str, Any] | None = None,
    decode: Mapping[str, Any] | None = None,
) -> None:
    """Train on each fold, predict what was held out, and write the model that learned everything.

    In a fold the ``test`` part is predicted by a learner of ``train`` and ``valid``, the ``valid``
    part by one of ``train`` alone, so that whoever learns from predictions (calibration, stacking)
    gets honest ones. Options are searched anew inside each of these training parts. Same arguments:
    same bytes, of predictions and model, unless a search was ended by its time budget.

    Parameters
    ----------
    task_folder, tables : a task and the Parquet tables of its descriptors, of recordings or, for
        ``level: segment``, of segments.
    predictions : Parquet to write, `soundmill.classification.predictions`; segments have rows of
        their own beside the recording's.
    training : JSON to write: times (s), sizes, what was chosen in each fold, versions.
    model : folder to write: ``model.onnx``, ``model.skops``, ``config.json`` and, to weigh the
        descriptors by, the learner of each fold's test part, ``folds/<fold>.skops``.
    threads : they do not change the result. code : fingerprint, noted in ``config.json``.
    descriptors, decode : options the descriptors were computed with and the recordings decoded,
        for whoever uses the model.

    Raises
    ------
    InputError
        When options, tables and task do not fit together.
    """
    task = read_task(task_folder)
    check = [options] if not isinstance(options, AutoOptions) else map(options.start, options.kinds)
    for one in check:
        check_options(one, task.kind)
    columns = choose_columns(known_columns(tables), options.families, options.columns)
    features = read_features(tables, task.ids, options.level, columns)
    trainer = _Trainer(task, features, options, seed, threads)
    folder = Path(model)
    found = [
        table
        for fold in task.folds
        if fold != ALL
        for table in trainer.run(fold, folder / "folds" / f"{fold}.skops")
    ]
    if not found:
        raise InputError(f"{task_folder}: no fold has a part to predict, so nothing is tested")
    write_predictions(predictions, found)
    learner, chosen = trainer.fit(ALL, _everything(task))
    save_learner(folder / "model.skops", learner)
    export = _export(folder / "model.onnx", learner, trainer.values)
    write_json(
        folder / "config.json",
        {
            "kind": chosen.options.kind, "task": task.kind, "classes": task.classes,
            "columns": columns, "level": options.level, "aggregation": options.aggregation,
            "options": chosen.options.model_dump(mode="json"), "descriptors": descriptors,
            "decode": decode,
            "examples": len(task), "seed": seed, "export": export, "code": code,
            "versions": _versions(),
        },
    )  # fmt: skip
    write_json(training, trainer.report(learner, columns))


class _Trainer:
    """The folds of one task, one after another."""

    def __init__(
        self,
        task: Task,
        features: Features,
        options: FixedOptions | AutoOptions,
        seed: int,
        threads: int,
    ) -> None:
        self.task, self.features, self.options = task, features, options
        self.seed, self.threads = seed, threads
        self.values = features.values
        number = {name: i for i, name in enumerate(task.ids)}
        self.example = np.array([number[name] for name in features.ids])
        # an example without a group is a group of its own: its segments stay together
        self.groups = np.array(
            [g or f"\x00{n}" for g, n in zip(task.groups, task.ids, strict=True)]
        )
        self.folds: dict[str, Any] = {}
        self.predict_seconds: list[tuple[float, int]] = []

    def run(self, fold: str, path: Path) -> list[pd.DataFrame]:
        """Train and predict in one fold; its learner of train and valid is written."""
        task = self.task
        valid, test = task.rows(fold, VALID), task.rows(fold, TEST)
        made = []
        if len(test):
            learner, _ = self.fit(fold, task.rows(fold, TRAIN, VALID))
            save_learner(path, learner)
            made += self._predict(learner, fold, TEST, test)
        if len(valid):
            learner, _ = self.fit(f"{fold}/{VALID}", task.rows(fold, TRAIN))
            made += self._predict(learner, fold, VALID, valid)
        return made

    def fit(self, name: str, examples: Rows) -> tuple[Learner, Found]:
        """Choose options and fit them, on some examples alone."""
        if not len(examples):
            raise InputError(f"fold {name} has nothing to learn from")
        task = self.task
        rows = self._rows(examples)
        x, own = self.values[rows], self.example[rows]
        y, groups, ids = task.targets[own], self.groups[own], self.features.ids[rows]
        seed = derive(self.seed, "classical", name)
        common: dict[str, Any] = {"seed": seed, "threads": self.threads}
        kind, classes = task.kind, len(task.classes)
        began = time.perf_counter()
        found = choose(self.options, kind, classes, x, y, ids, groups, **common)
        learner = fit_learner(found.options, kind, classes, x, y, groups, **common)
        seconds = time.perf_counter() - began
        lacking = [task.classes[i] for i in range(classes) if i not in learner.present]
        if lacking:
            logger.warning("fold %s: nothing to learn %s from", name, ", ".join(lacking))
        self.folds[name] = {
            "examples": len(examples), "rows": len(rows), "seconds": round(seconds, 3),
            "options": found.options.model_dump(mode="json"), "search": found.summary,
            "classes_without_examples": lacking,
        }  # fmt: skip
        logger.info("fold %s: %d examples learned in %.1f s", name, len(examples), seconds)
        return learner, found

    def report(self, learner: Learner, columns: list[str]) -> dict[str, Any]:
        """Return what ``training.json`` says."""
        seconds = sum(took for took, _ in self.predict_seconds)
        count = sum(number for _, number in self.predict_seconds)
        size = describe_size(learner)
        return {
            "learner": self.options.kind, "parameters": size["parameters"], "size": size,
            "train_seconds": round(sum(fold["seconds"] for fold in self.folds.values()), 3),
            "seconds_a_recording": round(seconds / max(count, 1), 7),
            "threads": self.threads, "level": self.options.level, "columns": columns,
            "without_descriptors": self.features.missing,
            "gaps": int(np.isnan(self.values).sum()), "folds": self.folds,
            "options": self.options.model_dump(mode="json"), "seed": self.seed,
            "versions": _versions(),
        }  # fmt: skip

    def _rows(self, examples: Rows) -> Rows:
        return np.flatnonzero(np.isin(self.example, examples))

    def _predict(
        self, learner: Learner, fold: str, part: str, examples: Rows
    ) -> list[pd.DataFrame]:
        rows = self._rows(examples)
        began = time.perf_counter()
        values = learner.predict(self.values[rows])
        self.predict_seconds.append((time.perf_counter() - began, len(examples)))
        ids = self.features.ids[rows]
        order = np.array([self.task.ids[number] for number in examples])
        method = self.options.aggregation
        decided = decide_recordings(values, ids, order, method, self.task.kind)
        made = [make_predictions(list(order), decided, fold=fold, part=part)]
        if self.options.level == "segment":
            numbers, starts = self.features.segments[rows], self.features.starts[rows]
            segments = make_predictions(
                list(ids), values, fold=fold, part=part,
                segments=numbers.tolist(), starts=starts.tolist(),
            )  # fmt: skip
            made.insert(0, segments)
        return made


def _everything(task: Task) -> Rows:
    """Return the examples of fold ``all``, or all of them where there is no such fold."""
    return task.rows(ALL, TRAIN, VALID) if ALL in task.folds else np.arange(len(task))


def _export(path: Path, learner: Learner, values: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Write the ONNX model and return how well it agrees with the learner on the task's rows."""
    from soundmill.classification.classical_export import save_onnx
    from soundmill.classification.classical_model import run_onnx

    save_onnx(path, learner, values.shape[1])
    wanted = learner.predict(values)
    difference = float(np.abs(run_onnx(path, values) - wanted).max())
    limit = AGREEMENT * (max(1.0, float(np.abs(wanted).max())) if learner.kind != "single" else 1)
    if difference > limit:
        logger.warning("%s differs from the learner by %.2g at most", path, difference)
    return {
        "largest_difference": float(f"{difference:.3g}"), "allowed": limit, "rows": len(values),
        "agrees": difference <= limit,
    }  # fmt: skip


def _versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}

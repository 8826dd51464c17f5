"""Train a network on one fold of a task: reproducible, and resumed after any interruption."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from soundmill.classification.network_data import Material, Store, band_frequencies, chunk_frames
from soundmill.classification.network_files import Pair
from soundmill.classification.network_fitting import Fitted, fit_network
from soundmill.classification.network_learner import trainable
from soundmill.classification.network_model import (
    decide,
    describe_network,
    load_network,
    save_network,
)
from soundmill.classification.network_options import ClassifierOptions
from soundmill.classification.networks import Classifier, count_parameters
from soundmill.classification.predictions import make_predictions, write_predictions
from soundmill.classification.task import TEST, Part, Task, read_task
from soundmill.errors import InputError
from soundmill.features.spectra_options import SpectraOptions
from soundmill.features.spectra_store import SpectraStore
from soundmill.files import write_json
from soundmill.log import logger
from soundmill.seeds import derive
from soundmill.status import write_table
from soundmill.training import copy_weights, open_state

HELD_OUT: tuple[Part, ...] = ("valid", "test")
CURVE_COLUMNS = (
    "seed", "epoch", "step", "seconds", "train_loss", "valid_loss", "valid_score", "learning_rate",
)  # fmt: skip


@dataclass
class Outputs:
    """Files of one training."""

    predictions: Path
    training: Path
    curves: Path
    model: Path


def train_network(
    task_folder: Path,
    fold: str,
    spectra: Sequence[Pair],
    augmented: Mapping[str, Sequence[Pair]],
    outputs: Outputs,
    state: Path,
    options: ClassifierOptions,
    spectra_options: SpectraOptions,
    seed: int,
    start: Path | None = None,
    code: str = "",
    threads: int | None = None,
    decode: Mapping[str, Any] | None = None,
) -> None:
    """Train all seeds of a network on one fold and write what it decides on the other parts.

    Interrupted and called again with the same arguments it goes on from the end of the last epoch
    and ends with the same bytes. Same arguments, same number of threads: same bytes, but for the
    seconds.

    Parameters
    ----------
    task_folder : of `soundmill.classification.task.write_task`.
    fold : ``all`` has no test part; its model is the one to use.
    spectra : of the recordings, by bucket.
    augmented : of their stored copies, by augmentation and bucket; those of ``options`` are used.
    outputs : predictions (Parquet, parts valid and test, chunks and recordings, by seed), figures
        of the training (JSON), learning curves (CSV, one row an epoch), model folder.
    state : folder for the training state; removed when training succeeds.
    start : model folder another task lends, where ``options.start_from`` asks for one.
    code : fingerprint of the code; a state made by other code is discarded.
    threads : CPU threads; None leaves torch's choice.
    decode : options the recordings were decoded with, for whoever uses the model.

    Raises
    ------
    InputError
        when the fold has nothing to learn from, a recording has no spectrum, or the lent network
        has another shape.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    task = read_task(task_folder)
    lent = load_network(start) if start and options.start_from else None
    store = SpectraStore(spectra)
    wanted = copies_of(options, augmented)
    copies = {name: SpectraStore(pairs) for name, pairs in wanted.items()}
    material = gather_material(task, fold, store, copies, spectra_options)
    files = input_files(task_folder, spectra, wanted, start if lent else None)
    open_state(state, files, fold, options.model_dump(mode="json"), seed, code)

    fitted = [
        fit_network(material, options, derive(seed, f"seed-{number}"), lent, number, state)
        for number in range(1, options.seeds + 1)
    ]
    tables, seconds, heard = [], 0.0, 0
    for number, result in enumerate(fitted, 1):
        for part in HELD_OUT:
            names = known([task.ids[row] for row in task.rows(fold, part)], store, part)
            began = time.perf_counter()
            tables += predict_part(result.network, store, names, material, fold, part, number)
            seconds, heard = seconds + time.perf_counter() - began, heard + len(names)
    if not tables:
        tables = [_no_rows(task, fold)]
    write_predictions(outputs.predictions, tables)
    write_table(outputs.curves, [row for one in fitted for row in one.curve], CURVE_COLUMNS)
    _write_training(outputs.training, fitted, material, seconds / heard if heard else None)
    config = describe_network(
        fitted[0].network,
        classes=task.classes,
        frames=chunk_frames(options, material.frame_rate),
        frame_rate=material.frame_rate,
        spectra=spectra_options.model_dump(mode="json"),
    )
    config["decode"] = decode
    save_network(outputs.model, [copy_weights(one.network) for one in fitted], config)
    shutil.rmtree(state)


def copies_of(
    options: ClassifierOptions, augmented: Mapping[str, Sequence[Pair]]
) -> dict[str, Sequence[Pair]]:
    """Return the stored copies that the options ask for.

    Raises
    ------
    InputError
        when there are none of that name.
    """
    missing = [name for name in options.augmentations if name not in augmented]
    if missing:
        raise InputError(
            f"augmentations: {missing[0]!r} is not among {', '.join(augmented) or 'none'}"
        )
    return {name: augmented[name] for name in options.augmentations}


def input_files(
    task_folder: Path,
    spectra: Sequence[Pair],
    augmented: Mapping[str, Sequence[Pair]],
    start: Path | None = None,
) -> list[str | Path]:
    """Return all files that decide a training."""
    pairs = [*spectra, *(pair for some in augmented.values() for pair in some)]
    files: list[str | Path] = [path for pair in pairs for path in pair]
    folders = [Path(task_folder), *([start] if start else [])]
    return files + [path for folder in folders for path in sorted(folder.iterdir())]


def known(names: Sequence[str], store: Store, part: str) -> list[str]:
    """Return the recordings that have a spectrum; the others are logged."""
    found = [name for name in names if name in store]
    if len(found) < len(names):
        missing = [name for name in names if name not in store]
        logger.warning(
            "%s: %d of %d recordings have no spectrum and are left out, the first is %s",
            part, len(missing), len(names), missing[0],
        )  # fmt: skip
    return found


def gather_material(
    task: Task, fold: str, store: Store, copies: Mapping[str, Store], spectra: SpectraOptions
) -> Material:
    """Return what a network learns from in one fold of a task.

    Raises
    ------
    InputError
        when the training part is empty.
    """
    train, valid = _part(task, fold, "train", store), _part(task, fold, "valid", store)
    if not len(train):
        raise InputError(f"fold {fold}: its training part is empty; the split needs more examples")
    targets = task.targets
    if task.kind == "single":
        targets = np.eye(len(task.classes), dtype=np.float32)[task.targets]
    targets = targets.astype(np.float32)
    ids = task.ids
    return Material(
        kind=task.kind,
        outputs=len(task.classes),
        store=store,
        copies=copies,
        train=[ids[row] for row in train],
        train_targets=targets[train],
        valid=[ids[row] for row in valid],
        valid_targets=targets[valid],
        frame_rate=spectra.frames_per_second,
        frequencies=band_frequencies(spectra),
    )


def _part(task: Task, fold: str, part: Part, store: Store) -> npt.NDArray[np.intp]:
    rows = task.rows(fold, part)
    found = set(known([task.ids[row] for row in rows], store, f"fold {fold}, {part}"))
    return np.array([row for row in rows if task.ids[row] in found], np.intp)


def predict_part(
    network: Classifier,
    store: Store,
    names: Sequence[str],
    material: Material,
    fold: str,
    part: Part,
    seed: int,
) -> list[pd.DataFrame]:
    """Return tables of a network's decisions on some recordings: their chunks, and themselves."""
    if not len(names):
        return []
    frames = chunk_frames(network.options, material.frame_rate)
    found = list(decide(network, [store[name] for name in names], frames))
    counts = [len(decision.starts) for decision in found]
    chunks = make_predictions(
        [name for name, count in zip(names, counts, strict=True) for _ in range(count)],
        np.concatenate([decision.segments for decision in found]),
        fold=fold, part=part, seed=seed,
        segments=[number for count in counts for number in range(count)],
        starts=list(np.concatenate([d.starts for d in found]) / material.frame_rate),
    )  # fmt: skip
    values = np.stack([decision.recording for decision in found])
    return [chunks, make_predictions(names, values, fold=fold, part=part, seed=seed)]


def _no_rows(task: Task, fold: str) -> pd.DataFrame:
    return make_predictions([], np.zeros((0, len(task.classes))), fold=fold, part=TEST)


def _write_training(
    path: Path, fitted: Sequence[Fitted], material: Material, seconds: float | None
) -> None:
    network = fitted[0].network
    write_json(
        path,
        {
            "parameters": count_parameters(network),
            "trained_parameters": trainable(network),
            "train_examples": len(material.train),
            "valid_examples": len(material.valid),
            "train_seconds": round(sum(one.curve[-1]["seconds"] for one in fitted), 2),
            "seconds_a_recording": None if seconds is None else round(seconds, 5),
            "seeds": [
                {
                    "seed": number,
                    "epochs": len(one.curve),
                    "best_epoch": one.best_epoch,
                    "seconds": one.curve[-1]["seconds"],
                    "train_loss": one.curve[-1]["train_loss"],
                    "valid_loss": one.curve[one.best_epoch - 1]["valid_loss"],
                    "valid_score": one.curve[one.best_epoch - 1]["valid_score"],
                }
                for number, one in enumerate(fitted, 1)
            ],
        },
    )

"""Train variants of a network on the same folds and compare them: for transfer and ablation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.classification.bootstrap import Resamples, percentile_interval, resample
from soundmill.classification.metrics import METRICS, measure
from soundmill.classification.network_data import Material, Store, chunk_frames
from soundmill.classification.network_files import Pair
from soundmill.classification.network_fitting import fit_network
from soundmill.classification.network_model import TrainedNetwork, decide
from soundmill.classification.network_options import ClassifierOptions
from soundmill.classification.network_training import (
    copies_of,
    gather_material,
    input_files,
)
from soundmill.classification.task import Task, read_task
from soundmill.errors import InputError
from soundmill.features.spectra_options import SpectraOptions
from soundmill.features.spectra_store import SpectraStore
from soundmill.files import atomic_path
from soundmill.log import logger
from soundmill.seeds import derive
from soundmill.training import open_state

RESAMPLES = 1000


@dataclass(frozen=True)
class Bench:
    """What all variants have in common.

    Attributes
    ----------
    folds : names of the folds; their test parts are pooled.
    seeds : trainings of each variant and fold; variants share their seeds.
    state : folder that keeps finished trials for a run after an interruption.
    """

    task: Task
    folds: Sequence[str]
    store: Store
    copies: Mapping[str, Store]
    spectra: SpectraOptions
    seeds: int
    seed: int
    state: Path

    @property
    def rows(self) -> npt.NDArray[np.intp]:
        """Row numbers of the tested examples, fold after fold."""
        return np.concatenate([self.tested(fold) for fold in self.folds])

    def tested(self, fold: str) -> npt.NDArray[np.intp]:
        """Row numbers of the examples of a fold's test part that have a spectrum."""
        rows = self.task.rows(fold, "test")
        return rows[[self.task.ids[row] in self.store for row in rows]]

    @property
    def metric(self) -> str:
        """What variants are compared by."""
        return METRICS[self.task.kind][0]

    def resamples(self) -> Resamples:
        """Draw the recordings (or groups) that all intervals share."""
        seed = derive(self.seed, "bootstrap")
        return resample(self.task.ids, self.task.groups, self.rows, RESAMPLES, seed)


def open_bench(
    task_folder: Path,
    folds: Sequence[str],
    spectra: Sequence[Pair],
    augmented: Mapping[str, Sequence[Pair]],
    options: ClassifierOptions,
    spectra_options: SpectraOptions,
    *,
    seeds: int,
    seed: int,
    state: Path,
    code: str = "",
    start: Path | None = None,
    plan: Any = None,
) -> Bench:
    """Return what all variants have in common, and discard the trials of another study.

    Parameters
    ----------
    folds : names; empty for all honest ones.
    plan : what else decides the trials, as plain JSON values.
    The others are as in `soundmill.classification.network_training.train_network`.
    """
    task = read_task(task_folder)
    wanted = copies_of(options, augmented)
    files = input_files(task_folder, spectra, wanted, start)
    plain = options.model_dump(mode="json")
    open_state(state, files, list(folds), plain, seeds, seed, code, plan)
    copies = {name: SpectraStore(pairs) for name, pairs in wanted.items()}
    chosen = list(folds) or task.honest_folds
    store = SpectraStore(spectra)
    return Bench(task, chosen, store, copies, spectra_options, seeds, seed, state)


@dataclass(frozen=True)
class Result:
    """The metric of one variant: of each training, and under each resample, mean over trainings."""

    by_seed: list[float]
    draws: npt.NDArray[np.float64]

    @property
    def value(self) -> float:
        """Mean over the trainings."""
        return float(np.mean(self.by_seed))

    def entry(self) -> dict[str, Any]:
        """Return value, 95 % interval and the trainings' values, for JSON."""
        return {
            "value": _number(self.value),
            "interval": percentile_interval(self.draws),
            "by_seed": [_number(value) for value in self.by_seed],
        }

    def against(self, other: "Result") -> dict[str, Any]:
        """Return the paired difference to another variant and its 95 % interval."""
        return {
            "difference": _number(self.value - other.value),
            "difference_interval": percentile_interval(self.draws - other.draws),
        }


def run_trial(
    bench: Bench,
    name: str,
    options: ClassifierOptions,
    resamples: Resamples,
    lent: TrainedNetwork | None = None,
    clips: int | None = None,
) -> Result:
    """Train one variant on every fold and seed, and measure it.

    Parameters
    ----------
    name : of the variant, unique; finished trials are kept under it.
    lent : network of another task to start from.
    clips : labelled recordings of each class to learn from, drawn by the seed and alike for all
        variants; then there is no validation part, which would be labelled too. None: all.

    Raises
    ------
    InputError
        when a fold has no test part.
    """
    if not len(bench.rows):
        raise InputError(f"folds {', '.join(bench.folds)} have no test part to compare variants on")
    by_seed = [
        _values(bench, f"{name}-{number}", number, options, lent, clips)
        for number in range(1, bench.seeds + 1)
    ]
    truth = bench.task.targets[bench.rows]
    ones = np.ones((len(truth), 1))
    points = [_measure(bench, truth, values, ones)[0] for values in by_seed]
    draws = [_draws(bench, resamples, truth, values) for values in by_seed]
    result = Result([float(point) for point in points], np.mean(draws, axis=0))
    logger.info("%s: %s %.3f", name, bench.metric, result.value)
    return result


def _values(
    bench: Bench,
    name: str,
    number: int,
    options: ClassifierOptions,
    lent: TrainedNetwork | None,
    clips: int | None,
) -> npt.NDArray[np.float64]:
    """Decisions (n, c) on all test parts by one training a fold."""
    path = bench.state / f"{name}.npy"
    if path.exists():
        return np.asarray(np.load(path))
    found = []
    for fold in bench.folds:
        copies = {key: bench.copies[key] for key in options.augmentations}
        material = gather_material(bench.task, fold, bench.store, copies, bench.spectra)
        if clips is not None:
            chosen = draw_clips(material, clips, derive(bench.seed, "clips", fold, str(number)))
            material = _subset(material, chosen)
        seed = derive(bench.seed, fold, f"seed-{number}")
        network = fit_network(material, options, seed, lent, number).network
        spectra = [bench.store[bench.task.ids[row]] for row in bench.tested(fold)]
        frames = chunk_frames(options, material.frame_rate)
        found += [decision.recording for decision in decide(network, spectra, frames)]
    values = np.stack(found)
    with atomic_path(path) as temporary:
        np.save(temporary, values)
    return values


def draw_clips(material: Material, clips: int, seed: int) -> npt.NDArray[np.intp]:
    """Return rows of the training part, ``clips`` of each class; regression: of each value.

    Larger draws with the same seed contain the smaller. Multi-label: tags are served in turn, the
    rarest first, until each has ``clips`` or no more recordings.
    """
    order = np.random.default_rng(seed).permutation(len(material.train))
    if material.kind == "regression":
        return np.sort(order[: clips * material.outputs])
    present = material.train_targets[order] > 0
    chosen = np.zeros(len(order), bool)
    for tag in np.argsort(present.sum(axis=0), kind="stable"):
        missing = clips - int((present[:, tag] & chosen).sum())
        more = np.flatnonzero(present[:, tag] & ~chosen)[: max(missing, 0)]
        chosen[more] = True
    return np.sort(order[chosen])


def _subset(material: Material, rows: npt.NDArray[np.intp]) -> Material:
    return replace(
        material,
        train=[material.train[row] for row in rows],
        train_targets=material.train_targets[rows],
        valid=[],
        valid_targets=material.valid_targets[:0],
    )


def _draws(
    bench: Bench, resamples: Resamples, truth: npt.NDArray[Any], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    def score(weights: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
        return {"metric": _measure(bench, truth, values, weights)}

    return resamples.draws(bench.rows, score)["metric"]


def _measure(
    bench: Bench,
    truth: npt.NDArray[Any],
    values: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    names = [bench.metric]
    return measure(bench.task.kind, truth, values, weights, names=names)[bench.metric]


def _number(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None

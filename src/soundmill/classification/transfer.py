"""What another task's network is worth: accuracy over the number of labelled recordings."""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from soundmill.classification.network_files import Pair
from soundmill.classification.network_model import TrainedNetwork, load_network
from soundmill.classification.network_options import ClassifierOptions, StartOptions
from soundmill.classification.network_training import gather_material
from soundmill.classification.network_trials import Bench, draw_clips, open_bench, run_trial
from soundmill.errors import InputError
from soundmill.features.spectra_options import SpectraOptions
from soundmill.files import write_json

METHODS = ("scratch", "frozen", "fine_tuned")
FEW_STEPS = 2
"""Batches an epoch has at least: small subsets are cropped more often, for all methods alike."""


def learning_curve(
    bench: Bench,
    options: ClassifierOptions,
    lent: TrainedNetwork,
    output: Path,
    *,
    clips: Sequence[int],
    freeze: int,
    rate_factor: float,
    epochs: int | None = None,
) -> dict[str, Any]:
    """Compare three ways to train on few recordings, and write ``transfer.json``.

    ``scratch``: random first weights. ``frozen``: the other task's blocks, the first ``freeze`` of
    which do not change; the rest and the head learn at the full rate. ``fine_tuned``: the other
    task's blocks, which learn at ``rate_factor`` of the head's rate. All learn from the same
    recordings with the same seeds.

    Parameters
    ----------
    clips : recordings of each class; those beyond what the folds have are left out, and all of
        them (null in the JSON) come last.
    epochs : passes over them; default the options'.

    Returns
    -------
    What was written: metric, folds, seeds, and a row for each number of clips and method with
    value, 95 % interval, values by seed and the paired difference to scratch.

    Raises
    ------
    InputError
        when the other network has another shape or hears other spectra.
    """
    resamples = bench.resamples()
    start = StartOptions(task="other", learner="other", rate_factor=rate_factor)
    starts = {
        "scratch": None,
        "frozen": start.model_copy(update={"freeze": freeze, "rate_factor": 1.0}),
        "fine_tuned": start,
    }
    if freeze > options.depth:
        raise InputError(f"freeze {freeze} exceeds the {options.depth} blocks of the network")
    rows = []
    for count in [*_possible(bench, clips), None]:
        examples = _examples(bench, count)
        change = {"crops": max(options.crops, math.ceil(FEW_STEPS * options.batch / examples))}
        if epochs is not None:
            change["epochs"] = epochs
        scratch = None
        for method in METHODS:
            mine = options.model_copy(update={**change, "start_from": starts[method]})
            network = lent if starts[method] else None
            wanted = count if count is not None else len(bench.task)
            name = f"{method}-{'all' if count is None else count}"
            result = run_trial(bench, name, mine, resamples, network, wanted)
            scratch = scratch or result
            row = {"clips": count, "examples": examples, "method": method, **result.entry()}
            rows.append({**row, **result.against(scratch)})
    found = {
        "metric": bench.metric, "folds": list(bench.folds), "seeds": bench.seeds,
        "freeze": freeze, "rate_factor": rate_factor, "over": resamples.over, "rows": rows,
    }  # fmt: skip
    write_json(output, found)
    return found


def _possible(bench: Bench, clips: Sequence[int]) -> list[int]:
    """Return the numbers that leave some recordings out."""
    every = _examples(bench, None)
    return [count for count in clips if _examples(bench, count) < every]


def _examples(bench: Bench, clips: int | None) -> int:
    """Number of training recordings in the first fold."""
    fold = bench.folds[0]
    if clips is None:
        return len(bench.task.rows(fold, "train"))
    material = gather_material(bench.task, fold, bench.store, {}, bench.spectra)
    return len(draw_clips(material, clips, bench.seed))


def measure_transfer(
    task_folder: Path,
    folds: Sequence[str],
    spectra: Sequence[Pair],
    augmented: Mapping[str, Sequence[Pair]],
    options: ClassifierOptions,
    spectra_options: SpectraOptions,
    start: Path,
    output: Path,
    state: Path,
    *,
    clips: Sequence[int],
    freeze: int,
    rate_factor: float,
    seeds: int,
    seed: int,
    epochs: int | None = None,
    code: str = "",
    threads: int | None = None,
) -> None:
    """Write the `learning_curve` of a task; a killed run goes on after the last finished trial.

    Parameters
    ----------
    folds : names; empty for all honest ones.
    start : model folder of the other task's network.
    state : folder of finished trials, removed at the end.
    The others are as in `learning_curve` and `network_training.train_network`.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    plan = [list(clips), freeze, rate_factor, epochs]
    bench = open_bench(
        task_folder, folds, spectra, augmented, options, spectra_options,
        seeds=seeds, seed=seed, state=state, code=code, start=start, plan=plan,
    )  # fmt: skip
    learning_curve(
        bench, options, load_network(start), output,
        clips=clips, freeze=freeze, rate_factor=rate_factor, epochs=epochs,
    )  # fmt: skip
    shutil.rmtree(state)

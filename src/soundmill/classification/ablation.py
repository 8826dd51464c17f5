"""What each augmentation is worth: the same network with all, without each, and with none."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from soundmill.classification.network_files import Pair
from soundmill.classification.network_options import (
    ClassifierOptions,
    SpectralAugmentationOptions,
)
from soundmill.classification.network_trials import Bench, open_bench, run_trial
from soundmill.errors import InputError
from soundmill.features.spectra_options import SpectraOptions
from soundmill.files import write_json

CHANGES = (
    "speed", "tape", "warp", "shift", "time_shift", "gain", "tilt", "equaliser", "noise",
    "band_limit", "time_masks", "frequency_masks", "mixup",
)  # fmt: skip
"""Options of `SpectralAugmentationOptions` that switch a change off at 0."""


def variants(options: ClassifierOptions) -> Iterator[tuple[str, ClassifierOptions]]:
    """Give name and options of each variant: ``all``, ``without ...``, ``none``.

    Raises
    ------
    InputError
        when the network has no augmentation.
    """
    spectral = [name for name in CHANGES if getattr(options.spectral, name)]
    if not spectral and not options.augmentations:
        raise InputError("this network has no augmentation to leave out; switch some on")
    yield "all", options
    if len(spectral) + len(options.augmentations) > 1:
        for name in spectral:
            off = type(getattr(options.spectral, name))(0)
            less = options.spectral.model_copy(update={name: off})
            yield f"without {name}", options.model_copy(update={"spectral": less})
        for name in options.augmentations:
            others = tuple(other for other in options.augmentations if other != name)
            yield f"without {name}", options.model_copy(update={"augmentations": others})
    none = {"spectral": SpectralAugmentationOptions(), "augmentations": ()}
    yield "none", options.model_copy(update=none)


def ablate(
    bench: Bench, options: ClassifierOptions, output: Path, epochs: int | None = None
) -> dict[str, Any]:
    """Train all variants on the same folds and seeds, and write ``ablation.json``.

    Parameters
    ----------
    epochs : passes; default the options'.

    Returns
    -------
    What was written: metric, folds, seeds, and a row for each variant with value, 95 % interval,
    values by seed and the paired difference to ``all``.
    """
    if epochs is not None:
        options = options.model_copy(update={"epochs": epochs})
    resamples = bench.resamples()
    rows = []
    complete = None
    for name, mine in variants(options):
        result = run_trial(bench, name.replace(" ", "-"), mine, resamples)
        complete = complete or result
        rows.append({"variant": name, **result.entry(), **result.against(complete)})
    found = {
        "metric": bench.metric, "folds": list(bench.folds), "seeds": bench.seeds,
        "over": resamples.over, "rows": rows,
    }  # fmt: skip
    write_json(output, found)
    return found


def measure_ablation(
    task_folder: Path,
    folds: Sequence[str],
    spectra: Sequence[Pair],
    augmented: Mapping[str, Sequence[Pair]],
    options: ClassifierOptions,
    spectra_options: SpectraOptions,
    output: Path,
    state: Path,
    *,
    seeds: int,
    seed: int,
    epochs: int | None = None,
    code: str = "",
    threads: int | None = None,
) -> None:
    """Write the ablation of a network; a killed run goes on after the last finished trial.

    Parameters
    ----------
    folds : names; empty for all honest ones.
    state : folder of finished trials, removed at the end.
    The others are as in `ablate` and `network_training.train_network`.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    bench = open_bench(
        task_folder, folds, spectra, augmented, options, spectra_options,
        seeds=seeds, seed=seed, state=state, code=code, plan=epochs,
    )  # fmt: skip
    ablate(bench, options, output, epochs)
    shutil.rmtree(state)

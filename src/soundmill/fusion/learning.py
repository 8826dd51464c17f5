"""Learn all fusions of one fold and let them decide its test pairs; learn the one for use."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soundmill.files import write_json
from soundmill.fusion.building import FUSIONS, Shapes, build_fusion
from soundmill.fusion.conditions import all_cases
from soundmill.fusion.encoded import median_milliseconds
from soundmill.fusion.examples import (
    Fold,
    blame,
    calibrate,
    draw_examples,
    in_memory,
)
from soundmill.fusion.fused import save_fused
from soundmill.fusion.fusion_fitting import AT_ONCE, Draw, Fitted, fit_fusion
from soundmill.fusion.fusion_network import (
    Array,
    Batch,
    Calibration,
    Fusion,
    count_parameters,
    gather,
)
from soundmill.fusion.options import FusionTaskOptions
from soundmill.fusion.outputs import Outputs, read_outputs
from soundmill.fusion.pairing import Pairs, apply_case, draw_pairs
from soundmill.fusion.predictions import (
    ALONE,
    Entry,
    Predictions,
    alone_name,
    write_predictions,
)
from soundmill.log import logger
from soundmill.seeds import derive
from soundmill.status import write_table
from soundmill.training import open_state

CURVE_COLUMNS = (
    "fusion", "seed", "epoch", "step", "seconds", "train_loss", "valid_loss", "learning_rate",
)  # fmt: skip
PASS = 4000
"""Pairs of a pass over the training parts, about: each recording has two pairings at least, and no
more than the options say."""
HELD_OUT_TIMES = 2
"""Pairings of each valid recording in what epochs are chosen by."""
WITHOUT_CHANCE = ("mean", "product")
"""Kinds that learn nothing but temperatures: one training says all."""


@dataclass(frozen=True)
class _Trained:
    """One training of a fusion."""

    name: str
    kind: str
    seed: int
    fitted: Fitted


class _Alone(Fusion):
    """One modality without the others."""

    def __init__(self, calibration: Calibration, number: int) -> None:
        super().__init__()
        self._calibration, self._number = calibration, number

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c), NaN where missing, and no weights."""
        found = self._calibration.log_probabilities(batch)[:, self._number]
        there = batch.present[:, self._number, None]
        nothing = torch.full_like(batch.present, float("nan"), dtype=torch.float32)
        return torch.where(there, found, torch.nan), nothing


def learn_fusions(
    outputs: Mapping[str, Path],
    predictions: Path,
    training: Path,
    curves: Path,
    state: Path,
    options: FusionTaskOptions,
    seed: int,
    code: str = "",
    threads: int | None = None,
) -> None:
    """Learn all fusions of one fold and write what they decide on its test pairs in all cases.

    Calibration, weighted, stacked and gate learn from the valid parts, which no encoder learned
    from; the others from the training parts, and stop by the valid ones. Interrupted and called
    again with the same arguments it goes on from the last epoch and ends with the same bytes, but
    for times measured.

    Parameters
    ----------
    outputs : folder of each modality (`soundmill.fusion.outputs`), the first one first.
    predictions : folder to write (`soundmill.fusion.predictions`).
    training : figures of the training, JSON. curves : losses by epoch, CSV.
    state : folder for the training state; removed when training succeeds.
    code : fingerprint of the code; a state made by other code is discarded.
    threads : CPU threads; None leaves torch's choice.

    Raises
    ------
    InputError
        when modalities have different classes, or a part is empty or has no pairs.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    fold = _read(outputs)
    calibration = calibrate([fold])
    test = draw_pairs(fold, "test", options.pairs.test, derive(seed, "test"))
    _open(state, [outputs], options, seed, code)

    trained: list[_Trained] = []
    for name, fusion in options.fusions.items():
        seeds = 1 if fusion.kind in WITHOUT_CHANCE else options.seeds
        for number in range(1, seeds + 1):
            trained.append(_train(name, number, [fold], calibration, options, seed, state))
    found = _decide(fold, test, calibration, trained)
    write_predictions(predictions, found)
    rows = [
        {**row, "fusion": one.name, "seed": one.seed} for one in trained for row in one.fitted.curve
    ]
    write_table(curves, rows, CURVE_COLUMNS)
    write_json(training, _figures([fold], calibration, trained, len(test), found.entries))
    shutil.rmtree(state)


def learn_final(
    outputs: Sequence[Mapping[str, Path]],
    folder: Path,
    training: Path,
    state: Path,
    options: FusionTaskOptions,
    seed: int,
    code: str = "",
    threads: int | None = None,
) -> None:
    """Learn the fusion for use from the valid parts of all folds together and write its folder.

    Parameters
    ----------
    outputs : of each fold the folder of each modality, the first one first.
    folder : to write, see `soundmill.fusion.fused`.
    training : figures of the training, JSON.

    Others as `learn_fusions`.

    Raises
    ------
    InputError
        as `learn_fusions`.
    """
    chosen = options.fusions[options.use]
    if threads is not None:
        torch.set_num_threads(threads)
    folds = [_read(each) for each in outputs]
    calibration = calibrate(folds)
    _open(state, outputs, options, seed, code)
    one = _train(options.use, 1, folds, calibration, options, seed, state)
    shapes = Shapes.of(folds[0])
    modalities = [part.modality for part in folds[0]]
    save_fused(folder, one.fitted.fusion, chosen, shapes, modalities, folds[0][0].classes)
    write_json(training, _figures(folds, calibration, [one], 0, []))
    shutil.rmtree(state)


def _read(outputs: Mapping[str, Path]) -> list[Outputs]:
    found = [in_memory(read_outputs(folder)) for folder in outputs.values()]
    for name, one in zip(outputs, found, strict=True):
        if one.modality != name:
            raise ValueError(f"{outputs[name]} holds {one.modality!r}, not {name!r}")
    return found


def _open(
    state: Path,
    outputs: Sequence[Mapping[str, Path]],
    options: FusionTaskOptions,
    seed: int,
    code: str,
) -> None:
    folders = dict.fromkeys(Path(folder) for each in outputs for folder in each.values())
    files = [path for folder in folders for path in sorted(folder.iterdir())]
    decisive = options.model_dump(
        mode="json", include={"fusions", "use", "seeds", "cases", "pairs", "seed"}
    )
    open_state(state, files, decisive, seed, code, torch.get_num_threads())


def _train(
    name: str,
    number: int,
    folds: Sequence[Fold],
    calibration: Calibration,
    options: FusionTaskOptions,
    seed: int,
    state: Path,
) -> _Trained:
    own, chosen = derive(seed, name, f"seed-{number}"), options.fusions[name]
    kind, liars = FUSIONS[chosen.kind], blame(folds)
    torch.manual_seed(derive(own, "weights"))
    fusion = build_fusion(chosen, Shapes.of(folds[0]), calibration)
    if kind.learning == "calibration" and chosen.kind in WITHOUT_CHANCE:
        return _Trained(name, chosen.kind, number, Fitted(fusion.eval(), [], 0))
    part, times = "valid", options.pairs.learning
    if kind.learning == "train":
        part = "train"
        count = sum(len(fold[0].rows(part)) for fold in folds)
        times = min(options.pairs.learning, max(2, PASS // count))
    draw = _drawing(folds, part, times, options, liars, kind.needs, own)
    held_out = None
    if kind.learning == "train":
        held_out = draw_examples(
            folds, "valid", HELD_OUT_TIMES, options.cases, liars, kind.needs,
            derive(seed, "held out"),
        )  # fmt: skip
    what = f"{name}-{number}"
    return _Trained(
        name, chosen.kind, number, fit_fusion(fusion, draw, held_out, chosen, own, what, state)
    )


def _drawing(
    folds: Sequence[Fold],
    part: str,
    times: int,
    options: FusionTaskOptions,
    liars: Sequence[float],
    needs: Sequence[Array],
    seed: int,
) -> Draw:
    return lambda name: draw_examples(
        folds, part, times, options.cases, liars, needs, derive(seed, "pass", name)
    )


@torch.no_grad()
def _decide(
    fold: Fold, pairs: Pairs, calibration: Calibration, trained: Sequence[_Trained]
) -> Predictions:
    """Return what each modality alone and each fusion says of pairs in all cases."""
    names, conditions = [one.modality for one in fold], [one.conditions for one in fold]
    fusions: list[Fusion] = [_Alone(calibration, i) for i in range(len(fold))]
    fusions += [one.fitted.fusion for one in trained]
    cases = all_cases({n: c[1:] for n, c in zip(names, conditions, strict=True)})
    needs: list[Array] = list(dict.fromkeys(need for fusion in fusions for need in fusion.needs))
    shape = (len(fusions), len(cases), len(pairs))
    probabilities = np.zeros((*shape, len(fold[0].classes)), np.float16)
    weights = np.zeros((*shape, len(fold)), np.float16)
    for k, case in enumerate(cases):
        draw = apply_case(pairs, case, conditions)
        for first in range(0, len(pairs), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            batch = gather(fold, draw.take(some), needs)
            for e, fusion in enumerate(fusions):
                logs, shares = fusion.eval()(batch)
                probabilities[e, k, some] = logs.exp().numpy()
                weights[e, k, some] = shares.numpy()
        if k % 10 == 9:
            logger.info("decided %d of %d cases", k + 1, len(cases))
    first_one = fold[0]
    return Predictions(
        classes=first_one.classes,
        modalities=names,
        cases=cases,
        temperatures=dict(zip(names, map(float, calibration.temperatures), strict=True)),
        entries=_entries(fold, pairs, needs, trained),
        targets=pairs.targets,
        groups=first_one.groups[pairs.rows[:, 0]],
        ids={n: fold[i].ids[pairs.rows[:, i]] for i, n in enumerate(names)},
        lying={n: fold[i].ids[pairs.lying[:, i]] for i, n in enumerate(names)},
        probabilities=probabilities,
        weights=weights,
    )


def _entries(
    fold: Fold, pairs: Pairs, needs: Sequence[Array], trained: Sequence[_Trained]
) -> list[Entry]:
    found = [
        Entry(
            alone_name(one.modality), ALONE, 1,
            int(one.facts["parameters"]), float(one.facts["milliseconds"]),
        )
        for one in fold
    ]  # fmt: skip
    clean = apply_case(pairs, ("clean",) * len(fold), [one.conditions for one in fold])
    batch = gather(fold, clean.take(slice(0, 1)), needs)
    times: dict[str, float] = {}
    for one in trained:
        fusion = one.fitted.fusion
        if one.name not in times:  # one training of a fusion is as fast as another
            times[one.name] = median_milliseconds(_call(fusion, batch))
        found.append(Entry(one.name, one.kind, one.seed, count_parameters(fusion), times[one.name]))
    return found


def _call(fusion: Fusion, batch: Batch) -> Any:
    return torch.no_grad()(lambda: fusion(batch))


def _figures(
    folds: Sequence[Fold],
    calibration: Calibration,
    trained: Sequence[_Trained],
    pairs: int,
    entries: Sequence[Entry],
) -> dict[str, Any]:
    names = [one.modality for one in folds[0]]
    spent = {(entry.name, entry.seed): entry.milliseconds for entry in entries}
    return {
        "samples": {
            name: {
                part: sum(len(fold[i].rows(part)) for fold in folds)
                for part in ("train", "valid", "test")
            }
            for i, name in enumerate(names)
        },
        "test_pairs": pairs,
        "temperatures": {
            name: round(float(t), 6)
            for name, t in zip(names, calibration.temperatures, strict=True)
        },
        "blame": {name: round(x, 6) for name, x in zip(names, blame(folds), strict=True)},
        "fusions": [
            {
                "name": one.name,
                "kind": one.kind,
                "seed": one.seed,
                "parameters": count_parameters(one.fitted.fusion),
                "milliseconds": spent.get((one.name, one.seed)),
                "epochs": len(one.fitted.curve),
                "best_epoch": one.fitted.best_epoch,
                "seconds": one.fitted.curve[-1]["seconds"] if one.fitted.curve else None,
                "train_loss": one.fitted.curve[-1]["train_loss"] if one.fitted.curve else None,
            }
            for one in trained
        ],
    }

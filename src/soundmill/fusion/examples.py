"""What fusions learn from: pairs of one part of one or more folds, drawn anew for each pass."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.errors import InputError
from soundmill.fusion.fusion_network import Array, Batch, Calibration, gather
from soundmill.fusion.late_calibration import class_shares, fit_calibration
from soundmill.fusion.options import TrainingCases
from soundmill.fusion.outputs import Outputs
from soundmill.fusion.pairing import Draw, check_modalities, draw_cases, draw_pairs
from soundmill.seeds import derive

Fold = Sequence[Outputs]
"""The outputs of all modalities in one fold."""


@dataclass(frozen=True)
class Examples:
    """Pairs of some folds, settled, ready to become batches."""

    folds: Sequence[Fold]
    draws: Sequence[Draw]
    needs: Sequence[Array]

    def __len__(self) -> int:
        return sum(len(draw) for draw in self.draws)

    def batch(self, rows: npt.NDArray[np.intp]) -> tuple[Batch, Tensor]:
        """Return some of the pairs, those of one fold after those of another, and their classes."""
        found, first = [], 0
        for fold, draw in zip(self.folds, self.draws, strict=True):
            own = rows[(rows >= first) & (rows < first + len(draw))] - first
            first += len(draw)
            if len(own):
                some = draw.take(own)
                found.append((gather(fold, some, self.needs), torch.from_numpy(some.targets)))
        if len(found) == 1:
            return found[0]
        return join([batch for batch, _ in found]), torch.cat([targets for _, targets in found])

    def whole(self) -> tuple[Batch, Tensor]:
        """Return all of the pairs, and their classes."""
        return self.batch(np.arange(len(self)))


def join(batches: Sequence[Batch]) -> Batch:
    """Return batches as one."""
    return Batch(
        present=torch.cat([one.present for one in batches]),
        logits=torch.cat([one.logits for one in batches]),
        embeddings=[torch.cat(x) for x in zip(*(one.embeddings for one in batches), strict=True)],
        tokens=[torch.cat(x) for x in zip(*(one.tokens for one in batches), strict=True)],
        pictures=None
        if batches[0].pictures is None
        else torch.cat([one.pictures for one in batches if one.pictures is not None]),
    )


def in_memory(outputs: Outputs) -> Outputs:
    """Return outputs whose small arrays are loaded; tokens and pictures stay mapped."""
    return replace(
        outputs,
        logits=np.array(outputs.logits, np.float32),
        embeddings=np.array(outputs.embeddings),
    )


def draw_examples(
    folds: Sequence[Fold],
    part: str,
    times: int,
    cases: TrainingCases,
    liars: Sequence[float],
    needs: Sequence[Array],
    seed: int,
) -> Examples:
    """Return pairs of a part of each fold, to which happens what `TrainingCases` says."""
    draws = []
    for number, fold in enumerate(folds):
        own = derive(seed, "fold", str(number))
        pairs = draw_pairs(fold, part, times, derive(own, "pairs"))
        damages = [len(one.conditions) - 1 for one in fold]
        draws.append(draw_cases(pairs, damages, cases, derive(own, "cases"), liars))
    return Examples(folds, draws, needs)


def calibrate(folds: Sequence[Fold]) -> Calibration:
    """Return the calibration of each modality on the valid parts of some folds.

    Raises
    ------
    InputError
        when a valid or training part is empty, or the classes of two modalities differ.
    """
    for fold in folds:
        check_modalities(fold)
        for one in fold:
            for part in ("train", "valid"):
                if not len(one.rows(part)):
                    raise InputError(
                        f"modality {one.modality!r} has an empty {part} part, from which fusions "
                        "learn; give its split a larger share of it"
                    )
    logits, targets, shares = [], [], []
    for number in range(len(folds[0])):
        each = [fold[number] for fold in folds]
        rows = [one.rows("valid") for one in each]
        logits.append(
            np.concatenate(
                [k[r] for one, r in zip(each, rows, strict=True) for k in np.asarray(one.logits)]
            )
        )
        targets.append(
            np.concatenate(
                [
                    np.tile(one.targets[r], len(one.conditions))
                    for one, r in zip(each, rows, strict=True)
                ]
            )
        )
        trained = np.concatenate([one.targets[one.rows("train")] for one in each])
        shares.append(class_shares(trained, len(each[0].classes)))
    return fit_calibration(logits, targets, np.stack(shares))


def blame(folds: Sequence[Fold]) -> list[float]:
    """Return for each modality how often it errs on clean samples of the valid parts (m,).

    Where two modalities are sure and contradict each other nothing in them tells which one lies.
    So the one lies in training that errs more often anyway: a prior on whom to blame. One error
    more is counted, so that no modality is beyond doubt.
    """
    found = []
    for number in range(len(folds[0])):
        wrong = seen = 0
        for fold in folds:
            one, rows = fold[number], fold[number].rows("valid")
            wrong += int((one.logits[0][rows].argmax(axis=1) != one.targets[rows]).sum())
            seen += len(rows)
        found.append((wrong + 1) / (seen + 1))
    return found

"""What both trainings of a soundscape model share: rates that rise and fall, batches by epoch."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

GRADIENT_CLIP = 5.0
"""Largest norm of the gradient."""
WARMUP = 0.05
"""Share of the steps over which the learning rate rises."""
WEIGHT_DECAY = 1e-4


class Epoch(Dataset[Any]):
    """The batches of one epoch, made one after another; those of the same epoch are the same.

    It has a length, by which lightning knows that the epoch at whose end a state was saved is over.
    """

    def __init__(self, make: Callable[[str, str], Any], epoch: int, steps: int) -> None:
        self._make, self._epoch, self._steps = make, epoch, steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Any:
        """Return the batch of a step, from 0."""
        return self._make(str(self._epoch), str(step))


def epoch_loader(make: Callable[[str, str], Any], epoch: int, steps: int) -> "DataLoader[Any]":
    """Return a loader of an epoch's batches, which ``make`` makes from names."""
    return DataLoader(Epoch(make, epoch, steps), batch_size=None)


def count_epochs(steps: int, epoch_steps: int) -> int:
    """Return the epochs that steps take; the last may be shorter.

    Trainings end by epochs: where they end by steps, and lightning validates nothing, it takes up
    a state saved at an epoch's end in the middle of that epoch.
    """
    return -(-steps // epoch_steps)


def optimiser(module: nn.Module, rate: float, steps: int) -> dict[str, Any]:
    """Return AdamW with a rate that warms up and then falls along a cosine, for lightning."""
    found = torch.optim.AdamW(module.parameters(), rate, weight_decay=WEIGHT_DECAY)

    def share(step: int) -> float:
        warm = min(1.0, (step + 1) / max(WARMUP * steps, 1))
        return warm * (0.5 + 0.5 * math.cos(math.pi * min(step / steps, 1)))

    schedule = torch.optim.lr_scheduler.LambdaLR(found, share)
    return {"optimizer": found, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

"""Batches by epoch, and a learning rate that rises and falls, as lightning asks for them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from soundmill.seeds import derive

WARMUP = 0.15
"""Share of the steps over which the learning rate rises."""
Rows = npt.NDArray[np.intp]


class Epoch(Dataset[Any]):
    """The batches of one epoch; what is in them is a function of seed and epoch.

    It has a length, by which lightning knows that the epoch at whose end a state was saved is over.

    Parameters
    ----------
    make : from the row numbers of a batch, and a seed of its own, to the batch.
    count : number of rows; each is in one batch.
    """

    def __init__(
        self, make: Callable[[Rows, int], Any], count: int, batch: int, seed: int, epoch: int
    ) -> None:
        self._make = make
        self._seed = derive(seed, "epoch", str(epoch))
        order = np.random.default_rng(self._seed).permutation(count)
        self._rows = np.array_split(order, steps_of(count, batch))

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._rows)

    def __getitem__(self, step: int) -> Any:
        """Return the batch of a step, from 0."""
        return self._make(self._rows[step], derive(self._seed, "step", str(step)))


def steps_of(count: int, batch: int) -> int:
    """Return the steps of an epoch; the sizes of its batches differ by one at most."""
    return max(math.ceil(count / batch), 1)


def epoch_loader(
    make: Callable[[Rows, int], Any], count: int, batch: int, seed: int, epoch: int
) -> "DataLoader[Any]":
    """Return a loader of an `Epoch`, in this process."""
    return DataLoader(Epoch(make, count, batch, seed, epoch), batch_size=None)


def adamw(module: nn.Module, rate: float, weight_decay: float, steps: int) -> dict[str, Any]:
    """Return AdamW with a rate that warms up and then falls along a cosine, for lightning.

    Weight matrices and kernels decay, biases and norms do not.
    """
    matrices = [p for p in module.parameters() if p.ndim > 1]
    others = [p for p in module.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    warm = max(WARMUP * steps, 1)

    def share(step: int) -> float:
        if step < warm:
            return (step + 1) / (warm + 1)
        return 0.5 + 0.5 * math.cos(math.pi * min((step - warm) / max(steps - warm, 1), 1))

    found = torch.optim.AdamW(groups, rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(found, share)
    return {"optimizer": found, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

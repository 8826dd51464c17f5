"""A network as lightning trains it: loss, optimiser, schedule, crops, running mean of weights."""

import copy
import math
from collections.abc import Iterator
from typing import Any

import lightning as L
import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from soundmill.classification.network_data import (
    Batch,
    Crops,
    Material,
    chunk_frames,
    cut_chunks,
)
from soundmill.classification.network_model import decide
from soundmill.classification.network_options import ClassifierOptions
from soundmill.classification.networks import Classifier
from soundmill.classification.spectral_augmentation import Changes
from soundmill.seeds import derive

WARMUP = 0.15
"""Share of the steps in which the learning rate rises."""
FIRST_RATE = 0.1
"""Share of the highest learning rate at the first step."""
MEASURED = 400
"""Recordings the normalisation is measured on at most, evenly drawn from the training part."""
MAX_TAG_WEIGHT = 20.0
"""Weight of the rarest tags' presence, where class weights are asked for."""


class NetworkLearner(L.LightningModule):
    """The network with its loss, optimiser and data, as lightning wants it.

    All randomness is a function of seed, epoch and step.

    Parameters
    ----------
    network : with its first weights; one that another task lends has its normalisation already.
    taken : whether the blocks were lent, and learn at a lower rate.
    """

    def __init__(
        self, network: Classifier, material: Material, seed: int, taken: bool = False
    ) -> None:
        super().__init__()
        self.network, self.material, self.seed, self.taken = network, material, seed, taken
        self.options: ClassifierOptions = network.options
        self.crops = Crops(material, self.options, seed)
        self.averaged = copy.deepcopy(network) if self.options.average > 0 else None
        self.losses: list[float] = []
        bands = material.frequencies
        self._changes = Changes(
            self.options.spectral, None if bands is None else torch.tensor(bands)
        )
        self._weights = torch.from_numpy(_class_weights(material, self.options.class_weights))

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.options.epochs * self.crops.batches

    def train_dataloader(self) -> "_Epoch":
        """Return the batches of the next epoch; asked for anew each epoch."""
        return _Epoch(self.crops, self.trainer.current_epoch)

    def transfer_batch_to_device(self, batch: Batch, device: Any, index: int) -> Batch:
        """Leave a batch where it is."""
        return batch

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the mean loss of a batch, changed at random."""
        # dropout draws from torch's generator: seeded here, its state need not be saved
        torch.manual_seed(derive(self.seed, "dropout", str(self.global_step)))
        generator = Generator().manual_seed(batch.seed)
        with torch.autocast("cpu", enabled=False), torch.no_grad():  # levels need 32 bits
            x, y = self._changes.to_sound(batch.x, batch.targets, generator, batch.pitch)
            shape = x.shape[:-2]
            x = self.network.front(x.reshape(-1, *x.shape[-2:])).unflatten(0, shape)
            x, y = self._changes.to_input(x, y, generator)
        embedded = self.network.embed(x.reshape(-1, *x.shape[-2:]))
        if self.network.attend is None:
            loss = self._loss(self.network.classify(embedded), y)
        else:
            embedded = embedded.unflatten(0, shape)
            of_chunks = self.network.classify(embedded).flatten(0, 1)
            alone = self._loss(of_chunks, y.repeat_interleave(shape[1], 0))
            loss = 0.5 * (alone + self._loss(self.network.gather(embedded), y))
        self.losses.append(float(loss.detach()))
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Follow the weights with their running mean."""
        if self.averaged is None:
            return
        decay = min(self.options.average, self.global_step / (self.global_step + 9))
        with torch.no_grad():
            own = self.network.state_dict()
            for name, value in self.averaged.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(own[name], 1 - decay)
                else:
                    value.copy_(own[name])

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross entropy (single), sum of binary cross entropies over tags / c, or mean square."""
        options, logits = self.options, logits.float()
        if self.network.task == "single":
            return F.cross_entropy(
                logits, targets, self._weights, label_smoothing=options.label_smoothing
            )
        if self.network.task == "multi":
            smooth = options.label_smoothing
            return F.binary_cross_entropy_with_logits(
                logits, targets * (1 - smooth) + smooth / 2, pos_weight=self._weights
            )
        standardised = (targets - self.network.target_mean) / self.network.target_scale
        return F.mse_loss(logits, standardised)

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW; the rate rises linearly, then falls along half a cosine to zero."""
        start = self.options.start_from
        factor = start.rate_factor if start and self.taken else 1.0
        inner = [*self.network.blocks.parameters(), *self.network.summary.parameters()]
        taken = {id(p) for p in inner}
        groups = []
        for lent in (True, False):
            mine = [
                p for p in self.network.parameters() if p.requires_grad and (id(p) in taken) == lent
            ]
            rate = self.options.learning_rate * (factor if lent else 1.0)
            decay = self.options.weight_decay
            matrices = [p for p in mine if p.ndim > 1]
            others = [p for p in mine if p.ndim <= 1]
            groups.append({"params": matrices, "lr": rate, "weight_decay": decay})
            groups.append({"params": others, "lr": rate, "weight_decay": 0.0})
        optimizer = torch.optim.AdamW([group for group in groups if group["params"]])
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _rate(self, step: int) -> float:
        """Share of the highest learning rate at a step."""
        warmup = max(WARMUP * self.total_steps, 1)
        if step < warmup:
            return FIRST_RATE + (1 - FIRST_RATE) * step / warmup
        progress = min((step - warmup) / max(self.total_steps - warmup, 1), 1.0)
        return 0.5 * (1 + math.cos(math.pi * progress))

    def validate_recordings(self) -> tuple[float, float] | None:
        """Return loss and score over the recordings of the validation part; None: it is empty."""
        material = self.material
        if not len(material.valid):
            return None
        network = self.averaged or self.network
        frames = chunk_frames(self.options, material.frame_rate)
        spectra = (material.store[name] for name in material.valid)
        values = np.stack([d.recording for d in decide(network, spectra, frames)])
        self.network.train()
        return judge(values, material.valid_targets, network)


class _Epoch:
    """The batches of one epoch, as lightning wants them."""

    def __init__(self, crops: Crops, epoch: int) -> None:
        self._crops, self._number = crops, epoch

    def __len__(self) -> int:
        return self._crops.batches

    def __iter__(self) -> Iterator[Batch]:
        return self._crops.epoch(self._number)


def judge(
    values: npt.NDArray[Any], targets: npt.NDArray[Any], network: Classifier
) -> tuple[float, float]:
    """Return loss and score of decisions (n, c): what training stops by, not what is reported.

    Loss: negative log-likelihood in nats (of a tag, where there are several), or the mean square
    of standardised values. Score: accuracy, share of right tags, or 1 minus that mean square.
    """
    if network.task == "regression":
        scale = network.target_scale.numpy()
        loss = float((((values - targets) / scale) ** 2).mean())
        return loss, 1 - loss
    values = values.clip(1e-7, 1)
    if network.task == "single":
        loss = float(-np.log(values[targets > 0]).mean())
        return loss, float((values.argmax(1) == targets.argmax(1)).mean())
    values = values.clip(1e-7, 1 - 1e-7)
    loss = -float((targets * np.log(values) + (1 - targets) * np.log(1 - values)).mean())
    return loss, float(((values >= 0.5) == (targets >= 0.5)).mean())


def _class_weights(material: Material, wanted: bool) -> npt.NDArray[np.float32]:
    """Weight of each class; multi-label: of each tag's presence."""
    count = material.train_targets.sum(axis=0)
    if not wanted or material.kind == "regression":
        return np.ones(material.outputs, np.float32)
    if material.kind == "multi":
        ratio = (len(material.train_targets) - count) / np.maximum(count, 1)
        return ratio.clip(1 / MAX_TAG_WEIGHT, MAX_TAG_WEIGHT).astype(np.float32)
    present = max(int((count > 0).sum()), 1)
    weights = len(material.train_targets) / (present * np.maximum(count, 1))
    return weights.astype(np.float32)


def measure_normalisation(network: Classifier, material: Material) -> None:
    """Set the mean and deviation of the spectra, and of regressed targets, by the training part."""
    if network.task == "regression":
        targets = torch.from_numpy(material.train_targets)
        network.target_mean.copy_(targets.mean(0))
        network.target_scale.copy_(targets.std(0, correction=0).clamp(min=1e-6))
    if network.options.normalise in ("chunk", "peak"):
        return
    frames = chunk_frames(network.options, material.frame_rate)
    step = max(math.ceil(len(material.train) / MEASURED), 1)
    total = torch.zeros(2, network.bands, dtype=torch.float64)
    count = 0
    for name in material.train[::step]:
        chunks, _ = cut_chunks(material.store[name], frames, network.options)
        levels = network.front.levels(torch.from_numpy(chunks)).double().flatten(0, 1)
        total += torch.stack([levels.sum(0), levels.square().sum(0)])
        count += len(levels)
    mean, square = total / count
    if network.options.normalise == "global":
        mean, square = mean.mean().expand_as(mean), square.mean().expand_as(square)
    network.front.mean.copy_(mean)
    network.front.scale.copy_((square - mean.square()).clamp(min=0).sqrt().clamp(min=1e-3))


def trainable(network: nn.Module) -> int:
    """Return the number of numbers that training changes."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)

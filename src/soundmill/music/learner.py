"""The network as lightning trains it: loss, optimiser, schedule, batches."""

import math
from collections.abc import Iterator
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from soundmill.music.data import TrainingWindows, all_windows
from soundmill.music.likelihood import score_windows
from soundmill.music.model import MusicTransformer
from soundmill.music.network_options import NetworkOptions, TrainingOptions
from soundmill.music.shards import ShardReader
from soundmill.music.vocabulary import PAD
from soundmill.seeds import derive
from soundmill.shares import Share

FINAL_RATE = 0.1
"""Share of the highest learning rate that is left at the last step."""


class Learner(L.LightningModule):
    """The network with its loss, optimiser and data, as lightning wants it.

    One epoch of lightning is one validation interval, so that a state is always saved at the end
    of an epoch. All randomness is a function of seed and step. Of each batch it takes its share.
    """

    def __init__(
        self,
        network: NetworkOptions,
        training: TrainingOptions,
        seed: int,
        windows: TrainingWindows,
        valid: ShardReader,
    ) -> None:
        super().__init__()
        torch.manual_seed(derive(seed, "weights"))
        self.model = MusicTransformer(network, training.dropout)
        self.options, self.seed, self.windows, self.valid = training, seed, windows, valid
        self.share = Share.present()
        self.totals = torch.zeros(4, dtype=torch.float64)

    def train_dataloader(self) -> "_Interval":
        """Return the batches up to the next validation; asked for anew each epoch."""
        start = self.trainer.global_step
        stop = min(start + self.options.validation_interval, self.options.max_steps)
        return _Interval(self.windows, start, stop, self.share)

    def training_step(self, tokens: Tensor, index: int) -> Tensor:
        """Mean NLL of the next events (nats); ``tokens`` (B, context + 1)."""
        # dropout draws from torch's generator: seeded here, its state need not be saved
        torch.manual_seed(derive(self.seed, "dropout", str(self.global_step), "0"))
        with self.share.draws(self.options.batch):
            logits = self.model(tokens[:, :-1])
        targets = tokens[:, 1:].flatten()
        nll = F.cross_entropy(logits.flatten(0, 1), targets, ignore_index=PAD, reduction="sum")
        return nll / self.share.portion((targets != PAD).sum())

    def val_dataloader(self) -> "DataLoader[Tensor]":
        """Return the validation windows, each batch divided among the processes."""
        batches = all_windows(self.valid, self.context, self.options.batch)
        mine = [batch.tokens[self.share.items] for batch in batches]
        return DataLoader(mine, batch_size=None)  # type: ignore[arg-type]

    def validation_step(self, tokens: Tensor, index: int) -> None:
        """Add the scores of some windows."""
        scores = score_windows(self.model, tokens)
        self.totals += torch.from_numpy(scores).sum(0)

    def on_validation_epoch_end(self) -> None:
        """Turn the sums of all devices into the figures that callbacks watch."""
        mps = self.device.type == "mps"  # which has no float64
        totals = self.totals.to(self.device, torch.float32 if mps else torch.float64)
        nll, right, events, _ = self.share.total(totals).tolist()
        self.log("validation_nll", torch.tensor(nll / events))
        self.log("validation_accuracy", torch.tensor(right / events))
        self.totals.zero_()

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW on a linear warm-up, then half a cosine down to a tenth of the rate."""
        matrices = [p for p in self.model.parameters() if p.ndim == 2]
        others = [p for p in self.model.parameters() if p.ndim != 2]
        groups = [
            {"params": matrices, "weight_decay": self.options.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.options.learning_rate, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _rate(self, step: int) -> float:
        """Share of the highest learning rate at a step."""
        warmup, last = self.options.warmup_steps, self.options.max_steps
        if step < warmup:
            return (step + 1) / warmup
        progress = min((step - warmup) / max(last - warmup, 1), 1.0)
        return FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * progress))

    @property
    def context(self) -> int:
        """Events the network sees at once."""
        return self.model.options.context


class _Interval:
    """Training batches from step ``start`` to ``stop``; a process takes its share of each."""

    def __init__(self, windows: TrainingWindows, start: int, stop: int, share: Share) -> None:
        self._windows, self._steps, self._share = windows, range(start, stop), share

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[Tensor]:
        return (self._windows[step][self._share.items] for step in self._steps)

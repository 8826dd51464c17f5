"""Train one fusion: reproducible, and resumed after any interruption."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from soundmill.files import atomic_path
from soundmill.fusion.encoder_learning import adamw, epoch_loader, steps_of
from soundmill.fusion.examples import Examples
from soundmill.fusion.fusion_network import Batch, Fusion
from soundmill.fusion.gate import Gate
from soundmill.fusion.intermediate import CrossAttention, OfEmbeddings
from soundmill.fusion.late import Stacked, Weighted
from soundmill.fusion.options import FusionOptions
from soundmill.seeds import derive
from soundmill.training import Keeper, fit

GRADIENT_CLIP = 5.0
"""Largest norm of the gradient."""
WEIGHT_DECAY = 0.01
"""AdamW's decay of the weight matrices."""
PULL = 1e-3
"""How strongly the gate's scores are drawn to those of a plain product."""
AT_ONCE = 1000
"""Pairs that pass a fusion together where nothing is learned."""
MEASURED = 4000
"""Pairs, at most, from which fusions take mean and spread of their inputs."""

Draw = Callable[[str], Examples]
"""Draws the pairs of one pass, by its name."""


@dataclass(frozen=True)
class Fitted:
    """A trained fusion, its learning curve (one row an epoch) and the epoch taken from it."""

    fusion: Fusion
    curve: list[dict[str, Any]]
    best_epoch: int


def fit_fusion(
    fusion: Fusion,
    draw: Draw,
    held_out: Examples | None,
    options: FusionOptions,
    seed: int,
    what: str,
    state: Path | None = None,
) -> Fitted:
    """Train a fusion.

    Parameters
    ----------
    draw : pairs of a pass of learning; the same name, the same pairs.
    held_out : pairs by whose loss the best epoch is taken; None: the last is.
    what : name of the training, for the log and its files.
    state : folder to save the state in after each epoch; None saves none.
    """
    done = state / f"{what}.pt" if state else None
    if done and done.exists():
        saved = torch.load(done, weights_only=True)
        fusion.load_state_dict(saved["weights"])
        return Fitted(fusion.eval(), saved["curve"], saved["best_epoch"])
    if isinstance(fusion, Weighted | Stacked):
        batch, targets = draw("fit").whole()
        fusion.fit(batch, targets)
        curve: list[dict[str, Any]] = []
        best = 0
    else:
        first = draw("0")
        if isinstance(fusion, Gate | OfEmbeddings | CrossAttention):
            some = np.random.default_rng(derive(seed, "measured")).permutation(len(first))
            fusion.measure(first.batch(np.sort(some[:MEASURED]))[0])
        keeper = FusionKeeper(state / f"{what}.ckpt" if state else None, what=what)
        learner = FusionLearner(fusion, draw, len(first), held_out, options, seed)
        learner.train()
        fit(learner, keeper, max_epochs=options.epochs, gradient_clip_val=GRADIENT_CLIP)
        fusion.load_state_dict(keeper.weights(learner))
        curve, best = keeper.curve, keeper.best_epoch
    if done:
        with atomic_path(done) as temporary:
            saved = {"weights": fusion.state_dict(), "curve": curve, "best_epoch": best}
            torch.save(saved, temporary)
    return Fitted(fusion.eval(), curve, best)


class FusionLearner(L.LightningModule):
    """Learns one fusion from pairs that are drawn anew each epoch."""

    def __init__(
        self,
        fusion: Fusion,
        draw: Draw,
        count: int,
        held_out: Examples | None,
        options: FusionOptions,
        seed: int,
    ) -> None:
        super().__init__()
        self.fusion = fusion
        self.losses: list[float] = []
        self._draw, self._count, self._held_out = draw, count, held_out
        self._options, self._seed = options, seed

    def training_step(self, batch: tuple[Batch, Tensor], index: int) -> Tensor:
        """Return the mean loss of a batch."""
        # dropout draws from torch's generator: seeded here, its state need not be saved
        torch.manual_seed(derive(self._seed, "step", str(self.global_step)))
        examples, targets = batch
        if isinstance(self.fusion, Gate):
            loss = self.fusion.loss(examples, targets, PULL)
        else:
            loss = functional.nll_loss(self.fusion(examples)[0], targets)
        self.losses.append(float(loss.detach()))
        return loss

    def train_dataloader(self) -> Any:
        """Return the batches of this epoch."""
        epoch = self.current_epoch
        examples = self._draw(str(epoch))

        def make(rows: Any, _: int) -> tuple[Batch, Tensor]:
            return examples.batch(rows)

        return epoch_loader(make, len(examples), self._options.batch, self._seed, epoch)

    def configure_optimizers(self) -> Any:
        """Return AdamW with a rate that warms up and falls."""
        steps = self._options.epochs * steps_of(self._count, self._options.batch)
        return adamw(self.fusion, self._options.learning_rate, WEIGHT_DECAY, steps)

    @torch.no_grad()
    def validate(self) -> float | None:
        """Return the mean loss over the held-out pairs; None without any."""
        if self._held_out is None:
            return None
        self.fusion.eval()
        count, total = len(self._held_out), 0.0
        for first in range(0, count, AT_ONCE):
            batch, targets = self._held_out.batch(np.arange(first, min(first + AT_ONCE, count)))
            total += float(functional.nll_loss(self.fusion(batch)[0], targets, reduction="sum"))
        self.fusion.train()
        return total / count


class FusionKeeper(Keeper):
    """Keeps the weights with the least loss on held-out pairs, or the last."""

    def measure(self, trainer: L.Trainer, module: Any) -> tuple[dict[str, Any], float | None]:
        """Return the row of this epoch, and the loss over the held-out pairs."""
        valid = module.validate()
        row = {
            "epoch": len(self.curve) + 1,
            "train_loss": round(float(np.mean(module.losses)), 6),
            "valid_loss": None if valid is None else round(valid, 6),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
        }
        module.losses.clear()
        return row, valid

    def say(self, row: Mapping[str, Any]) -> str:
        """Return the losses."""
        valid = "" if row["valid_loss"] is None else f", valid {row['valid_loss']:.3f}"
        return f"train loss {row['train_loss']:.3f}{valid}"

    def kept(self, module: Any) -> Fusion:
        """Return the fusion."""
        fusion: Fusion = module.fusion
        return fusion

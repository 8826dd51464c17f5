"""Fit one network: from its first weights to its best, in epochs that survive an interruption."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import nn

from soundmill.classification.network_data import Material
from soundmill.classification.network_learner import NetworkLearner, measure_normalisation
from soundmill.classification.network_model import TrainedNetwork
from soundmill.classification.network_options import ClassifierOptions
from soundmill.classification.networks import Classifier, take_blocks
from soundmill.files import atomic_path
from soundmill.seeds import derive
from soundmill.training import Keeper, fit

GRADIENT_CLIP = 5.0
"""Largest norm of the gradient."""


@dataclass
class Fitted:
    """A trained network (its best weights), its learning curve, and when it was best."""

    network: Classifier
    curve: list[dict[str, Any]]
    best_epoch: int


def fit_network(
    material: Material,
    options: ClassifierOptions,
    seed: int,
    lent: TrainedNetwork | None = None,
    number: int = 1,
    state: Path | None = None,
) -> Fitted:
    """Train one network.

    Parameters
    ----------
    seed : decides first weights, crops and changes.
    lent : networks of another task to start from; training ``number`` takes one of them.
    number : of the training, from 1.
    state : folder to save the state in after each epoch; None saves none.
    """
    torch.manual_seed(derive(seed, "weights"))
    network = Classifier(options, material.bands, material.outputs, material.kind)
    measure_normalisation(network, material)
    if lent is not None:
        take_blocks(network, lent.networks[(number - 1) % len(lent.networks)])
        network.freeze(options.start_from.freeze if options.start_from else 0)
    done = state / f"seed-{number}.pt" if state else None
    if done and done.exists():
        saved = torch.load(done, weights_only=True)
        network.load_state_dict(saved["weights"])
        return Fitted(network.eval(), saved["curve"], saved["best_epoch"])
    keeper = RecordingKeeper(state / f"seed-{number}.ckpt" if state else None, options, number)
    learner = NetworkLearner(network, material, seed, taken=lent is not None)
    learner.train()
    fit(
        learner, keeper, precision=options.precision, max_epochs=options.epochs,
        gradient_clip_val=GRADIENT_CLIP,
    )  # fmt: skip
    weights = keeper.weights(learner)
    network.load_state_dict(weights)
    if done:
        with atomic_path(done) as temporary:
            saved = {"weights": weights, "curve": keeper.curve, "best_epoch": keeper.best_epoch}
            torch.save(saved, temporary)
    return Fitted(network.eval(), keeper.curve, keeper.best_epoch)


class RecordingKeeper(Keeper):
    """Validates on whole recordings after each epoch."""

    def __init__(self, path: Path | None, options: ClassifierOptions, number: int) -> None:
        super().__init__(path, options.patience, f"seed {number}")
        self._number = number

    def kept(self, module: Any) -> nn.Module:
        """Return the network that decides."""
        network: nn.Module = module.averaged or module.network
        return network

    def measure(self, trainer: L.Trainer, module: Any) -> tuple[dict[str, Any], float | None]:
        """Return the row of this epoch, and the loss over the validation part."""
        loss, score = module.validate_recordings() or (None, None)
        row = {
            "seed": self._number, "epoch": len(self.curve) + 1,
            "train_loss": round(float(np.mean(module.losses)), 6),
            "valid_loss": None if loss is None else round(loss, 6),
            "valid_score": None if score is None else round(score, 6),
            "learning_rate": trainer.optimizers[0].param_groups[-1]["lr"],
        }  # fmt: skip
        module.losses.clear()
        return row, loss

    def say(self, row: Mapping[str, Any]) -> str:
        """Return losses and score."""
        valid = row["valid_loss"]
        held_out = "" if valid is None else f", valid {valid:.3f}, score {row['valid_score']:.3f}"
        return f"train loss {row['train_loss']:.3f}{held_out}"

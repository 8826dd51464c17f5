"""Fit one network: from its first weights to its best, in epochs that survive an interruption."""

import logging
import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from soundmill.classification.network_data import Material
from soundmill.classification.network_learner import NetworkLearner, measure_normalisation
from soundmill.classification.network_model import TrainedNetwork
from soundmill.classification.network_options import ClassifierOptions
from soundmill.classification.networks import Classifier, copy_state, take_blocks
from soundmill.files import atomic_path
from soundmill.log import LOG_INTERVAL_SECONDS, logger
from soundmill.seeds import derive

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
    keeper = Keeper(state / f"seed-{number}.ckpt" if state else None, options, number)
    learner = NetworkLearner(network, material, seed, taken=lent is not None)
    _run(learner, keeper, options)
    weights = keeper.best_weights or copy_state(learner.averaged or network)
    network.load_state_dict(weights)
    if done:
        with atomic_path(done) as temporary:
            saved = {"weights": weights, "curve": keeper.curve, "best_epoch": keeper.best_epoch}
            torch.save(saved, temporary)
    return Fitted(network.eval(), keeper.curve, keeper.best_epoch)


class Keeper(L.Callback):
    """Validates, keeps the best weights and the curve, saves the state, and reports progress."""

    def __init__(self, path: Path | None, options: ClassifierOptions, number: int) -> None:
        self.path, self._options, self._number = path, options, number
        self.best_weights: dict[str, Tensor] | None = None
        self.best_loss, self.best_epoch = math.inf, 0
        self.curve: list[dict[str, Any]] = []
        self._before, self._reported = 0.0, -math.inf

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training needs to know."""
        return {
            "best_weights": self.best_weights, "best_loss": self.best_loss,
            "best_epoch": self.best_epoch, "curve": self.curve,
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a saved state."""
        for name, value in state_dict.items():
            setattr(self, name, value)
        self._before = self.curve[-1]["seconds"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note when this run begins."""
        self._started = time.monotonic()
        trainer.should_stop = self._enough()  # it was interrupted after training had ended

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add a row to the curve, keep the weights if they are the best, save the state."""
        if self.curve and self.curve[-1]["step"] == trainer.global_step:
            return  # resumed: lightning ends the epoch again at whose end the state was saved
        epoch = len(self.curve) + 1
        valid = pl_module.validate_recordings()
        loss, score = valid or (None, None)
        row = {
            "seed": self._number, "epoch": epoch, "step": trainer.global_step,
            "seconds": round(self._before + time.monotonic() - self._started, 2),
            "train_loss": round(float(np.mean(pl_module.losses)), 6),
            "valid_loss": None if loss is None else round(loss, 6),
            "valid_score": None if score is None else round(score, 6),
            "learning_rate": trainer.optimizers[0].param_groups[-1]["lr"],
        }  # fmt: skip
        pl_module.losses.clear()
        self.curve.append(row)
        if loss is None:
            self.best_epoch = epoch
        elif loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            self.best_weights = copy_state(pl_module.averaged or pl_module.network)
        self._report(row)
        trainer.should_stop = trainer.should_stop or self._enough()
        if self.path is not None:
            partial = self.path.with_suffix(".partial")
            trainer.save_checkpoint(partial)
            partial.replace(self.path)  # a kill leaves the old state or the new one

    def _enough(self) -> bool:
        """Whether the validation has not got better for as long as the options allow."""
        patience, epochs = self._options.patience, len(self.curve)
        return patience > 0 and epochs - self.best_epoch >= patience

    def _report(self, row: Mapping[str, Any]) -> None:
        last = row["epoch"] == self._options.epochs
        if time.monotonic() - self._reported < LOG_INTERVAL_SECONDS and not last:
            return
        self._reported = time.monotonic()
        valid = row["valid_loss"]
        held_out = "" if valid is None else f", valid {valid:.3f}, score {row['valid_score']:.3f}"
        logger.info(
            "seed %d, epoch %d of %d: train loss %.3f%s",
            self._number, row["epoch"], self._options.epochs, row["train_loss"], held_out,
        )  # fmt: skip


def _run(learner: NetworkLearner, keeper: Keeper, options: ClassifierOptions) -> None:
    """Train to the end, from the saved state where there is one."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        trainer = L.Trainer(
            accelerator="cpu", devices=1, precision=options.precision, max_epochs=options.epochs,
            gradient_clip_val=GRADIENT_CLIP, callbacks=[keeper],
            reload_dataloaders_every_n_epochs=1, limit_val_batches=0,
            num_sanity_val_steps=0, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False,
            deterministic="warn",
        )  # fmt: skip
        resume = keeper.path is not None and _usable(keeper.path)
        learner.train()
        trainer.fit(learner, ckpt_path=keeper.path if resume else None, weights_only=True)


def _usable(checkpoint: Path) -> bool:
    """Whether there is a saved state that can be read."""
    if not checkpoint.exists():
        return False
    try:
        epoch = torch.load(checkpoint, map_location="cpu", weights_only=True)["epoch"]
    except Exception as error:  # torch raises several kinds for damaged files
        logger.warning("%s is damaged, training starts anew: %s", checkpoint, error)
        return False
    logger.info("resuming after epoch %d", epoch + 1)
    return True

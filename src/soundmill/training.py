"""What every training shares: a state that survives interruptions, patience, progress, trainer."""

import hashlib
import json
import logging
import math
import shutil
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from soundmill.heartbeat import doing
from soundmill.log import LOG_INTERVAL_SECONDS, logger


def open_state(state: Path, files: Iterable[str | Path], *parts: Any) -> None:
    """Make the state folder; discard what it holds when that was made of something else.

    Parameters
    ----------
    files : inputs, told apart by path, size and time of change, which is enough to see that they
        are others and does not read gigabytes. Where inputs are small beside the training, give
        their checksums among ``parts`` instead: those outlive a copy and a remake.
    parts : what else decides the result: options, seed, fingerprint of the code; plain JSON values.
    """
    found = [Path(path) for path in files]
    stamps = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in found]
    key = hashlib.sha256(json.dumps([stamps, *parts], sort_keys=True).encode()).hexdigest()
    label = state / "key"
    if state.exists() and not (label.exists() and label.read_text() == key):
        logger.info("the saved state in %s is of another computation and is discarded", state)
        shutil.rmtree(state)
    state.mkdir(parents=True, exist_ok=True)
    label.write_text(key)


def usable(checkpoint: Path, what: str = "training") -> bool:
    """Whether there is a saved state that can be read; a damaged one is warned of.

    Parameters
    ----------
    what : name of the training, for the log.
    """
    if not checkpoint.exists():
        return False
    try:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        epoch, step = saved["epoch"] + 1, saved["global_step"]
    except Exception as error:  # torch raises several kinds for damaged files
        logger.warning("%s is damaged, %s starts anew: %s", checkpoint, what, error)
        return False
    logger.info("%s: resuming after epoch %d (step %d)", what, epoch, step)
    return True


def copy_weights(module: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a module's weights and statistics, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}


def _untold(how_far: str) -> None:
    """Stand for the heartbeat of a log where there is none."""


class Keeper(L.Callback, ABC):
    """Keeps the best weights and the learning curve, saves the state, stops, reports progress.

    A training overrides `measure`, `say` and, where its learner holds more than the network,
    `kept`. The state is saved at the end of each epoch of lightning: one epoch should be what a
    kill may cost, and its batches a function of seed, epoch and step.

    Parameters
    ----------
    path : checkpoint to save; None saves none.
    patience : epochs without a better figure after which training stops; 0 never stops it.
    what : name of the training, for the log.

    Attributes
    ----------
    curve : one row an epoch: ``step``, ``seconds`` (of all runs together, validations included),
        and what `measure` returned.
    best_epoch : epoch whose weights are the best, from 1; 0 before the first.
    best_weights : None as long as no figure told which are.
    ended : whether patience, or a figure that is not finite, has ended the training.
    """

    def __init__(self, path: Path | None, patience: int = 0, what: str = "training") -> None:
        self.path, self.patience, self.what = path, patience, what
        self.best_weights: dict[str, Tensor] | None = None
        self.best_figure, self.best_epoch = math.inf, 0
        self.ended = False
        self.curve: list[dict[str, Any]] = []
        self.tell: Callable[[str], None] = _untold
        self.reported = -math.inf
        """When progress was reported last, by the monotonic clock."""

    @abstractmethod
    def measure(self, trainer: L.Trainer, module: Any) -> tuple[dict[str, Any], float | None]:
        """Return the row of the epoch that ended, and the figure it is judged by.

        The row holds plain numbers, strings and None. Of the figure lower is better; one that is
        not finite ends the training; None (always, or never): the last weights are the best.
        """

    @abstractmethod
    def say(self, row: Mapping[str, Any]) -> str:
        """Return a row as words of a line of the log."""

    def kept(self, module: Any) -> nn.Module:
        """Return the module whose weights are kept; the learner itself unless overridden."""
        network: nn.Module = module
        return network

    def weights(self, module: Any) -> dict[str, Tensor]:
        """Return the best weights; those the learner has now, where no figure told."""
        return self.best_weights or copy_weights(self.kept(module))

    @property
    def best_row(self) -> dict[str, Any]:
        """Row of the best epoch."""
        return self.curve[self.best_epoch - 1]

    @property
    def seconds(self) -> float:
        """Seconds trained until now, earlier runs included."""
        return self._before + time.monotonic() - self._started

    @property
    def due(self) -> bool:
        """Whether the last report is so long ago that `report` will speak."""
        return time.monotonic() - self.reported >= LOG_INTERVAL_SECONDS

    @property
    def state_key(self) -> str:
        """Name of this part of the state; lightning's, the name of the class, may change."""
        return "keeper"

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training needs to know."""
        return {
            "best_weights": self.best_weights, "best_figure": self.best_figure,
            "best_epoch": self.best_epoch, "ended": self.ended, "curve": self.curve,
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a saved state."""
        for name, value in state_dict.items():
            setattr(self, name, value)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note where and when this run begins."""
        self._before = self.curve[-1]["seconds"] if self.curve else 0.0
        self._started = time.monotonic()
        self._first = self._done(trainer)[1]
        if self.ended:
            trainer.should_stop = True  # it was interrupted after training had ended

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Let the heartbeat of the log know how far it is: an epoch may take hours."""
        unit, done, total = self._done(trainer)
        self.tell(f"{unit} {done} of {total} done, batch {batch_idx + 1} of this epoch")

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add a row to the curve, keep the weights if they are the best, save the state."""
        if self.curve and self.curve[-1]["step"] == trainer.global_step:
            return  # resumed: lightning ends the epoch again at whose end the state was saved
        row, figure = self.measure(trainer, pl_module)
        epoch = len(self.curve) + 1
        own = {"step": trainer.global_step, "seconds": round(self.seconds, 2)}
        self.curve.append({**own, **row})
        if figure is None:
            self.best_epoch = epoch
        elif figure < self.best_figure:
            self.best_figure, self.best_epoch = figure, epoch
            self.best_weights = copy_weights(self.kept(pl_module))
        enough = 0 < self.patience <= epoch - self.best_epoch
        self.ended = enough or not math.isfinite(figure or 0)
        if self.ended:
            trainer.should_stop = True
        self.report(trainer, self.curve[-1])
        if self.path is not None:
            partial = self.path.with_suffix(".partial")
            trainer.save_checkpoint(partial)
            if trainer.is_global_zero:
                partial.replace(self.path)  # a kill leaves the old state or the new one

    def report(self, trainer: L.Trainer, row: Mapping[str, Any]) -> None:
        """Say how far it is, unless that was said lately; the end is always said."""
        unit, done, total = self._done(trainer)
        if not (self.due or done == total or trainer.should_stop):
            return
        now = self.reported = time.monotonic()
        left = (now - self._started) / max(done - self._first, 1) * (total - done)
        if trainer.is_global_zero:
            logger.info(
                "%s, %s %d of %d: %s, %.0f s left",
                self.what, unit, done, total, self.say(row), 0.0 if trainer.should_stop else left,
            )  # fmt: skip

    def _done(self, trainer: L.Trainer) -> tuple[str, int, int]:
        """Return what is counted, how much of it is done, and how much it will be."""
        if trainer.max_steps > 0:
            return "step", trainer.global_step, trainer.max_steps
        return "epoch", len(self.curve), trainer.max_epochs or 0


def fit(
    learner: L.LightningModule,
    keeper: Keeper,
    *,
    accelerator: str = "cpu",
    precision: Any = "32-true",
    **settings: Any,
) -> L.Trainer:
    """Train to the end, from the keeper's saved state where there is one.

    Parameters
    ----------
    learner : its ``train_dataloader`` is asked for anew each epoch.
    precision : as lightning names it, or auto: bfloat16 on GPUs that have it, else 32 bits.
    settings : what else `lightning.Trainer` takes; ``max_steps`` or ``max_epochs``, and mostly
        ``gradient_clip_val``. Defaults: one device, and no validation by lightning.
    """
    if precision == "auto":
        gpu = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
        precision = "bf16-mixed" if gpu and torch.cuda.is_bf16_supported() else "32-true"
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    usual = {"max_epochs": -1, "devices": 1, "limit_val_batches": 0}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        trainer = L.Trainer(
            accelerator=accelerator, precision=precision, callbacks=[keeper],
            reload_dataloaders_every_n_epochs=1, num_sanity_val_steps=0, logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
            use_distributed_sampler=False, deterministic="warn", **{**usual, **settings},
        )  # fmt: skip
        resume = keeper.path is not None and usable(keeper.path, keeper.what)
        with doing(keeper.what) as keeper.tell:
            trainer.fit(learner, ckpt_path=keeper.path if resume else None, weights_only=True)
    return trainer

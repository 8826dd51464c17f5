"""Train the Music Transformer: reproducible, and resumed after any interruption."""

import hashlib
import json
import logging
import math
import shutil
import time
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor, nn

from soundmill.files import sha256_file, write_json
from soundmill.log import LOG_INTERVAL_SECONDS, logger
from soundmill.music.data import TrainingWindows, all_windows
from soundmill.music.events import decode
from soundmill.music.learner import Learner
from soundmill.music.likelihood import floors, score, summarise
from soundmill.music.limits import measure_limits
from soundmill.music.model import check_shards, save_model
from soundmill.music.network_options import NetworkOptions, TrainingOptions
from soundmill.music.shards import ShardReader
from soundmill.music.vocabulary import SIZE
from soundmill.seeds import derive
from soundmill.status import write_table

CURVE_COLUMNS = (
    "step", "tokens", "seconds", "train_nll", "validation_nll", "validation_accuracy",
    "learning_rate",
)  # fmt: skip


def train(
    shards: Path,
    model: Path,
    metrics: Path,
    curves: Path,
    state: Path,
    network: NetworkOptions,
    training: TrainingOptions,
    seed: int,
    code: str = "",
    threads: int | None = None,
) -> None:
    """Train on the shards and write the model folder, its figures and its learning curves.

    Interrupted and called again with the same arguments it goes on from the last saved state and
    ends with the same weights. Same arguments, same number of threads: same bytes.

    Parameters
    ----------
    shards : folder of `soundmill.music.sharding.build_shards`.
    model : folder to write: best weights, last weights, config.json.
    metrics : JSON to write; NLL in nats per event and per note and accuracy on both held-out
        splits, beside the floors; null where a split is empty.
    curves : CSV to write, one row per validation; seconds include validations.
    state : folder for the training state; removed when training succeeds.
    code : fingerprint of the code; a state made by other code is discarded.
    threads : CPU threads; None leaves torch's choice.

    Raises
    ------
    InputError
        when there is nothing to learn from, or the shards are damaged or of another vocabulary.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    check_shards(shards)
    readers = {split: ShardReader(shards, split) for split in ("train", "valid", "test")}
    windows = TrainingWindows(
        readers["train"], network.context, training.batch, derive(seed, "windows")
    )
    _open_state(state, _state_key(shards, network, training, seed, code))
    learner = Learner(network, training, seed, windows, readers["valid"])
    keeper = Keeper(state / "last.ckpt", training, windows.tokens)
    trainer = _fit(learner, keeper, training, validate=len(readers["valid"]) > 0)
    if not trainer.is_global_zero:
        return
    last = _copy_weights(learner.model)
    best = keeper.best_weights or last
    learner.model.load_state_dict(best)
    _write_metrics(metrics, learner, keeper, readers, seed)
    write_table(curves, keeper.curve, CURVE_COLUMNS)
    facts = {"training": training.model_dump(), "seed": seed, "best_step": keeper.best_step}
    unchanged = (p for p in readers["train"] if (p.transpose, p.stretch) == (0, 1.0))
    limits = measure_limits(decode(piece.tokens) for piece in unchanged)
    save_model(model, network, best, last, limits, **facts)
    shutil.rmtree(state)


class Keeper(L.Callback):
    """Keeps the best weights and the learning curve, saves the state, and reports progress."""

    def __init__(self, path: Path, options: TrainingOptions, corpus_tokens: int) -> None:
        self.path, self._options, self.corpus_tokens = path, options, corpus_tokens
        self.best_weights: dict[str, Tensor] | None = None
        self.best_nll, self.best_step = math.inf, 0
        self.curve: list[dict[str, Any]] = []
        self._tokens, self._seconds, self._losses = 0, 0.0, torch.zeros(2)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training needs to know."""
        return {
            "best_weights": self.best_weights, "best_nll": self.best_nll,
            "best_step": self.best_step, "curve": self.curve,
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a saved state."""
        for name, value in state_dict.items():
            setattr(self, name, value)
        self._tokens, self._seconds = self.curve[-1]["tokens"], self.curve[-1]["seconds"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note where and when this run begins."""
        self._before, self._first_step = self._seconds, trainer.global_step
        self._started = self._reported = time.monotonic()
        early = trainer.early_stopping_callback
        if early is not None and early.wait_count >= early.patience:
            trainer.should_stop = True  # it was interrupted after training had ended

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Sum up the loss, and say how far it is now and then."""
        loss = outputs["loss"].detach()
        self._losses = self._losses.to(loss.device) + torch.stack([loss, torch.ones_like(loss)])
        self._tokens += (batch.shape[1] - 1) * batch.shape[0] * trainer.world_size
        if time.monotonic() - self._reported >= LOG_INTERVAL_SECONDS:
            total, count = self._losses.tolist()
            self._report(trainer, {"train_nll": total / count})

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add a row to the curve, keep the weights if they are the best, save the state."""
        if self.curve and self.curve[-1]["step"] == trainer.global_step:
            return  # resumed: lightning ends the epoch again at whose end the state was saved
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        total, count = self._losses.tolist()
        self._losses.zero_()
        self._seconds = self._before + time.monotonic() - self._started
        nll = figures.get("validation_nll")
        row = {
            "step": trainer.global_step, "tokens": self._tokens,
            "seconds": round(self._seconds, 2), "train_nll": round(total / count, 6),
            "validation_nll": nll, "validation_accuracy": figures.get("validation_accuracy"),
            "learning_rate": rate,
        }  # fmt: skip
        self.curve.append(row)
        if nll is None or nll < self.best_nll:
            self.best_step, self.best_nll = trainer.global_step, math.inf if nll is None else nll
            self.best_weights = _copy_weights(pl_module.model)
        self._report(trainer, row)
        partial = self.path.with_suffix(".partial")
        trainer.save_checkpoint(partial)
        if trainer.is_global_zero:
            partial.replace(self.path)  # a kill leaves the old state or the new one

    def _report(self, trainer: L.Trainer, figures: dict[str, Any]) -> None:
        self._reported = now = time.monotonic()
        steps = trainer.global_step - self._first_step
        pace = (now - self._started) / max(steps, 1)
        rate = self._tokens / max(trainer.global_step, 1) / max(pace, 1e-9)
        validation = figures.get("validation_nll")
        if trainer.is_global_zero:
            logger.info(
                "step %d of %d: train %.3f nats%s, %.0f tokens/s, %.0f s left",
                trainer.global_step, self._options.max_steps, figures["train_nll"],
                "" if validation is None else f", validation {validation:.3f} nats",
                rate, pace * (self._options.max_steps - trainer.global_step),
            )  # fmt: skip


def _fit(learner: Learner, keeper: Keeper, options: TrainingOptions, validate: bool) -> L.Trainer:
    """Train to the end, from the saved state where there is one."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    callbacks: list[L.Callback] = [keeper]
    if validate:
        # before the keeper, so that its count is in the state the keeper saves
        early = EarlyStopping(
            "validation_nll", patience=options.patience, check_on_train_epoch_end=False
        )
        callbacks.insert(0, early)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        trainer = L.Trainer(
            accelerator=options.accelerator, devices=options.devices, strategy=options.strategy,
            precision=_precision(options), max_steps=options.max_steps, max_epochs=-1,
            gradient_clip_val=options.gradient_clip, callbacks=callbacks,
            reload_dataloaders_every_n_epochs=1, limit_val_batches=1.0 if validate else 0,
            num_sanity_val_steps=0, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False,
            deterministic="warn",
        )  # fmt: skip
        resume = _usable(keeper.path)
        trainer.fit(learner, ckpt_path=keeper.path if resume else None, weights_only=True)
    return trainer


def _precision(options: TrainingOptions) -> Any:
    if options.precision != "auto":
        return options.precision
    gpu = options.accelerator in ("auto", "gpu") and torch.cuda.is_available()
    return "bf16-mixed" if gpu and torch.cuda.is_bf16_supported() else "32-true"


def _copy_weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.cpu().clone() for name, value in model.state_dict().items()}


def _usable(checkpoint: Path) -> bool:
    """Whether there is a saved state that can be read."""
    if not checkpoint.exists():
        return False
    try:
        step = torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"]
    except Exception as error:  # torch raises several kinds for damaged files
        logger.warning("%s is damaged, training starts anew: %s", checkpoint, error)
        return False
    logger.info("resuming from step %d", step)
    return True


def _state_key(
    shards: Path, network: NetworkOptions, training: TrainingOptions, seed: int, code: str
) -> str:
    """Hash of everything that decides the weights."""
    files = {path.name: sha256_file(path) for path in sorted(shards.glob("*.tfrecord"))}
    parts = [files, network.model_dump(), training.model_dump(), seed, code]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _open_state(state: Path, key: str) -> None:
    """Make the state folder; discard a state that belongs to another key."""
    label = state / "key"
    if state.exists() and not (label.exists() and label.read_text() == key):
        logger.info("the saved state in %s is of another training and is discarded", state)
        shutil.rmtree(state)
    state.mkdir(parents=True, exist_ok=True)
    label.write_text(key)


def _write_metrics(
    path: Path, learner: Learner, keeper: Keeper, readers: dict[str, ShardReader], seed: int
) -> None:
    """Write metrics.json: the best weights on both held-out splits, beside the floors."""
    network: nn.Module = learner.model.eval()
    device = next(network.parameters()).device
    predictors = {
        "model": lambda tokens: network(tokens.to(device)).cpu(),
        **floors(learner.windows.bigrams),
    }
    report: dict[str, Any] = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "tokens": keeper.curve[-1]["tokens"],
        "corpus_tokens": keeper.corpus_tokens,
        "vocabulary": SIZE,
        "steps": keeper.curve[-1]["step"],
        "best_step": keeper.best_step,
        "seconds": keeper.curve[-1]["seconds"],
        "unit": "nats",
    }
    for split, name in (("valid", "validation"), ("test", "test")):
        if not len(readers[split]):
            report[name] = None
            report[f"{name}_reason"] = f"the {split} split has no piece"
            continue
        with torch.inference_mode():
            report[name] = {
                who: summarise(
                    score(predict, all_windows(readers[split], learner.context, 8)),
                    derive(seed, "bootstrap"),
                )
                for who, predict in predictors.items()
            }
    write_json(path, report)

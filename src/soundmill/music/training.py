"""Train the Music Transformer: reproducible, and resumed after any interruption."""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import nn

from soundmill.distributed import in_processes
from soundmill.files import sha256_file, write_json
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
from soundmill.shares import Share
from soundmill.status import write_table
from soundmill.training import Keeper, copy_weights, fit, open_state

CURVE_COLUMNS = (
    "step", "tokens", "seconds", "train_nll", "validation_nll", "validation_accuracy",
    "learning_rate",
)  # fmt: skip


@in_processes("training")
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
    threads : CPU threads of all devices of a node; None leaves torch's choice.

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
    # by contents: reading the shards is quick beside a training, whose state outlives their copy
    sums = {path.name: sha256_file(path) for path in sorted(shards.glob("*.tfrecord"))}
    share = Share.present()
    if share.first:
        open_state(state, [], sums, network.model_dump(), training.model_dump(), seed, code)
    share.wait()
    learner = Learner(network, training, seed, windows, readers["valid"])
    keeper = TokenKeeper(state / "last.ckpt", training.patience)
    share.agree(state / "last.ckpt")
    fit(
        learner, keeper, accelerator=training.accelerator, precision=training.precision,
        max_steps=training.max_steps, gradient_clip_val=training.gradient_clip,
        limit_val_batches=1.0 if len(readers["valid"]) else 0,
        **share.trainer(training.devices, training.nodes),
    )  # fmt: skip
    if not share.first:
        return
    last, best = copy_weights(learner.model), keeper.weights(learner)
    learner.model.load_state_dict(best)
    _write_metrics(metrics, learner, keeper, readers, seed)
    write_table(curves, keeper.curve, CURVE_COLUMNS)
    best_step = keeper.best_row["step"]
    facts = {"training": training.model_dump(), "seed": seed, "best_step": best_step}
    unchanged = (p for p in readers["train"] if (p.transpose, p.stretch) == (0, 1.0))
    limits = measure_limits(decode(piece.tokens) for piece in unchanged)
    save_model(model, network, best, last, limits, **facts)
    shutil.rmtree(state)


class TokenKeeper(Keeper):
    """Counts tokens, and reads off the curve what lightning has validated."""

    def __init__(self, path: Path, patience: int) -> None:
        super().__init__(path, patience)
        self._tokens, self._losses = 0, torch.zeros(2)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a saved state."""
        super().load_state_dict(state_dict)
        self._tokens = self.curve[-1]["tokens"]

    def kept(self, module: Any) -> nn.Module:
        """Return the network."""
        network: nn.Module = module.model
        return network

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Sum up the loss, and say how far it is now and then."""
        loss = outputs["loss"].detach()
        self._losses = self._losses.to(loss.device) + torch.stack([loss, torch.ones_like(loss)])
        self._tokens += (batch.shape[1] - 1) * batch.shape[0] * trainer.world_size
        if self.due:
            total, count = self._losses.tolist()
            self.report(trainer, {"train_nll": total / count})

    def measure(self, trainer: L.Trainer, module: Any) -> tuple[dict[str, Any], float | None]:
        """Return the row of this validation, and its NLL."""
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        total, count = module.share.mean(self._losses.tolist(), module.device)
        self._losses.zero_()
        self.reported = -math.inf  # each validation is reported
        nll = figures.get("validation_nll")
        row = {
            "tokens": self._tokens, "train_nll": round(total / count, 6), "validation_nll": nll,
            "validation_accuracy": figures.get("validation_accuracy"),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
        }  # fmt: skip
        return row, nll

    def say(self, row: Mapping[str, Any]) -> str:
        """Return the losses and the speed."""
        nll = row.get("validation_nll")
        held_out = "" if nll is None else f", validation {nll:.3f} nats"
        rate = self._tokens / max(self.seconds, 1e-9)
        return f"train {row['train_nll']:.3f} nats{held_out}, {rate:.0f} tokens/s"


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
        "corpus_tokens": learner.windows.tokens,
        "vocabulary": SIZE,
        "steps": keeper.curve[-1]["step"],
        "best_step": keeper.best_row["step"],
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

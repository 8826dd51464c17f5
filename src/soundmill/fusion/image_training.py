"""Train the encoder of images: turned, damaged, and nothing but noise, so that it knows doubt."""

import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soundmill.classification.networks import count_parameters
from soundmill.files import sha256_file, write_json
from soundmill.fusion.encoder_learning import Rows, adamw, epoch_loader, steps_of
from soundmill.fusion.image_damages import Damages
from soundmill.fusion.image_encoder_options import ImageEncoderOptions
from soundmill.fusion.image_model import save_image_model
from soundmill.fusion.image_network import ImageEncoder
from soundmill.fusion.image_options import ImageModality
from soundmill.fusion.image_samples import ImageSamples, read_image_samples
from soundmill.seeds import derive
from soundmill.status import write_table
from soundmill.training import Keeper, fit, open_state

GRADIENT_CLIP = 5.0
"""Largest norm of the gradient."""
AT_ONCE = 100
"""Images that are judged together."""
CURVE_COLUMNS = (
    "epoch", "step", "seconds", "train_loss", "valid_loss", "valid_accuracy", "learning_rate",
)  # fmt: skip


def train_image_encoder(
    images: str | os.PathLike[str],
    manifest: str | os.PathLike[str],
    task_folder: str | os.PathLike[str],
    output: Path,
    training: Path,
    curves: Path,
    state: Path,
    options: ImageModality,
    *,
    seed: int,
    code: str = "",
    threads: int | None = None,
) -> None:
    """Train on the train part, stop by the valid part, and write a model folder.

    Interrupted and called again with the same arguments it goes on from the end of the last epoch
    and ends with the same bytes, but for the seconds.

    Parameters
    ----------
    images : .npy (n, H, H) uint8, in the order of the accepted rows of ``manifest``.
    task_folder : of `soundmill.classification.preparation.prepare_task`, one fold.
    output : folder of `soundmill.fusion.image_model` to write: the weights of the best epoch, and
        the principal components of the damages.
    training : JSON to write: parameters, counts, seconds, the best epoch.
    curves : CSV to write, one row an epoch, `CURVE_COLUMNS`.
    state : folder of the training state; removed when training succeeds.
    code : fingerprint of the code; a state made by other code is discarded.
    threads : CPU threads; None leaves torch's choice.

    Raises
    ------
    InputError
        When the three do not belong together, or a part has no image.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    samples = read_image_samples(images, manifest, task_folder)
    train = samples.rows("train")
    settings = options.model_dump(mode="json", include={"encoder", "damages"})
    inputs = [sha256_file(images), sha256_file(manifest)]
    inputs += [sha256_file(path) for path in sorted(Path(task_folder).glob("*.*"))]
    open_state(state, [], inputs, settings, seed, code)
    damages = Damages.fit(samples.images[train], options.damages, seed)
    learner = ImageLearner(samples, damages, options.encoder, seed)
    keeper = ImageKeeper(state / "last.ckpt", what="image encoder")
    fit(
        learner, keeper, max_epochs=options.encoder.epochs, precision=options.encoder.precision,
        gradient_clip_val=GRADIENT_CLIP,
    )  # fmt: skip
    network = learner.network
    network.load_state_dict(keeper.weights(learner))
    write_table(curves, keeper.curve, CURVE_COLUMNS)
    facts = {
        "parameters": count_parameters(network),
        "train_images": len(train),
        "valid_images": len(samples.rows("valid")),
        "epochs": len(keeper.curve),
        "best_epoch": keeper.best_epoch,
        "seconds": keeper.curve[-1]["seconds"],
        **{name: keeper.best_row[name] for name in ("valid_loss", "valid_accuracy")},
        "components": {
            name: int((damages.shares.cumsum(0) < damage.energy - 1e-6).sum()) + 1
            for name, damage in options.damages.items()
            if damage.energy is not None
        },
    }
    write_json(training, facts)
    save_image_model(output, network, damages, {"classes": samples.task.classes, "seed": seed})
    shutil.rmtree(state)


class ImageLearner(L.LightningModule):
    """The encoder as lightning trains it."""

    def __init__(
        self, samples: ImageSamples, damages: Damages, options: ImageEncoderOptions, seed: int
    ) -> None:
        super().__init__()
        self.options, self.seed = options, seed
        task, classes = samples.task, len(samples.task.classes)
        train, valid = samples.rows("train"), samples.rows("valid")
        self.images = torch.from_numpy(samples.images[train])
        self.targets = torch.from_numpy(task.targets[train])
        self.valid = torch.from_numpy(samples.images[valid])
        self.valid_targets = torch.from_numpy(task.targets[valid])
        self.damages = damages
        self.priors = torch.bincount(self.targets, minlength=classes) / len(self.targets)
        torch.manual_seed(derive(seed, "weights"))
        self.network = ImageEncoder(options, samples.images.shape[1], classes)
        self.losses: list[float] = []

    def train_dataloader(self) -> Any:
        """Return the batches of the present epoch."""
        return epoch_loader(
            self.batch, len(self.images), self.options.batch, self.seed, self.current_epoch
        )

    def batch(self, rows: Rows, seed: int) -> tuple[Tensor, Tensor, int]:
        """Return changed images (B, H, H), targets (B, K) that sum to 1, and a seed."""
        random = torch.Generator().manual_seed(derive(seed, "changes"))
        chosen = torch.from_numpy(rows)
        images = self.images[chosen].float() / 255
        x, damaged, hopeless = self.damages.random_damage(images, self.options.damaged, random)
        # damaged ones stay in place: few components tell much of where, moving would hide the rest
        x[~damaged] = change_places(images[~damaged], self.options, random)
        targets = F.one_hot(self.targets[chosen], len(self.priors)).float()
        targets = torch.where(hopeless[:, None], self.priors, targets)
        smooth = self.options.label_smoothing
        return x, (1 - smooth) * targets + smooth / len(self.priors), derive(seed, "dropout")

    def training_step(self, batch: tuple[Tensor, Tensor, int], index: int) -> Tensor:
        """Return the loss of a batch."""
        x, targets, seed = batch
        torch.manual_seed(seed)
        loss = F.cross_entropy(self.network(x).float(), targets)
        self.losses.append(float(loss.detach()))
        return loss

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule."""
        options = self.options
        steps = options.epochs * steps_of(len(self.images), options.batch)
        return adamw(self.network, options.learning_rate, options.weight_decay, steps)

    @torch.no_grad()
    def judge(self) -> tuple[float, float]:
        """Return loss and accuracy on the images of the valid part, which are clean."""
        self.network.eval()
        parts = [self.network(x.float() / 255).float() for x in self.valid.split(AT_ONCE)]
        self.network.train()
        logits = torch.cat(parts)
        right = (logits.argmax(1) == self.valid_targets).double().mean()
        return float(F.cross_entropy(logits, self.valid_targets)), float(right)


def change_places(images: Tensor, options: ImageEncoderOptions, random: torch.Generator) -> Tensor:
    """Turn, scale and shift each image (B, H, H), each by its own amounts; outside is black."""
    if not (options.rotate or options.scale or options.shift):
        return images
    draw = 2 * torch.rand(4, len(images), generator=random) - 1
    angle = math.radians(options.rotate) * draw[0]
    size = torch.exp(math.log1p(options.scale) * draw[1])
    sine, cosine = size * angle.sin(), size * angle.cos()
    # the grid goes from -1 to 1: a shift by the whole image is 2
    shift = 2 * options.shift * draw[2:]
    places = torch.stack([cosine, -sine, shift[0], sine, cosine, shift[1]], 1).unflatten(1, (2, 3))
    grid = F.affine_grid(places, [len(images), 1, *images.shape[1:]], align_corners=False)
    return F.grid_sample(images.unsqueeze(1), grid, align_corners=False).squeeze(1)


class ImageKeeper(Keeper):
    """Judges clean images of the valid part after each epoch."""

    def kept(self, module: Any) -> nn.Module:
        """Return the network."""
        network: nn.Module = module.network
        return network

    def measure(self, trainer: L.Trainer, module: Any) -> tuple[dict[str, Any], float | None]:
        """Return the row of this epoch, and the loss over the valid part."""
        loss, accuracy = module.judge()
        row = {
            "epoch": len(self.curve) + 1,
            "train_loss": round(float(np.mean(module.losses)), 6),
            "valid_loss": round(loss, 6),
            "valid_accuracy": round(accuracy, 6),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
        }
        module.losses.clear()
        return row, loss

    def say(self, row: Mapping[str, Any]) -> str:
        """Return losses and accuracy."""
        return (
            f"train loss {row['train_loss']:.3f}, valid {row['valid_loss']:.3f}, "
            f"accuracy {row['valid_accuracy']:.4f}"
        )

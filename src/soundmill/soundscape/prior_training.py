"""Train the prior over latents, and put the whole model together."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor, nn

from soundmill.files import read_json, write_json
from soundmill.log import logger, progress
from soundmill.seeds import derive
from soundmill.soundscape.autoencoder import Autoencoder
from soundmill.soundscape.bank import Bank
from soundmill.soundscape.controls import meanings, measure_controls
from soundmill.soundscape.crops import Crops
from soundmill.soundscape.encoding import encode
from soundmill.soundscape.frontend import log_magnitudes, stft
from soundmill.soundscape.learning import (
    GRADIENT_CLIP,
    count_epochs,
    epoch_loader,
    optimiser,
)
from soundmill.soundscape.model import Front, load_autoencoder, save_model
from soundmill.soundscape.prior import Mixture, Prior
from soundmill.soundscape.prior_options import PriorOptions
from soundmill.soundscape.recordings import Recording, read_recordings
from soundmill.status import read_table, write_table
from soundmill.training import Keeper, fit, open_state

CURVE_COLUMNS = ("phase", "epoch", "step", "seconds", "train_loss", "valid_loss")
MEASURED_CROPS = 256
"""Crops that the meanings of the latents are measured on."""
CROP_SECONDS = 4.0
GLOBAL_NOISE = 0.15
"""Standard deviation of noise on the global vectors it learns with."""
MOST_ENVIRONMENTS = 4096
"""Recordings whose global vectors a model keeps."""
MOST_FRAMES = 65_536
"""Frames of latents that it keeps: 50 minutes at the default rate, 8 MB."""
CLUSTER_SEQUENCES = 256
"""Stretches in which the prior's distributions are found at first."""


def train_prior(
    recordings: str | os.PathLike[str],
    autoencoder: Path,
    output: Path,
    metrics: Path,
    curves: Path,
    state: Path,
    options: PriorOptions,
    *,
    first_metrics: Path,
    first_curves: Path,
    seed: int,
    code: str = "",
    threads: int | None = None,
) -> None:
    """Train on the latents of the training recordings and write the model folder.

    Parameters
    ----------
    recordings : table of `soundmill.soundscape.recordings.prepare_recordings`.
    autoencoder : folder of `soundmill.soundscape.autoencoder_training.train_autoencoder`.
    output : the model folder to write, with which everything is made.
    metrics : JSON to write: of the autoencoder, and of the prior its losses in nats a latent and
        their floor; what the latents mean.
    curves : CSV to write: the learning curves of both.
    first_metrics, first_curves : those of the autoencoder.
    state : folder of the training state and of the latents; removed when training succeeds.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    network, front, config = load_autoencoder(autoencoder)
    open_state(
        state, [os.fspath(recordings), autoencoder / "model.safetensors"],
        options.model_dump(mode="json"), seed, code,
    )  # fmt: skip
    parts = {split: read_recordings(recordings, split) for split in ("train", "valid")}
    train, valid = (
        Sequences(parts[split], network, front, state / f"{split}.npy", options, seed)
        for split in ("train", "valid")
    )
    learner = PriorLearner(options, network, train, valid, front.vocabulary.width, seed)
    keeper = PriorKeeper(state / "last.ckpt", what="prior")
    fit(
        learner, keeper, max_epochs=count_epochs(options.steps, options.epoch_steps),
        gradient_clip_val=GRADIENT_CLIP,
    )  # fmt: skip
    prior = learner.network.cpu().eval()
    prior.load_state_dict(keeper.weights(learner))
    heard = _hear(network, front, parts["train"], seed)
    bank = _fill_bank(train, prior, heard)
    controls = measure_controls(heard["globals"], heard["latents"], heard["meanings"])
    first = read_json(first_metrics)
    own = {
        "parameters": sum(p.numel() for p in prior.parameters()),
        "steps": keeper.curve[-1]["step"],
        "seconds": keeper.curve[-1]["seconds"],
        "best_epoch": keeper.best_epoch,
        "train_loss": keeper.best_row["train_loss"],
        "valid_loss": keeper.best_row["valid_loss"],
        "floor": train.floor(),
    }
    facts = {
        "parameters": first["parameters"] + own["parameters"],
        "seconds": round(first["seconds"] + own["seconds"], 2),
        "latents": first.pop("latents"),
        "controls": controls["table"],
        "meanings": {m: d["explained"] for m, d in controls["directions"].items()},
        "autoencoder": first,
        "prior": own,
    }
    write_json(metrics, facts)
    rows = [{"phase": "autoencoder"} | row for row in read_table(first_curves)]
    rows += [{"phase": "prior"} | row for row in keeper.curve]
    write_table(curves, [{n: row[n] for n in CURVE_COLUMNS} for row in rows], CURVE_COLUMNS)
    save_model(
        output, network, prior, bank, config | {"prior": options.model_dump(mode="json")},
        directions={m: d["step"] for m, d in controls["directions"].items()},
        autocorrelation=train.autocorrelation(),
    )  # fmt: skip
    shutil.rmtree(state)


class Sequences:
    """The latents of recordings, encoded once into a file, and random stretches of them.

    Parameters
    ----------
    store : .npy to write: means and log variances (frames, 2, D), float16.
    """

    def __init__(
        self,
        recordings: list[Recording],
        network: Autoencoder,
        front: Front,
        store: Path,
        options: PriorOptions,
        seed: int,
    ) -> None:
        self.options, self.seed = options, seed
        step = front.hop * network.stride
        self.length = max(2, round(options.sequence_seconds * front.sample_rate / step))
        counts = [max(recording.frames // step, 1) for recording in recordings]
        self.firsts = np.cumsum([0, *counts])
        self.data = open_memmap(store, "w+", np.float16, (int(self.firsts[-1]), 2, network.latents))
        vectors = [front.vocabulary.vector(front.vocabulary.wish(r.labels)) for r in recordings]
        shape = (len(recordings), front.vocabulary.width)
        self.conditions = torch.from_numpy(np.array(vectors, np.float32).reshape(shape))
        self.globals = torch.zeros(len(recordings), network.globals)
        done = progress(recordings, total=len(recordings), unit="recordings", label="encode")
        for number, recording in enumerate(done):
            found = encode(network, recording, **front.encoding)
            self.globals[number] = found.g
            first, last = self.firsts[number], self.firsts[number + 1]
            self.data[first:last, 0] = found.mean[: last - first].numpy()
            self.data[first:last, 1] = found.log_variance[: last - first].numpy()
        weights = np.sqrt(counts)
        self._weights = weights / weights.sum() if counts else weights

    def __len__(self) -> int:
        return len(self.globals)

    def draw(self, count: int, *names: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return latents drawn from posteriors (B, S, D), mask (B, S), g (B, G), conditions."""
        random = np.random.default_rng(derive(self.seed, "sequences", *names))
        chosen = random.choice(len(self), count, p=self._weights)
        latents = np.zeros((count, self.length, self.data.shape[2]), np.float32)
        mask = np.zeros((count, self.length), np.float32)
        for row, number in enumerate(chosen):
            first, last = self.firsts[number], self.firsts[number + 1]
            start = first + random.integers(max(last - first - self.length, 0) + 1)
            part = np.asarray(self.data[start : min(start + self.length, last)], np.float32)
            noise = random.standard_normal(part.shape[::2], np.float32)
            latents[row, : len(part)] = part[:, 0] + np.exp(part[:, 1] / 2) * noise
            mask[row, : len(part)] = 1
        return (
            torch.from_numpy(latents), torch.from_numpy(mask), self.globals[chosen],
            self.conditions[chosen],
        )  # fmt: skip

    def floor(self) -> float:
        """Return the loss of one normal distribution for all frames, nats a latent."""
        latents, mask, _, _ = self.draw(64, "floor")
        return round(float(_normal_entropy(latents[mask > 0])), 6)

    def autocorrelation(self) -> list[float]:
        """Return the correlation of each latent with itself a frame later."""
        latents, mask, _, _ = self.draw(64, "autocorrelation")
        both = (mask[:, 1:] * mask[:, :-1]) > 0
        now, then = latents[:, 1:][both], latents[:, :-1][both]
        if not len(now):
            return [0.0] * latents.shape[2]
        found = (now * then).mean(0) / now.square().mean(0).clamp_min(1e-6)
        return [round(float(value), 4) for value in found.clamp(0, 0.999)]


def _normal_entropy(latents: Tensor) -> Tensor:
    deviation = latents.std(0).clamp_min(1e-3)
    return (torch.log(deviation) + 0.5 * np.log(2 * np.pi * np.e)).mean()


class PriorLearner(L.LightningModule):
    """The prior as lightning trains it."""

    def __init__(
        self,
        options: PriorOptions,
        autoencoder: Autoencoder,
        train: Sequences,
        valid: Sequences,
        condition: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.options, self.seed = options, seed
        self.sequences, self.held_out = train, valid
        torch.manual_seed(derive(seed, "prior"))
        self.network = Prior(options, autoencoder.latents, autoencoder.globals, condition)
        latents, mask, _, _ = train.draw(CLUSTER_SEQUENCES, "clusters")
        importance = autoencoder.latent_out.weight.detach().square().sum((1, 2)).sqrt()
        self.network.start_from_clusters(latents[mask > 0], importance, derive(seed, "clusters"))
        self.losses: list[float] = []

    def loss(self, batch: Any, noise: float) -> Tensor:
        """Return the negative log density of the latents, nats a latent."""
        latents, mask, g, condition = batch
        before = torch.cat([torch.zeros_like(latents[:, :1]), latents[:, :-1]], dim=1)
        if noise:
            before = before + noise * torch.randn_like(before)
            g = g + GLOBAL_NOISE * torch.randn_like(g)
        density = self.network(before, g, condition).log_density(latents) * mask
        return -density.sum() / mask.sum().clamp_min(1) / latents.shape[2]

    def training_step(self, batch: Any, index: int) -> Tensor:
        """Return the loss of a batch."""
        torch.manual_seed(derive(self.seed, "prior step", str(self.global_step)))
        latents, mask, g, condition = batch
        shown = torch.rand(len(condition), 1) >= self.options.condition_dropout
        loss = self.loss(
            (latents, mask, g, condition * shown.to(condition)), self.options.input_noise
        )
        self.losses.append(float(loss.detach()))
        return loss

    def train_dataloader(self) -> Any:
        """Return the batches of the present epoch."""
        options, epoch = self.options, self.current_epoch
        steps = min(options.epoch_steps, options.steps - epoch * options.epoch_steps)
        return epoch_loader(
            lambda *names: self.sequences.draw(options.batch, *names), epoch, max(steps, 1)
        )

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule."""
        return optimiser(self.network, self.options.learning_rate, self.options.steps)

    @torch.no_grad()
    def validate(self) -> float | None:
        """Return the loss on held-out sequences, the same each time; None where there are none."""
        if not len(self.held_out):
            return None
        self.network.eval()
        batch = self.held_out.draw(4 * self.options.batch, "validation")
        loss = self.loss([part.to(self.device) for part in batch], 0.0)
        self.network.train()
        return float(loss)


class PriorKeeper(Keeper):
    """Validates, and keeps the best weights and the curve."""

    def measure(
        self, trainer: L.Trainer, module: L.LightningModule
    ) -> tuple[dict[str, Any], float | None]:
        """Return a row of the curve and the validation loss."""
        assert isinstance(module, PriorLearner)
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
        """Return the row in words."""
        valid = "" if row["valid_loss"] is None else f", valid {row['valid_loss']:.3f}"
        return f"train {row['train_loss']:.3f}{valid} nats a latent"

    def kept(self, module: L.LightningModule) -> nn.Module:
        """Return the network."""
        assert isinstance(module, PriorLearner)
        return module.network


@torch.no_grad()
def _hear(
    network: Autoencoder, front: Front, recordings: list[Recording], seed: int
) -> dict[str, Tensor]:
    """Return latents and meanings of random crops, and of which recordings they are."""
    # half a recording at most: the crops shall tell how far they are from the whole
    usual = float(np.median([recording.frames for recording in recordings]))
    least = 2 * front.hop * network.stride
    length = max(round(min(CROP_SECONDS * front.sample_rate, usual / 2)), least)
    crops = Crops(recordings, front.vocabulary, front.channels, length, seed)
    places = crops.cover(MEASURED_CROPS)
    batches: list[tuple[Tensor, ...]] = []
    for number, first in places:
        sound = recordings[number]
        samples = torch.from_numpy(sound.read(first, length, front.channels))
        whole = samples.shape[1] // (front.hop * network.stride) * network.stride
        if whole < 2 * network.stride:
            continue
        levels = log_magnitudes(stft(samples, front.n_fft, front.hop))[:, :whole]
        y = network.normalise(levels.transpose(0, 1).flatten(1))[None]
        mask = torch.ones(1, whole)
        g, _ = network.encode_global(y, mask)
        z, _ = network.encode_rest(y, g, mask)
        heard = meanings(levels[:1], front.sample_rate, front.hop)
        batches.append((g[0], z[0].mean(0), heard[0], torch.tensor(number)))
    if not batches:
        logger.warning("no recording is long enough to measure what the latents mean")
        empty = (torch.zeros(2, network.globals), torch.zeros(2, network.latents))
        return {
            "globals": empty[0], "latents": empty[1], "meanings": torch.zeros(2, 4),
            "numbers": torch.zeros(0, dtype=torch.long),
        }  # fmt: skip
    stacked = [torch.stack(part) for part in zip(*batches, strict=True)]
    return dict(zip(("globals", "latents", "meanings", "numbers"), stacked, strict=True))


@torch.no_grad()
def _fill_bank(train: Sequences, prior: Prior, heard: dict[str, Tensor]) -> Bank:
    """Return what is kept of the recordings: environments, how far crops stray, frames."""
    drift = torch.zeros(train.globals.shape[1])
    if len(heard["numbers"]):
        away = heard["globals"] - train.globals[heard["numbers"]]
        drift = away.square().mean(0).sqrt().clamp_max(1.0)
    step = max(1, -(-len(train) // MOST_ENVIRONMENTS))
    owners = torch.from_numpy(np.repeat(np.arange(len(train)), np.diff(train.firsts)))
    rows = torch.nonzero(owners % step == 0)[:, 0]
    rows = rows[:: max(1, -(-len(rows) // MOST_FRAMES))]
    data = torch.from_numpy(np.asarray(train.data[rows.numpy()], np.float32))
    even = Mixture(torch.zeros(len(prior.means)), prior.means, prior.log_deviations)
    codes = torch.cat([even.log_densities(part).argmax(1) for part in data[:, 0].split(4096)])
    return Bank(
        globals=train.globals[::step].clone(),
        conditions=train.conditions[::step].clone(),
        drift=drift,
        frames=data[:, 0].clone(),
        owners=owners[rows] // step,
        codes=codes,
        deviation=torch.exp(data[:, 1] / 2).mean(0),
    )

"""Train the autoencoder of a soundscape model."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn

from soundmill.distributed import in_processes
from soundmill.errors import InputError
from soundmill.files import write_json
from soundmill.log import logger
from soundmill.seeds import derive
from soundmill.shares import Share
from soundmill.soundscape.autoencoder import (
    Autoencoder,
    Decoded,
    divergence,
)
from soundmill.soundscape.autoencoder_options import AutoencoderOptions
from soundmill.soundscape.components import start_from_components
from soundmill.soundscape.condition_options import ConditionOptions
from soundmill.soundscape.conditions import Vocabulary, learn_vocabulary
from soundmill.soundscape.crops import Batch, Crops
from soundmill.soundscape.folder import save_folder
from soundmill.soundscape.frontend import (
    RAYLEIGH_MEAN,
    istft,
    log_magnitudes,
    noisiness,
    stft,
)
from soundmill.soundscape.learning import (
    GRADIENT_CLIP,
    count_epochs,
    epoch_loader,
    optimiser,
)
from soundmill.soundscape.recordings import read_recordings
from soundmill.status import write_table
from soundmill.training import Keeper, fit, open_state

CURVE_COLUMNS = (
    "epoch", "step", "seconds", "train_loss", "valid_loss", "reconstruction", "divergence",
    "learning_rate",
)  # fmt: skip
START_CROPS = 128
"""Crops that the principal components are found in."""
VALID_CROPS = 64
ACTIVE = 0.01
"""A latent is active when its posterior means vary by more (Burda et al. 2016, section 5)."""
COLLAPSED = 0.1
"""With fewer of the latents active the autoencoder counts as collapsed."""
STFT_CROPS = 4
"""Crops of a batch that the multi-resolution STFT loss is taken of: it costs more than the rest."""
RESOLUTIONS = (256, 512, 2048)
"""Windows of the multi-resolution STFT loss (Yamamoto, Song and Kim 2020), samples."""


@in_processes("options")
def train_autoencoder(
    recordings: str | os.PathLike[str],
    output: Path,
    metrics: Path,
    curves: Path,
    state: Path,
    options: AutoencoderOptions,
    conditions: dict[str, ConditionOptions],
    *,
    channels: int,
    seed: int,
    code: str = "",
    threads: int | None = None,
) -> None:
    """Train on the training recordings; an interrupted training goes on where it was.

    Parameters
    ----------
    recordings : table of `soundmill.soundscape.recordings.prepare_recordings`.
    output : folder to write: ``model.safetensors`` (best weights) and ``config.json``.
    metrics : JSON to write: parameters, seconds, losses, active latents.
    curves : CSV to write, a row for each validation.
    state : folder of the training state; removed when training succeeds.
    channels : of the sound, 1 or 2.
    threads : CPU threads of all devices of a node; None leaves torch's choice.

    Raises
    ------
    InputError
        When there is nothing to learn from.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    parts = {split: read_recordings(recordings, split) for split in ("train", "valid", "test")}
    if not parts["train"]:
        raise InputError(f"{recordings}: no recording to learn from; lower held_out's shares")
    rates = {recording.sample_rate for part in parts.values() for recording in part}
    if len(rates) > 1:
        raise InputError(
            f"{recordings}: the recordings have several sample rates "
            f"({', '.join(map(str, sorted(rates)))} Hz); decode the corpus at one sample_rate"
        )
    rate = rates.pop()
    vocabulary = learn_vocabulary([r.labels for r in parts["train"]], conditions)
    frames = max(round(options.crop_seconds * rate / options.hop / options.stride), 2)
    length = (frames * options.stride - 1) * options.hop
    train, valid = (
        Crops(parts[split], vocabulary, channels, length, derive(seed, split))
        for split in ("train", "valid")
    )
    share = Share.present()
    if share.first:
        open_state(
            state, [os.fspath(recordings)], options.model_dump(mode="json"),
            vocabulary.as_json(), channels, seed, code,
        )  # fmt: skip
    share.wait()
    learner = Learner(options, vocabulary, channels, train, valid, seed)
    keeper = AutoencoderKeeper(state / "last.ckpt", what="autoencoder")
    share.agree(state / "last.ckpt")
    fit(
        learner, keeper, max_epochs=count_epochs(options.steps, options.epoch_steps),
        accelerator=options.accelerator, precision=options.precision,
        gradient_clip_val=GRADIENT_CLIP, **share.trainer(options.devices, options.nodes),
    )  # fmt: skip
    if not share.first:
        return
    network = learner.network.cpu().eval()
    network.load_state_dict(keeper.weights(learner))
    write_table(curves, keeper.curve, CURVE_COLUMNS)
    latents = measure_latents(learner, train)
    if latents["collapsed"]:
        logger.warning(
            "only %d of %d latents are active: the decoder ignores the others; "
            "lower kl_weight or raise free_bits", latents["active"], latents["dimensions"],
        )  # fmt: skip
    facts = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "steps": keeper.curve[-1]["step"],
        "seconds": keeper.curve[-1]["seconds"],
        "best_epoch": keeper.best_epoch,
        **{name: keeper.best_row[name] for name in ("valid_loss", "reconstruction", "divergence")},
        "latents": latents,
    }
    write_json(metrics, facts)
    config = {
        "autoencoder": options.model_dump(mode="json"),
        "sample_rate": rate,
        "channels": channels,
        "vocabulary": vocabulary.as_json(),
        "seed": seed,
    }
    coherence = measure_coherence(learner, train)
    save_folder(output, network.state_dict(), {**config, "coherence": coherence})
    shutil.rmtree(state)


class Learner(L.LightningModule):
    """The autoencoder as lightning trains it."""

    def __init__(
        self,
        options: AutoencoderOptions,
        vocabulary: Vocabulary,
        channels: int,
        train: Crops,
        valid: Crops,
        seed: int,
    ) -> None:
        super().__init__()
        self.options, self.channels, self.seed = options, channels, seed
        self.crops, self.held_out = train, valid
        self.bins = options.n_fft // 2 + 1
        torch.manual_seed(derive(seed, "weights"))
        self.network = Autoencoder(options, channels * self.bins, vocabulary.width)
        levels, mask = self.levels(train.draw(START_CROPS, "start"))
        start_from_components(self.network, levels, mask)
        self.losses: list[tuple[float, float, float]] = []
        self.share = Share.present()

    def levels(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log magnitudes (B, T, channels * bins) and mask (B, T) of a batch."""
        spectrum = stft(batch.samples, self.options.n_fft, self.options.hop)
        levels = log_magnitudes(spectrum).transpose(1, 2).flatten(2)
        mask = batch.mask[:, :: self.options.hop]
        frames = levels.shape[1]
        if mask.shape[1] < frames:  # the last frame's centre is the end of the crop
            mask = torch.cat([mask, mask[:, -1:]], dim=1)
        return levels, mask[:, :frames]

    def loss(self, batch: Batch, items: int, share: Share) -> tuple[Tensor, Tensor, Decoded]:
        """Return the negative log likelihood and the divergence, nats a bin, and what was decoded.

        Of the two the mean over the processes is that of the whole batch.

        Parameters
        ----------
        batch : crops of this process.
        items : crops in the whole batch, of which these are a share.
        """
        levels, mask = self.levels(batch)
        y = self.network.normalise(levels)
        with share.draws(items):
            posterior, decoded = self.network(y, mask, batch.condition)
        scaled = (y - decoded.mean) * torch.exp(-decoded.log_spread)
        each = (0.5 * scaled.square() + decoded.log_spread) * mask.unsqueeze(2)
        heard = share.portion(mask.sum()) * self.network.bands
        bits = self.options.free_bits
        local = divergence(posterior.mean, posterior.log_variance)
        weight = mask[:, :: self.options.stride].unsqueeze(2)
        local = (local * weight).sum((0, 1)) / share.portion(weight.sum())
        whole = divergence(posterior.global_mean, posterior.global_log_variance)
        whole = whole.sum(0) / (items / share.of)
        local, whole = (share.at_least(part, bits).sum() for part in (local, whole))
        each_frame = local / self.options.stride + whole / levels.shape[1]
        return each.sum() / heard, each_frame / self.network.bands, decoded

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of a batch."""
        torch.manual_seed(derive(self.seed, "step", str(self.global_step)))
        options = self.options
        if batch.condition.shape[1]:
            with self.share.draws(options.batch):
                shown = torch.rand(len(batch.condition), 1) >= options.condition_dropout
            batch = batch._replace(condition=batch.condition * shown.to(batch.condition))
        reconstruction, kl, decoded = self.loss(batch, options.batch, self.share)
        warm = min(1.0, self.global_step / max(options.kl_warmup * options.steps, 1))
        loss = reconstruction + warm * options.kl_weight * kl
        if options.stft_weight:
            loss = loss + options.stft_weight * self._stft_loss(batch, decoded)
        self.losses.append(
            (float(loss.detach()), float(reconstruction.detach()), float(kl.detach()))
        )
        return loss

    def _stft_loss(self, batch: Batch, decoded: Decoded) -> Tensor:
        """Return the distance in nepers of log magnitudes at other resolutions than its own.

        The decoded magnitudes sound with the phases of the recording, since its own are drawn.
        """
        options = self.options
        crops = min(STFT_CROPS, options.batch)
        mine = self.share.count(crops)
        if not mine:
            return decoded.mean.new_zeros(())
        batch = Batch(*(part[:mine] for part in batch))
        decoded = Decoded(*(part[:mine] for part in decoded))
        spectrum = stft(batch.samples, options.n_fft, options.hop)
        levels = self.network.restore(decoded.mean)
        # a mean of logarithms is below the logarithm of the mean, by the more the noisier
        spread = decoded.log_spread + self.network.scale.log()
        levels = levels - RAYLEIGH_MEAN * noisiness(spread)
        shape = (*levels.shape[:2], self.channels, self.bins)
        size = torch.exp(levels).reshape(shape).transpose(1, 2)
        phases = spectrum / spectrum.abs().clamp_min(1e-9)
        sound = istft(size * phases, options.n_fft, options.hop, batch.samples.shape[-1])
        weight = batch.mask.unsqueeze(1)
        total = torch.zeros((), device=sound.device)
        for window in RESOLUTIONS:
            ours, real = (
                log_magnitudes(stft(x * weight, window, window // 4))
                for x in (sound, batch.samples)
            )
            total = total + (ours - real).abs().mean()
        return total / len(RESOLUTIONS) * (mine * self.share.of / crops)

    def train_dataloader(self) -> Any:
        """Return the batches of the present epoch."""
        options, epoch = self.options, self.current_epoch
        steps = min(options.epoch_steps, options.steps - epoch * options.epoch_steps)
        return epoch_loader(
            lambda *names: self.crops.draw(options.batch, *names, items=self.share.items),
            epoch, max(steps, 1),
        )  # fmt: skip

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule."""
        return optimiser(self.network, self.options.learning_rate, self.options.steps)

    @torch.no_grad()
    def validate(self) -> float | None:
        """Return the loss on held-out crops, the same each time; None where there are none."""
        if not self.held_out.recordings:
            return None
        self.network.eval()
        torch.manual_seed(derive(self.seed, "validation"))
        total, count = 0.0, 0
        places = self.held_out.cover(VALID_CROPS)
        for first in range(0, len(places), self.options.batch):
            chosen = places[first : first + self.options.batch]
            # of fewer crops than processes each takes all: some would have none
            share = self.share if len(chosen) >= self.share.of else Share()
            mine = chosen[share.items]
            batch = self.held_out.take([number for number, _ in mine], [start for _, start in mine])
            batch = Batch(*(part.to(self.device) for part in batch))
            reconstruction, kl, _ = self.loss(batch, len(chosen), share)
            total += float(reconstruction + self.options.kl_weight * kl) * len(chosen)
            count += len(chosen)
        self.network.train()
        return self.share.mean([total / count], self.device)[0]


class AutoencoderKeeper(Keeper):
    """Validates, and keeps the best weights and the curve."""

    def measure(
        self, trainer: L.Trainer, module: L.LightningModule
    ) -> tuple[dict[str, Any], float | None]:
        """Return a row of the curve and the validation loss."""
        assert isinstance(module, Learner)
        mine = np.mean(module.losses, axis=0).tolist()
        loss, reconstruction, kl = module.share.mean(mine, module.device)
        module.losses.clear()
        valid = module.validate()
        row = {
            "epoch": len(self.curve) + 1,
            "train_loss": round(loss, 6),
            "valid_loss": None if valid is None else round(valid, 6),
            "reconstruction": round(reconstruction, 6),
            "divergence": round(kl, 6),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
        }
        # while the divergence warms up, losses of different epochs are of different things:
        # the validation always weighs it in full
        return row, valid

    def say(self, row: Mapping[str, Any]) -> str:
        """Return the row in words."""
        valid = "" if row["valid_loss"] is None else f", valid {row['valid_loss']:.4f}"
        return f"train {row['train_loss']:.4f}{valid} nats a bin"

    def kept(self, module: L.LightningModule) -> nn.Module:
        """Return the network."""
        assert isinstance(module, Learner)
        return module.network


@torch.no_grad()
def measure_latents(learner: Learner, crops: Crops) -> dict[str, Any]:
    """Return how many latents are active, and whether the posterior has collapsed."""
    levels, mask = learner.levels(crops.draw(START_CROPS, "active"))
    network = learner.network
    y = network.normalise(levels)
    g, _ = network.encode_global(y, mask)
    z, _ = network.encode_rest(y, g, mask)
    heard = z[mask[:, :: network.stride] > 0]
    active = int((heard.var(0) > ACTIVE).sum())
    whole = int((g.var(0) > ACTIVE).sum())
    return {
        "active": active,
        "dimensions": network.latents,
        "global_active": whole,
        "global_dimensions": network.globals,
        "collapsed": active < COLLAPSED * network.latents,
    }


@torch.no_grad()
def measure_coherence(learner: Learner, crops: Crops) -> list[float] | None:
    """Return how alike two channels are in each bin, 0 to 1; None for one channel."""
    if learner.channels != 2:
        return None
    options = learner.options
    left, right = stft(
        crops.draw(START_CROPS, "coherence").samples, options.n_fft, options.hop
    ).unbind(1)
    cross = (left * right.conj()).mean((0, 1)).real
    power = left.abs().square().mean((0, 1)) * right.abs().square().mean((0, 1))
    found = (cross / power.sqrt().clamp_min(1e-12)).clamp(0, 1)
    return [round(float(value), 4) for value in found]

"""A soundscape model: its networks, what it heard, what it can be asked for."""

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soundmill.errors import InputError
from soundmill.soundscape.autoencoder import Autoencoder
from soundmill.soundscape.autoencoder_options import AutoencoderOptions
from soundmill.soundscape.bank import Bank
from soundmill.soundscape.conditions import Vocabulary, read_vocabulary
from soundmill.soundscape.folder import complete, fill, read_folder, save_folder
from soundmill.soundscape.prior import Prior
from soundmill.soundscape.prior_options import PriorOptions

BANK = [field.name for field in fields(Bank)]


@dataclass(frozen=True)
class Front:
    """What the model hears: sample rate in Hz, channels, window and hop in samples."""

    sample_rate: int
    channels: int
    n_fft: int
    hop: int
    vocabulary: Vocabulary

    @property
    def encoding(self) -> dict[str, int]:
        """What `soundmill.soundscape.encoding.encode` asks for."""
        return {
            "channels": self.channels, "sample_rate": self.sample_rate,
            "n_fft": self.n_fft, "hop": self.hop,
        }  # fmt: skip


@dataclass(frozen=True)
class SoundscapeModel:
    """A trained model, on the CPU.

    Attributes
    ----------
    coherence : (bins,) how alike two channels are; None for one channel.
    directions : for each meaning the step of the global vector that raises it by one standard
        deviation.
    autocorrelation : (D,) of each latent from frame to frame, for random walks.
    """

    network: Autoencoder
    prior: Prior
    bank: Bank
    front: Front
    coherence: Tensor | None
    directions: dict[str, Tensor]
    autocorrelation: Tensor
    config: dict[str, Any]

    @property
    def rate(self) -> float:
        """Frames of latents a second."""
        return self.front.sample_rate / self.front.hop / self.network.stride


def save_model(
    folder: Path,
    network: Autoencoder,
    prior: Prior,
    bank: Bank,
    config: dict[str, Any],
    *,
    directions: dict[str, list[float]],
    autocorrelation: list[float],
) -> None:
    """Write the model folder: all of it or nothing."""
    weights = {f"autoencoder.{name}": value for name, value in network.state_dict().items()}
    weights |= {f"prior.{name}": value for name, value in prior.state_dict().items()}
    weights |= {f"bank.{name}": getattr(bank, name) for name in BANK}
    weights["bank.frames"] = bank.frames.half()
    facts = {"directions": directions, "autocorrelation": autocorrelation}
    save_folder(folder, weights, config | facts)


def load_autoencoder(
    folder: str | os.PathLike[str],
) -> tuple[Autoencoder, Front, dict[str, Any]]:
    """Return the autoencoder of a folder, what it hears, and the folder's config."""
    config, weights = read_folder(Path(folder))
    with complete(Path(folder)):
        network, front = _autoencoder(config)
    fill(network, weights, "", Path(folder))
    return network, front, config


def load_model(folder: str | os.PathLike[str]) -> SoundscapeModel:
    """Return the model of a folder.

    Raises
    ------
    InputError
        When it is no folder of a soundscape model, is damaged, or of another version.
    """
    folder = Path(folder)
    config, weights = read_folder(folder)
    if "prior" not in config:
        raise InputError(f"{folder} holds no whole model; give the folder that is named model")
    with complete(folder):
        network, front = _autoencoder(config)
        options = PriorOptions.model_validate(config["prior"])
        prior = Prior(options, network.latents, network.globals, front.vocabulary.width)
        fill(network, weights, "autoencoder.", folder)
        fill(prior, weights, "prior.", folder)
        bank = Bank(**{name: weights[f"bank.{name}"] for name in BANK})
        bank = replace(bank, frames=bank.frames.float())
        coherence = config["coherence"]
        return SoundscapeModel(
            network, prior, bank, front,
            None if coherence is None else torch.tensor(coherence),
            {name: torch.tensor(step) for name, step in config["directions"].items()},
            torch.tensor(config["autocorrelation"]), config,
        )  # fmt: skip


def _autoencoder(config: dict[str, Any]) -> tuple[Autoencoder, Front]:
    options = AutoencoderOptions.model_validate(config["autoencoder"])
    vocabulary = read_vocabulary(config["vocabulary"])
    channels = int(config["channels"])
    bands = channels * (options.n_fft // 2 + 1)
    front = Front(int(config["sample_rate"]), channels, options.n_fft, options.hop, vocabulary)
    return Autoencoder(options, bands, vocabulary.width), front

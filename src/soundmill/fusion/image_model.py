"""A trained image encoder on disk: its folder, and the damages it was trained with.

The folder holds ``model.safetensors`` (weights, and the principal components of the damages) and
``config.json``: classes, size of the images, options, checksum.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from soundmill.errors import InputError
from soundmill.files import atomic_folder, write_json
from soundmill.fusion.encoded import Encoded, resize_picture
from soundmill.fusion.image_damages import Damages, Images
from soundmill.fusion.image_encoder_options import ImageEncoderOptions
from soundmill.fusion.image_network import ImageEncoder
from soundmill.fusion.image_options import ImageDamage

FORMAT = "soundmill.image_encoder"
BASIS = ("mean", "components", "shares")
AGAIN = "Train it again, or name the folder of another."


@dataclass(frozen=True)
class ImageModel:
    """A trained encoder in evaluation mode, on the CPU.

    Attributes
    ----------
    classes : names, in the order of the logits.
    config : what ``config.json`` says.
    """

    network: ImageEncoder
    damages: Damages
    classes: list[str]
    config: dict[str, Any]

    @property
    def size(self) -> int:
        """Rows and columns of the images."""
        return self.network.size

    def encode(self, images: Images) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (n, c), embeddings (n, d), tokens (n, 9, e) of images (n, size, size).

        Raises
        ------
        InputError
            When the images have another size.
        """
        if images.ndim != 3 or images.shape[1:] != (self.size, self.size):
            raise InputError(
                f"images of shape {images.shape} do not fit a network for images of "
                f"{self.size} x {self.size}; read them with the options of the images it learned"
            )
        with torch.inference_mode():
            return self.network.encode(torch.from_numpy(images.astype(np.float32) / 255))

    def encode_one(self, image: Images) -> Encoded:
        """Return what the network says of one image (size, size), ink bright on black."""
        logits, embedding, tokens = (part[0].numpy() for part in self.encode(image[None]))
        return Encoded(logits, embedding, tokens, resize_picture(image))


def save_image_model(
    folder: Path, network: ImageEncoder, damages: Damages, config: dict[str, Any]
) -> None:
    """Write the folder: readers see the old one, none, or the whole new one.

    Parameters
    ----------
    config : what config.json shall say beside the network's shape and the damages: ``classes``,
        and plain JSON values of any kind.
    """
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    weights |= {f"damages.{name}": getattr(damages, name) for name in BASIS}
    content = save({name: value.contiguous() for name, value in weights.items()})
    facts = {
        "format": FORMAT,
        **config,
        "size": network.size,
        "encoder": network.options.model_dump(mode="json"),
        "damages": {name: d.model_dump(mode="json") for name, d in damages.options.items()},
        "checksum": hashlib.sha256(content).hexdigest(),
    }
    with atomic_folder(folder) as draft:
        (draft / "model.safetensors").write_bytes(content)
        write_json(draft / "config.json", facts)


def load_image_model(folder: str | os.PathLike[str]) -> ImageModel:
    """Read what `save_image_model` wrote.

    Raises
    ------
    InputError
        When it is no such folder, or it is damaged.
    """
    folder = Path(folder)
    config, weights = _read(folder)
    try:
        options = ImageEncoderOptions.model_validate(config["encoder"])
        classes = [str(name) for name in config["classes"]]
        network = ImageEncoder(options, int(config["size"]), len(classes))
        network.load_state_dict(
            {n.removeprefix("network."): w for n, w in weights.items() if n.startswith("network.")}
        )
        named = {n: ImageDamage.model_validate(raw) for n, raw in config["damages"].items()}
        damages = Damages(named, *(weights[f"damages.{name}"] for name in BASIS))
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise InputError(f"{folder} is damaged ({error!r}). {AGAIN}") from error
    return ImageModel(network.eval(), damages, classes, config)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise InputError(f"{folder} is no folder of an image encoder: {name} is missing")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        content = (folder / "model.safetensors").read_bytes()
        weights = load(content)
    except (ValueError, SafetensorError, OSError) as error:
        raise InputError(f"{folder} is damaged ({error}). {AGAIN}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise InputError(f"{folder} holds no image encoder but something else. {AGAIN}")
    if config.get("checksum") != hashlib.sha256(content).hexdigest():
        raise InputError(f"{folder}: model.safetensors is not what config.json says. {AGAIN}")
    return config, weights

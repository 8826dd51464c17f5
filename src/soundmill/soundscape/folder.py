"""The folder of a soundscape model, or of its autoencoder alone: weights and config.json."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from soundmill.errors import InputError
from soundmill.files import atomic_folder

FORMAT = 1
"""Version of the folder; raised when old folders can no longer be read."""


def save_folder(folder: Path, weights: dict[str, Tensor], config: dict[str, Any]) -> None:
    """Write ``model.safetensors`` and ``config.json``: readers see all of it or nothing."""
    with atomic_folder(folder) as temporary:
        tensors = {name: value.contiguous() for name, value in weights.items()}
        save_file(tensors, temporary / "model.safetensors")
        text = json.dumps({"format": FORMAT, **config}, indent=2, ensure_ascii=False)
        (temporary / "config.json").write_text(text + "\n", encoding="utf-8")


def read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return config and weights of a folder; see `soundmill.soundscape.model.load_model`."""
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise InputError(f"{folder} is no model folder: {name} is missing")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "model.safetensors")
    except (ValueError, SafetensorError, OSError) as error:
        raise InputError(f"{folder} is damaged ({error}); train the model again") from error
    if not isinstance(config, dict) or "autoencoder" not in config:
        raise InputError(f"{folder} holds no soundscape model but something else")
    if config.get("format") != FORMAT:
        raise InputError(
            f"{folder} was written by another version of soundmill (format "
            f"{config.get('format')}, this one reads {FORMAT}); train the model again"
        )
    return config, weights


@contextmanager
def complete(folder: Path) -> Iterator[None]:
    """Explain what goes wrong where something is missing in a folder, or is no option."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{folder} is damaged ({error!r}); train the model again") from error


def fill(module: nn.Module, weights: dict[str, Tensor], prefix: str, folder: Path) -> None:
    """Give a module the weights whose names begin with ``prefix``, for use."""
    own = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
    try:
        module.load_state_dict(own)
    except RuntimeError as error:
        raise InputError(f"{folder}: its weights do not fit its config.json: {error}") from error
    module.eval()

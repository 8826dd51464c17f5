"""A trained fusion as a folder, its decisions on one example, and itself as one graph.

The folder holds ``config.json`` (kind, options, modalities, classes, shapes, checksum) and
``fusion.safetensors`` (weights, temperatures, priors, statistics of inputs).
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from soundmill.errors import InputError
from soundmill.files import atomic_folder, read_json, write_json
from soundmill.fusion.building import Shapes, build_fusion
from soundmill.fusion.encoded import Encoded
from soundmill.fusion.fusion_network import Batch, Calibration, Fusion
from soundmill.fusion.options import FusionOptions

FORMAT = 1
"""Version of the folder; raised when old folders can no longer be read."""
KIND = "soundmill.fused"
CONFIG, WEIGHTS = "config.json", "fusion.safetensors"
AGAIN = "Run `snakemake fusion` again, or name another folder."
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fused:
    """What a fusion says of one example.

    Attributes
    ----------
    probabilities : (c,), sum 1.
    weights : on whom it leaned, by modality: sum 1 over those that are there, 0 of the others; all
        NaN for a fusion that does not say.
    own : calibrated probabilities (c,) of each modality that is there.
    """

    probabilities: Floats
    weights: dict[str, float]
    own: dict[str, Floats]


class FusionGraph(nn.Module):
    """A fusion as one graph for export: no Python branches on values.

    ``forward(logits (b, m, c), present (b, m) bool)`` returns probabilities (b, c), weights (b, m)
    and each modality's calibrated probabilities (b, m, c), which are those of the prior where it
    is missing. Logits of a missing modality may be anything finite.
    """

    def __init__(self, fusion: Fusion, calibration: Calibration) -> None:
        super().__init__()
        self.fusion, self.calibration = fusion, calibration

    def forward(self, logits: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return probabilities, weights, and those of each modality alone."""
        batch = Batch(present=present, logits=logits)
        logs, weights = self.fusion(batch)
        return logs.exp(), weights, self.calibration.log_probabilities(batch).exp()


@dataclass(frozen=True)
class FusedModel:
    """A trained fusion, on the CPU.

    Attributes
    ----------
    modalities, classes : names, in their order.
    graph : what decides.
    shapes : of what comes in.
    config : what ``config.json`` says.
    """

    modalities: list[str]
    classes: list[str]
    graph: FusionGraph
    shapes: Shapes
    config: dict[str, Any]

    @torch.inference_mode()
    def decide(self, encoded: Mapping[str, Encoded | None]) -> Fused:
        """Decide on one example.

        Parameters
        ----------
        encoded : what each encoder says of its sample; None, or not named: it is missing.

        Raises
        ------
        InputError
            when all modalities are missing, one is not known, or its numbers do not fit.
        """
        strange = [name for name in encoded if name not in self.modalities]
        if strange:
            known = ", ".join(self.modalities)
            raise InputError(f"this fusion has no modality {strange[0]!r}, only {known}")
        given = [encoded.get(name) for name in self.modalities]
        if all(one is None for one in given):
            raise InputError(f"nothing to decide on: {' and '.join(self.modalities)} are missing")
        logits = torch.zeros(1, len(given), len(self.classes))
        for i, one in enumerate(given):
            if one is not None:
                logits[0, i] = self._checked(one.logits, i)
        present = torch.tensor([[one is not None for one in given]])
        probabilities, weights, own = self.graph(logits, present)
        return Fused(
            probabilities=_floats(probabilities[0]),
            weights=dict(zip(self.modalities, map(float, weights[0]), strict=True)),
            own={
                name: _floats(own[0, i])
                for i, name in enumerate(self.modalities)
                if given[i] is not None
            },
        )

    def _checked(self, logits: npt.NDArray[Any], number: int) -> Tensor:
        found = np.asarray(logits, np.float32).reshape(-1)
        name, size = self.modalities[number], len(self.classes)
        if len(found) != size:
            raise InputError(
                f"modality {name!r} gave {len(found)} logits for {size} classes; it belongs to "
                "another encoder"
            )
        if not np.isfinite(found).all():
            raise InputError(f"modality {name!r}: its logits are not all finite numbers")
        return torch.tensor(found)


def _floats(values: Tensor) -> Floats:
    return np.asarray(values.double().numpy())


def save_fused(
    folder: str | os.PathLike[str],
    fusion: Fusion,
    options: FusionOptions,
    shapes: Shapes,
    modalities: Sequence[str],
    classes: Sequence[str],
) -> None:
    """Write the folder of a fusion of kind late or gate: all of it or nothing."""
    folder = Path(folder)
    weights = save({name: value.contiguous() for name, value in fusion.state_dict().items()})
    _calibration(fusion)
    config = {
        "kind": KIND,
        "format": FORMAT,
        "fusion": options.model_dump(mode="json"),
        "modalities": list(modalities),
        "classes": list(classes),
        "shapes": shapes.as_json(),
        "sha256": hashlib.sha256(weights).hexdigest(),
    }
    with atomic_folder(folder) as draft:
        (draft / WEIGHTS).write_bytes(weights)
        write_json(draft / CONFIG, config)


def load_fused(folder: str | os.PathLike[str]) -> FusedModel:
    """Load what `save_fused` wrote.

    Raises
    ------
    InputError
        when it is no such folder, is of another version, or damaged.
    """
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(f"{folder} is no folder of a fusion: {name} is missing. {AGAIN}")
    try:
        config = read_json(folder / CONFIG)
        kind, version = config["kind"], config["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / CONFIG} is damaged: {error!r}. {AGAIN}") from error
    if (kind, version) != (KIND, FORMAT):
        raise InputError(f"{folder} holds {kind!r} of version {version}, not {KIND!r} of {FORMAT}")
    content = (folder / WEIGHTS).read_bytes()
    if hashlib.sha256(content).hexdigest() != config.get("sha256"):
        raise InputError(f"{folder}: {WEIGHTS} is not what {CONFIG} says. {AGAIN}")
    try:
        weights = load(content)
        shapes = Shapes.read(config["shapes"])
        options = FusionOptions.model_validate(config["fusion"])
        fusion = build_fusion(options, shapes)
        fusion.load_state_dict(weights)
        fusion.eval()
        return FusedModel(
            modalities=list(config["modalities"]),
            classes=list(config["classes"]),
            graph=FusionGraph(fusion, _calibration(fusion)).eval(),
            shapes=shapes,
            config=config,
        )
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"{folder} is damaged: {error}. {AGAIN}") from error


def _calibration(fusion: Fusion) -> Calibration:
    found = getattr(fusion, "calibration", None)
    if not isinstance(found, Calibration):
        raise ValueError(f"{type(fusion).__name__} does not decide from probabilities")
    return found

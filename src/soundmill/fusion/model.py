"""The folder of a fusion for use, and its decisions on what someone gives it.

The folder works without the rest: ``config.json`` (modalities, classes, how inputs are made, the
checksums of all files), ``fusion/`` and ``encoders/<modality>/``.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soundmill.errors import InputError
from soundmill.files import atomic_folder, read_json, sha256_file, write_json
from soundmill.fusion.decision import Decision, called, explain
from soundmill.fusion.encoded import Encoded
from soundmill.fusion.fused import FusedModel, load_fused
from soundmill.fusion.options import FusionTaskOptions
from soundmill.fusion.user_encoders import Encoder, load_encoder
from soundmill.fusion.user_sound import NothingThereError

FORMAT = 1
"""Version of the folder; raised when old folders can no longer be read."""
KIND = "soundmill.fusion"
ENCODERS, FUSION = "encoders", "fusion"
AGAIN = "Run `snakemake fusion` again, or name another folder."


@dataclass(frozen=True)
class FusionModel:
    """A fusion and its encoders, ready to decide on the CPU.

    Attributes
    ----------
    encoders : by modality, in their order.
    config : what ``config.json`` says.
    """

    encoders: dict[str, Encoder]
    fused: FusedModel
    config: dict[str, Any]

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        return list(self.config["classes"])

    @property
    def kinds(self) -> dict[str, str]:
        """Kind of each modality, by name, in their order."""
        return {name: encoder.kind for name, encoder in self.encoders.items()}

    def decide(self, inputs: Mapping[str, Any]) -> Decision:
        """Decide on one example.

        Parameters
        ----------
        inputs : by modality; of a sound a file or `soundmill.fusion.user_sound.Sound`, of an
            image a file or an array. What is None or not named is missing, and so is what turns
            out to hold nothing (silence, an empty image) as long as another modality does.

        Raises
        ------
        InputError
            When nothing is there to decide on, a modality is not known, or an input cannot be
            read or used.
        """
        samples, missing = self.take(inputs)
        return self.decide_samples(samples, missing)

    def take(self, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the samples that are there, and why the others are not, by modality.

        Errors as `decide`.
        """
        strange = [name for name in inputs if name not in self.encoders]
        if strange:
            known = ", ".join(self.encoders)
            raise InputError(f"there is no modality {strange[0]!r}; this model has {known}")
        names = called(self.kinds)
        samples: dict[str, Any] = {}
        missing: dict[str, str] = {}
        for name, encoder in self.encoders.items():
            if inputs.get(name) is None:
                missing[name] = f"{names[name]} was not given"
                continue
            try:
                samples[name] = encoder.take(inputs[name])
            except NothingThereError as nothing:
                missing[name] = str(nothing)
        if not samples:
            why = "; ".join(missing.values())
            raise InputError(f"there is nothing to decide on: {why}. Give one of them at least")
        return samples, missing

    def encode(self, samples: Mapping[str, Any]) -> dict[str, Encoded | None]:
        """Return what each encoder says of its sample, None of one that is missing."""
        return {
            name: encoder.encode(samples[name]) if name in samples else None
            for name, encoder in self.encoders.items()
        }

    def decide_samples(
        self, samples: Mapping[str, Any], missing: Mapping[str, str] | None = None
    ) -> Decision:
        """Decide on samples as `take` returns them."""
        fused = self.fused.decide(self.encode(samples))
        there = [name for name in self.encoders if name in samples]
        weights = {name: float(fused.weights[name]) for name in there}
        return explain(
            self.classes, self.kinds, fused.probabilities,
            {} if any(np.isnan(list(weights.values()))) else weights,
            {name: fused.own[name] for name in there}, missing or {},
        )  # fmt: skip


def assemble_fusion(
    output: str | os.PathLike[str],
    fusion: str | os.PathLike[str],
    encoders: Mapping[str, str | os.PathLike[str]],
    options: FusionTaskOptions,
    facts: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Copy all that decisions need into one folder: readers see all of it or nothing.

    Parameters
    ----------
    output : folder to write; one that is there is replaced.
    fusion : folder of the fusion for use.
    encoders : model folder of each modality: of a sound that of the classification network's fold
        ``all``, of an image that of the image encoder.
    options : of the fusion task.
    facts : what encoders' folders do not say of how inputs are made, by modality: of an image
        ``preparation``, of a sound ``longest_seconds`` that it learned from; both may lack.

    Raises
    ------
    InputError
        When a part is missing or damaged, or they do not belong together.
    """
    output, extra = Path(output), facts or {}
    if list(encoders) != list(options.modalities):
        raise InputError(
            f"the encoders are of {', '.join(encoders)}, the modalities are "
            f"{', '.join(options.modalities)}"
        )
    with atomic_folder(output) as draft:
        _copy(Path(fusion), draft / FUSION)
        for name, folder in encoders.items():
            _copy(Path(folder), draft / ENCODERS / name)
        modalities = {
            name: {"kind": modality.kind, **extra.get(name, {})}
            for name, modality in options.modalities.items()
        }
        fused = load_fused(draft / FUSION)
        config = {
            "format": FORMAT,
            "kind": KIND,
            "modalities": modalities,
            "classes": list(fused.classes),
            "use": options.use,
            "sha256": _checksums(draft),
        }
        write_json(draft / "config.json", config)
        _try(draft, output)


def _try(draft: Path, output: Path) -> None:
    """Find what does not fit together here, so that the user does not."""
    try:
        load_fusion(draft)
    except InputError as error:
        raise InputError(str(error).replace(str(draft), str(output))) from error


def _copy(source: Path, target: Path) -> None:
    if not (source / "config.json").is_file():
        raise InputError(f"{source} is no model folder: config.json is missing. {AGAIN}")
    shutil.copytree(source, target)


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def load_fusion(folder: str | os.PathLike[str]) -> FusionModel:
    """Load a folder of `assemble_fusion`.

    Raises
    ------
    InputError
        When it is no such folder, is damaged or incomplete, or was written by another version.
    """
    folder = Path(folder)
    config = _read_config(folder)
    try:
        _check(folder, config["sha256"])
        encoders = {
            name: load_encoder(folder / ENCODERS / name, facts)
            for name, facts in config["modalities"].items()
        }
        classes = list(config["classes"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{folder} is damaged ({error!r}). {AGAIN}") from error
    fused = load_fused(folder / FUSION)
    if list(fused.modalities) != list(encoders):
        raise InputError(
            f"{folder}: the fusion is of {', '.join(fused.modalities)}, the encoders are of "
            f"{', '.join(encoders)}. {AGAIN}"
        )
    for name, own in {**{n: e.classes for n, e in encoders.items()}, FUSION: fused.classes}.items():
        if list(own) != classes:
            raise InputError(
                f"{folder}: {name} knows the classes {', '.join(own)}, the others "
                f"{', '.join(classes)}; learn the fusion from these encoders"
            )
    return FusionModel(encoders, fused, config)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(
            f"{folder} is no folder of a fusion: config.json is missing; give "
            "results/fusion/<task>/model"
        )
    try:
        config = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}). {AGAIN}") from error
    if not isinstance(config, dict) or config.get("kind") != KIND:
        raise InputError(
            f"{folder} holds no fusion for use but something else; give results/fusion/<task>/model"
        )
    if config.get("format") != FORMAT:
        raise InputError(
            f"{folder} was written by another version of soundmill (format "
            f"{config.get('format')}, this one reads {FORMAT}). {AGAIN}"
        )
    return config


def _check(folder: Path, sums: Mapping[str, str]) -> None:
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{folder} is not complete: {name} is missing. {AGAIN}")
        if sha256_file(path) != expected:
            raise InputError(f"{path} is damaged: its checksum differs. {AGAIN}")

"""A trained network on disk and in use: its folder, and its decisions on spectra.

The folder holds ``seed-<n>.safetensors``, one a training, and ``config.json``: task kind, classes,
options, how the spectra were made, frames of a chunk, checksums. Normalisation lies in the weights.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from torch import Tensor

from soundmill.classification.aggregation import aggregate
from soundmill.classification.network_data import Spectrum, cut_chunks
from soundmill.classification.network_options import ClassifierOptions
from soundmill.classification.networks import Classifier, count_parameters
from soundmill.errors import InputError
from soundmill.files import atomic_folder

FORMAT = "soundmill.classifier"
AT_ONCE = 64
"""Chunks that pass a network together."""
AGAIN = "Train it again, or name the folder of another."


@dataclass(frozen=True)
class Decision:
    """What a network says of one recording.

    Attributes
    ----------
    segments : probabilities, or values of a regression, of each chunk (s, c).
    starts : frame of the spectrum each chunk begins at (s,).
    recording : the same for the whole recording (c,).
    """

    segments: npt.NDArray[np.float64]
    starts: npt.NDArray[np.intp]
    recording: npt.NDArray[np.float64]


def decide(network: Classifier, spectra: Iterable[Spectrum], frames: int) -> Iterator[Decision]:
    """Decide on recordings with one network, which is left in evaluation mode.

    Parameters
    ----------
    spectra : (frames, bands) in dB of each recording.
    frames : of a chunk.
    """
    network.eval()
    waiting: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]] = []
    for spectrum in spectra:
        waiting.append(cut_chunks(spectrum, frames, network.options))
        if sum(len(chunks) for chunks, _ in waiting) >= AT_ONCE:
            yield from _decide_together(network, waiting)
            waiting = []
    if waiting:
        yield from _decide_together(network, waiting)


def _decide_together(
    network: Classifier,
    recordings: Sequence[tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]],
) -> Iterator[Decision]:
    chunks = torch.from_numpy(np.concatenate([chunks for chunks, _ in recordings]))
    with torch.inference_mode():
        embedded = torch.cat([network.embed(network.front(x)) for x in chunks.split(AT_ONCE)])
        parts = embedded.split([len(starts) for _, starts in recordings])
        for part, (_, starts) in zip(parts, recordings, strict=True):
            yield _decide_one(network, part, starts)


def _decide_one(network: Classifier, embedded: Tensor, starts: npt.NDArray[np.intp]) -> Decision:
    segments = network.decide(network.classify(embedded)).double().numpy()
    if network.attend is None:
        recording = aggregate(segments, network.options.aggregation, network.task)
    else:
        recording = network.decide(network.gather(embedded)).double().numpy()
    return Decision(segments, starts, recording)


class TrainedNetwork:
    """The trainings of one learner, whose decisions are averaged.

    Attributes
    ----------
    networks : one a seed. config : what ``config.json`` says.
    """

    def __init__(self, networks: Sequence[Classifier], config: dict[str, Any]) -> None:
        self.networks, self.config = list(networks), config

    @property
    def classes(self) -> list[str]:
        """Names of the c classes, tags or regressed values."""
        return list(self.config["classes"])

    @property
    def frames(self) -> int:
        """Frames of a chunk."""
        return int(self.config["frames"])

    def decide(self, spectrum: Spectrum) -> Decision:
        """Decide on one recording; starts are frames."""
        self._check(spectrum)
        each = [next(decide(network, [spectrum], self.frames)) for network in self.networks]
        segments = np.mean([decision.segments for decision in each], axis=0)
        recording = np.mean([decision.recording for decision in each], axis=0)
        return Decision(segments, each[0].starts, recording)

    def predict(
        self, spectrum: Spectrum
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Decide on one recording.

        Parameters
        ----------
        spectrum : (frames, bands), made with the options in ``config["spectra"]``.

        Returns
        -------
        Probabilities (or values) of each chunk (s, c); start of each chunk (s,) in seconds; and
        those of the recording (c,).

        Raises
        ------
        InputError
            when the spectrum has another number of bands, or no frame.
        """
        decision = self.decide(spectrum)
        starts = decision.starts / float(self.config["frame_rate"])
        return decision.segments, starts, decision.recording

    def _check(self, spectrum: Spectrum) -> None:
        if spectrum.ndim != 2 or not len(spectrum) or spectrum.shape[1] != self.config["bands"]:
            raise InputError(
                f"a spectrum of shape {spectrum.shape} does not fit a network for "
                f"{self.config['bands']} bands. Compute it with the options of the model's "
                "config.json, entry spectra."
            )


def save_network(folder: Path, states: Sequence[dict[str, Tensor]], config: dict[str, Any]) -> None:
    """Write a model folder atomically: readers see the old folder, none, or the whole new one.

    Parameters
    ----------
    states : weights of each seed, in the order of the seeds.
    config : what config.json shall say; plain JSON values.
    """
    from safetensors.torch import save

    with atomic_folder(folder) as temporary:
        checksums = {}
        for number, state in enumerate(states, 1):
            content = save({name: value.contiguous() for name, value in state.items()})
            (temporary / weights_file(number)).write_bytes(content)
            checksums[weights_file(number)] = hashlib.sha256(content).hexdigest()
        text = json.dumps({"format": FORMAT, **config, "sha256": checksums}, indent=2)
        (temporary / "config.json").write_text(text + "\n", encoding="utf-8")


def weights_file(seed: int) -> str:
    """Return the name of the file with a seed's weights."""
    return f"seed-{seed}.safetensors"


def load_network(folder: str | Path) -> TrainedNetwork:
    """Load a folder of `save_network`, ready to decide (on the CPU).

    Raises
    ------
    InputError
        when a file is missing or damaged, or was made by another soundmill.
    """
    folder = Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} is not a readable model folder: {error}. {AGAIN}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise InputError(f"{folder / 'config.json'} is not that of a network. {AGAIN}")
    try:
        networks = [_load_weights(folder / name, config) for name in config["sha256"]]
    except (KeyError, TypeError, ValidationError, RuntimeError) as error:
        raise InputError(f"{folder} does not fit this soundmill: {error}. {AGAIN}") from error
    return TrainedNetwork(networks, config)


def _load_weights(path: Path, config: dict[str, Any]) -> Classifier:
    from safetensors.torch import load

    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}. {AGAIN}") from error
    if hashlib.sha256(content).hexdigest() != config["sha256"][path.name]:
        raise InputError(
            f"{path} is damaged or belongs to another config.json: its checksum differs. {AGAIN}"
        )
    options = ClassifierOptions(**config["options"])
    network = Classifier(options, config["bands"], len(config["classes"]), config["kind"])
    network.load_state_dict(load(content))
    return network.eval()


def describe_network(
    network: Classifier,
    *,
    classes: Sequence[str],
    frames: int,
    frame_rate: float,
    spectra: dict[str, Any],
) -> dict[str, Any]:
    """Return the config.json of a network.

    Parameters
    ----------
    frames : of a chunk. frame_rate : frames a second. spectra : options of the spectra.
    """
    return {
        "kind": network.task,
        "classes": list(classes),
        "options": network.options.model_dump(mode="json"),
        "spectra": spectra,
        "bands": network.bands,
        "frames": frames,
        "frame_rate": frame_rate,
        "parameters": count_parameters(network),
    }

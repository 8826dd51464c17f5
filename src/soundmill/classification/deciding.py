"""Trained learners that hear: sound in, a decision out, whatever kind they are.

Used where there is sound and no workflow: on the command line, and where recordings are changed on
purpose to see how decisions hold.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.corpus.decode_options import DecodeOptions
from soundmill.errors import InputError
from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.spectra_options import SpectraOptions
from soundmill.files import read_json

Values = npt.NDArray[np.float64]
WHERE = (
    "results/classification/<task>/learners/<learner>/model or, of a network, "
    ".../<learner>/folds/all/model"
)
Hearing = DescriptorOptions | SpectraOptions
"""What a learner takes in: descriptors or spectra, made with these options."""


@dataclass(frozen=True)
class Decider:
    """A trained learner.

    Attributes
    ----------
    kind, classes : of the task; c classes.
    hearing : options of what it takes in.
    decide : from what `hear` returned to probabilities or values of the recording (c,).
    """

    kind: str
    classes: list[str]
    hearing: Hearing
    decide: Callable[[Any], Values]
    decode: DecodeOptions | None = None
    """How the recordings it learned from were decoded; None where that is not known."""


def load_decider(folder: str | os.PathLike[str], fold: str | None = None) -> Decider:
    """Load a model folder.

    Parameters
    ----------
    fold : for a classical learner, the fold whose learner is wanted; default the one that learned
        from everything. Each fold of a network has a folder of its own.

    Raises
    ------
    InputError
        When the folder holds no model, or one that learned from a table instead of sound.
    """
    folder = Path(folder)
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} holds no model ({error}); give {WHERE}") from error
    if not isinstance(config, dict) or "classes" not in config:
        raise InputError(f"{folder} holds a model that is no classifier; give {WHERE}")
    if "spectra" in config:
        return _network(folder, config)
    if not config.get("descriptors"):
        raise InputError(f"{folder} learned from a ready table, so it cannot hear recordings")
    return _classical(folder, config, fold)


def hear(samples: npt.NDArray[np.float32], sample_rate: int, hearing: Hearing) -> Any:
    """Return what a learner takes in, computed from samples (n,) at ``sample_rate`` Hz."""
    if sample_rate != hearing.sample_rate:
        import soxr

        samples = soxr.resample(samples, sample_rate, hearing.sample_rate)
    if isinstance(hearing, SpectraOptions):
        from soundmill.features.spectra import spectrum

        return spectrum(samples, hearing).astype(np.float16)  # as stored spectra are
    from soundmill.features.bank import describe

    return describe(samples, hearing)


def _network(folder: Path, config: dict[str, Any]) -> Decider:
    from soundmill.classification.network_model import load_network

    network = load_network(folder)
    options = SpectraOptions(**config["spectra"])

    def decide(heard: Any) -> Values:
        return network.predict(heard)[2]

    return Decider(config["kind"], network.classes, options, decide, _decode_options(config))


def _decode_options(config: dict[str, Any]) -> DecodeOptions | None:
    return DecodeOptions(**config["decode"]) if config.get("decode") else None


def _classical(folder: Path, config: dict[str, Any], fold: str | None) -> Decider:
    import pandas as pd

    from soundmill.classification.aggregation import aggregate
    from soundmill.features.columns import columns

    options = DescriptorOptions(**config["descriptors"])
    names = [column.name for column in columns(options)]
    if fold is None:
        from soundmill.classification.classical_model import load_classical

        predict = load_classical(folder).predict
    else:
        from soundmill.classification.classical_files import load_learner

        learner = load_learner(folder / "folds" / f"{fold}.skops")
        wanted = config["columns"]

        def predict(table: pd.DataFrame) -> Values:
            x = table[wanted].to_numpy(np.float32)
            x = np.where(np.isfinite(x), x, np.float32(np.nan))  # as for the model for use
            return np.asarray(learner.predict(x), np.float64)

    def decide(heard: Any) -> Values:
        rows = heard.segments if config["level"] == "segment" else heard.recording[None]
        values = predict(pd.DataFrame(rows, columns=names))
        return aggregate(values, config["aggregation"], config["task"])

    classes = list(config["classes"])
    return Decider(config["task"], classes, options, decide, _decode_options(config))


def decide_file(path: str | os.PathLike[str], decider: Decider) -> Values:
    """Decide on one recording of any format, decoded as those were that the learner knows.

    Raises
    ------
    InputError
        When it cannot be read, or would have been rejected from the corpus.
    """
    from soundmill.audio.files import read_audio

    rate = decider.hearing.sample_rate
    with tempfile.TemporaryDirectory() as folder:
        if decider.decode:
            from soundmill.corpus.decode import decode_file

            decode_file(path, Path(folder, "decoded.wav"), decider.decode)
            path = Path(folder, "decoded.wav")
        samples, _ = read_audio(path, sample_rate=rate)
    return decider.decide(hear(samples[0], rate, decider.hearing))


def phrase(decider: Decider, values: Values, top: int = 3) -> str:
    """Return a decision (c,) in words: the likeliest classes, the tags that hold, or the values.

    Parameters
    ----------
    top : classes to name at most; of tags, those at one half or more, or else the likeliest.
    """
    if decider.kind == "regression":
        pairs = zip(decider.classes, values, strict=True)
        return ", ".join(f"{name} {value:.3g}" for name, value in pairs)
    count = max(1, int((values >= 0.5).sum())) if decider.kind == "multi" else top
    order = np.argsort(-values, kind="stable")[:count]
    return ", ".join(f"{decider.classes[i]} {100 * values[i]:.0f} %" for i in order)

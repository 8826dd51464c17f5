"""Does a clip have the label that was asked for? A classifier that made nothing decides.

The judge is a learner of the classification line, or, where none is named, one of its own: logistic
regression on texture statistics, trained on the real training clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import Samples
from soundmill.errors import InputError
from soundmill.options import nearest

Values = npt.NDArray[np.float64]
OWN = "logistic regression on texture statistics, trained on the training clips of this evaluation"
STRENGTH = 0.02
"""Inverse of the penalty (scikit-learn's C) for 374 standardised columns and some tens of clips."""
FURTHEST = 6.0
LEAST_CLIPS = 2
"""Training clips a class needs."""


@dataclass(frozen=True)
class Judged:
    """What a judge makes of n clips.

    Attributes
    ----------
    probabilities : (n, c). embeddings : what a network's last layer sees (n, d), else None.
    """

    probabilities: Values
    embeddings: Values | None


class Judge(Protocol):
    """Decides on clips; ``name`` says what it is, ``classes`` the c classes it knows."""

    name: str
    classes: list[str]

    def judge(self, clips: Sequence[Samples], textures: Values) -> Judged:
        """Decide on n clips, at least one.

        Parameters
        ----------
        clips : samples (channels, frames) each. textures : their statistics (n, columns).
        """


class TextureJudge:
    """Logistic regression on texture statistics.

    Parameters
    ----------
    textures, labels : of the training clips; classes with fewer than two clips are left out.

    Raises
    ------
    ValueError
        When fewer than two classes are left.
    """

    name: str = OWN
    classes: list[str]

    def __init__(self, textures: Values, labels: Sequence[str]) -> None:
        from sklearn.linear_model import LogisticRegression

        names = np.array(labels, dtype=str)
        found, counts = np.unique(names[names != ""], return_counts=True)
        self.classes = [str(c) for c in found[counts >= LEAST_CLIPS]]
        if len(self.classes) < 2:
            raise ValueError("fewer than two classes with training clips")
        used = np.isin(names, self.classes)
        self._mean, spread = textures[used].mean(axis=0), textures[used].std(axis=0)
        self._scale = np.where(spread > 1e-9, 1 / np.maximum(spread, 1e-9), 0.0)
        self._model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=500)
        self._model.fit(self._standardised(textures[used]), names[used])

    def _standardised(self, textures: Values) -> Values:
        unit = (textures - self._mean) * self._scale
        return np.asarray(unit.clip(-FURTHEST, FURTHEST))

    def judge(self, clips: Sequence[Samples], textures: Values) -> Judged:
        """Decide on clips by their textures; it has no embeddings but these."""
        values = self._model.predict_proba(self._standardised(textures))
        return Judged(np.asarray(values, np.float64), None)


class LearnerJudge:
    """A trained learner of the classification line.

    Parameters
    ----------
    folder : its model folder, see `soundmill.classification.deciding`.
    name : what to call it.
    sample_rate : of the clips, Hz.

    Raises
    ------
    InputError
        When the folder holds no model that hears sound, or one that does not decide for a class.
    """

    def __init__(self, folder: Path, name: str, sample_rate: int) -> None:
        from soundmill.classification.deciding import load_decider

        self.name, self._rate = name, sample_rate
        self._decider = load_decider(folder)
        if self._decider.kind != "single":
            raise InputError(
                f"{folder} cannot judge soundscapes: its task is of kind {self._decider.kind!r}, "
                "not 'single'. Name a learner of a task with one class a recording."
            )
        self.classes = list(self._decider.classes)
        self._network = _network(folder)

    @property
    def embeds(self) -> bool:
        """Whether it has a last layer whose numbers can be compared."""
        return self._network is not None

    def judge(self, clips: Sequence[Samples], textures: Values) -> Judged:
        """Decide on clips by their sound."""
        heard = [self._hear(clip) for clip in clips]
        probabilities = np.stack([self._decider.decide(one) for one in heard])
        seen = None if self._network is None else network_embeddings(self._network, heard)
        return Judged(probabilities, seen)

    def _hear(self, clip: Samples) -> Any:
        from soundmill.classification.deciding import hear

        mono = np.ascontiguousarray(clip.mean(axis=0, dtype=np.float32))
        return hear(mono, self._rate, self._decider.hearing)


def _network(folder: Path) -> Any:
    from soundmill.files import read_json

    if "spectra" not in read_json(folder / "config.json"):
        return None
    from soundmill.classification.network_model import load_network

    return load_network(folder)


def network_embeddings(network: Any, spectra: Sequence[npt.NDArray[Any]]) -> Values:
    """Return what the last layer of a trained network sees of recordings, (n, d).

    The mean over the chunks of a recording, those of all seeds side by side.

    Parameters
    ----------
    network : `soundmill.classification.network_model.TrainedNetwork`.
    spectra : (frames, bands) each, made with the options in its ``config["spectra"]``.
    """
    import torch

    from soundmill.classification.network_data import cut_chunks

    columns = []
    for one in network.networks:
        one.eval()
        rows = []
        for spectrum in spectra:
            chunks, _ = cut_chunks(spectrum, network.frames, one.options)
            with torch.inference_mode():
                embedded = one.embed(one.front(torch.from_numpy(chunks)))
            rows.append(embedded.mean(0).double().numpy())
        columns.append(np.stack(rows))
    return np.concatenate(columns, axis=1)


@dataclass(frozen=True)
class Verdicts:
    """What a judge says of the clips of one kind that have a label it knows.

    Attributes
    ----------
    right : 0 or 1 of each clip (n,).
    confusion : clips by label (rows) and decision (columns).
    """

    right: Values
    confusion: npt.NDArray[np.intp]


def check_labels(judge: Judge, labels: Sequence[str]) -> None:
    """Raise `InputError` when the judge does not know a label."""
    unknown = sorted({label for label in labels if label} - set(judge.classes))
    if unknown:
        raise InputError(
            f"evaluation.judge: {judge.name} does not know the label {unknown[0]!r}"
            f"{nearest(unknown[0], judge.classes)}; its classes are {', '.join(judge.classes)}. "
            "Name a learner of a task with the same labels, or leave the judge out."
        )


def judge_clips(judge: Judge, probabilities: Values, labels: Sequence[str]) -> Verdicts:
    """Compare decisions (n, c) with labels (n,), n >= 1, all of which the judge knows."""
    truth = np.array([judge.classes.index(label) for label in labels], np.intp)
    decided = probabilities.argmax(axis=1)
    confusion = np.zeros((len(judge.classes), len(judge.classes)), np.intp)
    np.add.at(confusion, (truth, decided), 1)
    return Verdicts((truth == decided).astype(np.float64), confusion)

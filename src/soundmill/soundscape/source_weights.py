"""Which recordings fit what is asked for: a probability for each."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from soundmill.soundscape.conditions import Floats, Vocabulary

Weights = npt.NDArray[np.float64]


class SourceWeights:
    """Probabilities of recordings, from the vector of a script.

    With nothing asked for, all sound is alike: a recording's probability is its share of the
    seconds. Each column asked for multiplies it: a category by the weight of the recording's
    label, divided by that label's share of the seconds (half rain, half wind, however much there
    is of either); a circle by the von Mises density around the place asked for. A recording
    without the label has weight 0 there, so it is used only where no other is left. A column half
    asked for, on the way between two wishes, counts half.

    Parameters
    ----------
    rows : of the recordings, with their labels.
    seconds : of the recordings.
    concentration : of the von Mises density.
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, str]],
        seconds: Sequence[float],
        vocabulary: Vocabulary,
        concentration: float,
    ) -> None:
        self._vocabulary, self._concentration = vocabulary, concentration
        lengths = np.array(seconds, np.float64)
        self._base = lengths / lengths.sum()
        self._labels = np.stack([vocabulary.vector(vocabulary.wish(row)) for row in rows])

    def probabilities(self, vector: npt.NDArray[np.float32]) -> Weights:
        """Return probabilities (recordings,), whose sum is 1."""
        factors = self._factors(vector.astype(np.float64))
        fit, near = self._base.copy(), self._base.copy()
        for factor, instead in factors:
            fit *= factor
            near *= instead
        # when none fits in all that is asked: those that fit in most, or lack a label
        found = fit if fit.sum() > 0 else near
        return np.asarray(found / found.sum())

    def _factors(self, vector: Weights) -> list[tuple[Weights, Weights]]:
        """Return each column's factors (recordings,), and what replaces them where none fits."""
        found = []
        place = 0
        for column in self._vocabulary.columns.values():
            wanted = vector[place : place + column.width]
            labels = self._labels[:, place : place + column.width]
            place += column.width
            if wanted[-1] <= 0:
                continue
            asked, wanted = wanted[-1], wanted[:-1] / wanted[-1]
            if column.kind == "category":
                share = np.maximum(self._base @ labels[:, :-1], 1e-12)
                factor = labels[:, :-1] @ (wanted / share)
            else:
                closeness = labels[:, :-1] @ wanted
                length = np.hypot(wanted[0], wanted[1])
                factor = labels[:, -1] * np.exp(self._concentration * (closeness - length))
                factor /= max(float(self._base @ factor), 1e-300)
            factor = (1 - asked) + asked * factor
            unknown = labels[:, -1] == 0
            found.append((factor, np.where(unknown, 1e-3, np.maximum(factor, 1e-9))))
        return found


def layer_weights(vocabulary: Vocabulary, vector: Floats) -> dict[str, float]:
    """Return the weights of what sounds together, whose sum is 1: labels of the first category.

    What is left where a wish is half asked for has the name "".
    """
    place = _first_category(vocabulary)
    if place is None:
        return {"": 1.0}
    start, values = place
    shares = np.maximum(vector[start : start + len(values)].astype(np.float64), 0)
    weights = {label: float(share) for label, share in zip(values, shares, strict=True) if share}
    rest = 1 - sum(weights.values())
    if rest > 1e-6:
        weights[""] = rest
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()}


def layer_vector(vocabulary: Vocabulary, vector: Floats, name: str) -> Floats:
    """Return the vector with one label (or none: "") in the place of the first category."""
    place = _first_category(vocabulary)
    if place is None:
        return vector
    start, values = place
    alone = vector.copy()
    alone[start : start + len(values) + 1] = 0
    if name:
        alone[[start + values.index(name), start + len(values)]] = 1
    return alone


def _first_category(vocabulary: Vocabulary) -> tuple[int, tuple[str, ...]] | None:
    start = 0
    for column in vocabulary.columns.values():
        if column.kind == "category":
            return start, column.values
        start += column.width
    return None

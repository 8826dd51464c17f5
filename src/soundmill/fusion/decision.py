"""A decision of several modalities in words: what it is, whom it follows, whether they agree."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
NOUNS = {"sound": "recording", "image": "image"}
"""What a person calls a sample of each kind of modality."""
CONTRADICTION = 0.5
"""Conflict from which modalities are said to contradict each other, not only to differ."""


@dataclass(frozen=True)
class Own:
    """What one modality says by itself: its answer, how sure it is (calibrated), all (c,)."""

    answer: str
    confidence: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Decision:
    """What several modalities decide together.

    Attributes
    ----------
    answer, probability : the likeliest class and how likely it is.
    probabilities : of all classes.
    weights : how much the fusion leaned on each modality that was there, sum 1; empty for a fusion
        that does not say.
    own : what each modality that was there says by itself.
    missing : why each of the others was not there.
    disagree : whether two modalities that were there have different answers.
    conflict : how strongly, see `conflict_of`; None of one modality.
    reason : one sentence on why the answer is what it is.
    """

    answer: str
    probability: float
    probabilities: dict[str, float]
    weights: dict[str, float]
    own: dict[str, Own]
    missing: dict[str, str]
    disagree: bool
    conflict: float | None
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return asdict(self)


def explain(
    classes: Sequence[str],
    kinds: Mapping[str, str],
    fused: Floats,
    weights: Mapping[str, float],
    own: Mapping[str, Floats],
    missing: Mapping[str, str],
) -> Decision:
    """Return the decision that some probabilities mean.

    Parameters
    ----------
    kinds : of the modalities by name, in their order.
    fused : (c,) probabilities of all together.
    weights : of the modalities that were there, or empty.
    own : (c,) calibrated probabilities of each of these.
    missing : why each of the others was not there.
    """
    best = int(np.argmax(fused))
    alone = {name: _own(classes, values) for name, values in own.items()}
    answer = classes[best]
    conflict = conflict_of(list(own.values()))
    return Decision(
        answer=answer,
        probability=float(fused[best]),
        probabilities=dict(zip(classes, map(float, fused), strict=True)),
        weights=dict(weights),
        own=alone,
        missing=dict(missing),
        disagree=len({one.answer for one in alone.values()}) > 1,
        conflict=conflict,
        reason=_reason(answer, alone, weights, missing, called(kinds), conflict),
    )


def _own(classes: Sequence[str], values: Floats) -> Own:
    best = int(np.argmax(values))
    table = dict(zip(classes, map(float, values), strict=True))
    return Own(classes[best], float(values[best]), table)


def conflict_of(probabilities: Sequence[Floats]) -> float | None:
    """Return how strongly the two modalities that differ most contradict each other.

    The Jensen-Shannon divergence of their probabilities (c,) in bits (Lin 1991, equation 3.5): 0
    where they say the same, also where neither knows; 1 where both are sure, of different classes.
    None for fewer than two.
    """
    pairs = [_divergence(a, b) for a, b in combinations(probabilities, 2)]
    return max(pairs) if pairs else None


def _divergence(first: Floats, second: Floats) -> float:
    middle = (first + second) / 2
    halves = (_information(first, middle) + _information(second, middle)) / 2
    return float(np.clip(halves, 0, 1))


def _information(p: Floats, q: Floats) -> float:
    seen = p > 0
    return float((p[seen] * np.log2(p[seen] / q[seen])).sum())


def called(kinds: Mapping[str, str]) -> dict[str, str]:
    """Return what each modality is called in a sentence: "the recording", "the image".

    Those of one kind are told apart by their names.
    """
    some = list(kinds.values())
    nouns = {name: NOUNS.get(kind, name) for name, kind in kinds.items()}
    return {
        name: f"the {noun} {name!r}" if some.count(kinds[name]) > 1 else f"the {noun}"
        for name, noun in nouns.items()
    }


def percent(share: float) -> str:
    """Return a probability in words; only certainty is 100 %."""
    if share > 0.99:
        return f"{min(100 * share, 99.9):.1f} %" if share < 1 else "100 %"
    return f"{100 * share:.0f} %"


def _reason(
    answer: str,
    own: Mapping[str, Own],
    weights: Mapping[str, float],
    missing: Mapping[str, str],
    names: Mapping[str, str],
    conflict: float | None,
) -> str:
    if len(own) == 1:
        (name,) = own
        why = f", since {_and(list(missing.values()))}" if missing else ""
        sure = f"{percent(own[name].confidence)} sure of {own[name].answer}"
        return f"{names[name]} alone, {sure}, was trusted{why}"

    def said(name: str) -> str:
        weight = f", weight {weights[name]:.2f}" if name in weights else ""
        return f"{names[name]} ({percent(own[name].confidence)} sure of {own[name].answer}{weight})"

    # the one leaned on most comes first; without weights the surest does
    order = sorted(own, key=lambda name: -weights.get(name, own[name].confidence))
    sides = [name for name in order if own[name].answer == answer]
    others = [name for name in order if own[name].answer != answer]
    if not others:
        sentence = f"{_and([said(name) for name in order])} agree"
    elif not sides:
        sentence = (
            f"{_and([said(name) for name in order])} differ, and {answer} is what fits them "
            "best together"
        )
    else:
        verb = "was" if len(sides) == 1 else "were"
        them = _and([said(name) for name in sides])
        sentence = f"{them} {verb} trusted over {_and([said(name) for name in others])}"
    if others and conflict is not None and conflict >= CONTRADICTION:
        sentence += "; they contradict each other, so one of them is wrong"
    return sentence + (f"; {_and(list(missing.values()))}" if missing else "")


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 2 else parts)

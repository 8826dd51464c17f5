"""Options of an ensemble of learners."""

from typing import Literal

from pydantic import Field, model_validator

from soundmill.options import Options


class EnsembleOptions(Options):
    """Which learners decide together, and how."""

    members: tuple[str, ...] = Field(min_length=1)
    """Names of the learners; the trainings of one learner count as one member, their mean."""
    method: Literal["mean", "stacking"] = "mean"
    """Mean of the members' probabilities, or weights learned from held-out predictions."""
    weights: tuple[float, ...] | None = None
    """Weights of the mean, in the order of the members; default all the same."""

    @model_validator(mode="after")
    def _check(self) -> "EnsembleOptions":
        if len(set(self.members)) < len(self.members):
            raise ValueError(f"members: a learner is named twice in {list(self.members)}")
        if self.weights is None:
            return self
        if self.method == "stacking":
            raise ValueError("weights: stacking learns its own; take them out or use method: mean")
        if len(self.weights) != len(self.members):
            raise ValueError(f"weights: {len(self.weights)} given for {len(self.members)} members")
        if min(self.weights) < 0 or sum(self.weights) <= 0:
            raise ValueError("weights: none may be negative and one at least must be above 0")
        return self

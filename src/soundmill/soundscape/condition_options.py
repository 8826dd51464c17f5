"""Options of the conditions of a soundscape model: which labels choose what it makes."""

from typing import Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options


class ConditionOptions(Options):
    """One column of labels that chooses what is made."""

    kind: Literal["category", "circle"] = "category"
    """`category`: names; `circle`: numbers that come round, such as the hour of the day."""
    period: float | None = Field(None, gt=0)
    """Length of the circle, in the column's unit: 24 for hours; default 24 for a circle."""

    @model_validator(mode="after")
    def _period_of_circle(self) -> Self:
        if self.kind == "category" and self.period is not None:
            raise ValueError("period: only a circle has one")
        return self

    @property
    def length(self) -> float:
        """Length of the circle."""
        return 24.0 if self.period is None else self.period

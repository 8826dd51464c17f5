"""Options of which recordings a soundscape model learns from and which it is tested on."""

from typing import Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options


class HeldOutOptions(Options):
    """What is held out to validate and to test on."""

    method: Literal["auto", "recordings", "ends"] = "auto"
    """`recordings`: whole ones. `ends`: the end of each, where there are too few for that.
    `auto`: recordings, unless a label or the corpus has fewer than two (three without labels)."""
    group: str | None = None
    """Label whose values stay together, such as the site; default each recording for itself."""
    valid: float = Field(0.1, ge=0, lt=1)
    """Share to validate on during training."""
    test: float = Field(0.2, ge=0, lt=1)
    """Share to test on, never heard in training."""

    @model_validator(mode="after")
    def _leaves_some(self) -> Self:
        if self.valid + self.test >= 0.9:
            raise ValueError(
                f"valid {self.valid:g} and test {self.test:g} leave less than a tenth to learn from"
            )
        return self

"""Options of granular resynthesis."""

from typing import Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options


class GranularOptions(Options):
    """How recordings are cut into grains and put together anew."""

    shortest: float = Field(0.3, ge=0.1, le=30)
    """Shortest grain, seconds."""
    longest: float = Field(1.5, ge=0.1, le=60)
    """Longest grain, seconds."""
    fade: float = Field(0.15, gt=0, le=5)
    """Crossfade between grains of one recording, seconds."""
    blend: float = Field(1.0, gt=0, le=30)
    """Crossfade from one recording to another, seconds."""
    dwell: float = Field(15.0, gt=0)
    """Mean time in one recording before another is drawn, seconds."""
    candidates: int = Field(24, ge=1, le=10_000)
    """Places drawn at random for each grain: with more of them, rare events come more rarely."""
    nearest: int = Field(4, ge=1)
    """Of the candidates that sound most like the end before, so many are chosen from."""
    memory: float = Field(40.0, ge=0)
    """Sound used within so many seconds is not used again, where there is other."""
    mix: Literal["layers", "turns"] = "layers"
    """Labels asked for together: `layers` sound at the same time, `turns` one after another."""
    concentration: float = Field(8.0, gt=0)
    """How closely a place on a circle is kept (von Mises): 8 is about 1.4 hours of a day."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.shortest > self.longest:
            raise ValueError(f"shortest ({self.shortest:g}) is above longest ({self.longest:g})")
        return self

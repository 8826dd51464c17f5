"""Options of what a soundscape model makes, and of how."""

import math
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options


class SamplingOptions(Options):
    """How a path through the latents is found, and made into sound."""

    method: Literal["autoregressive", "random_walk", "slerp"] = "autoregressive"
    """What follows what: learned from the recordings, or a walk that knows only how fast to go."""
    frames: Literal["heard", "drawn"] = "heard"
    """`heard`: each frame is one of those heard in near recordings, which keeps fine detail;
    `drawn`: from normal distributions, further from what was heard, and rougher."""
    nearness: float = Field(0.1, gt=0, le=10)
    """How unlike recordings may be to lend each other frames; more mixes more of them."""
    temperature: float = Field(1.0, gt=0, le=2)
    """How daring: below 1 each step stays nearer to the likeliest."""
    wander: float = Field(0.25, ge=0, le=3)
    """How far the environment wanders, in units of how far it does within recordings."""
    noise: float = Field(1.0, ge=0, le=1)
    """How much of the fine structure of noise is drawn where the decoder is unsure."""
    phase_iterations: int = Field(8, ge=0, le=200)
    """Iterations of Griffin-Lim; noise needs few, tones more."""


class PieceOptions(Options):
    """One soundscape to make."""

    labels: dict[str, Any] = Field(default_factory=dict)
    """What is asked, by condition: a name, names with weights, or a number; default anything."""
    script: list[dict[str, Any]] = Field(default_factory=list)
    """Wishes over time: each has `at` (s) and conditions; between them it moves slowly."""
    seconds: float = Field(20.0, gt=0)
    """Length."""
    variation: str | None = None
    """A recording to vary: its id, or a path; default none."""
    strength: float = Field(0.5, ge=0, le=1)
    """How far a variation goes: 0 the same latents, 1 only its environment."""
    to: str | None = None
    """A recording to end in, coming from that of `variation`; default none."""
    loop: bool = False
    """Whether the end meets the beginning."""
    controls: dict[str, float] = Field(default_factory=dict)
    """What to turn up or down, in standard deviations: loudness, brightness, roughness, events,
    or a single latent such as `global 3` or `latent 12`."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.to and not self.variation:
            raise ValueError("to: give also variation, the recording to come from")
        if self.script and (self.labels or self.variation):
            raise ValueError("script: it says the labels itself; leave labels and variation out")
        for number, line in enumerate(self.script):
            at = line.get("at")
            if isinstance(at, bool) or not isinstance(at, int | float) or not math.isfinite(at):
                raise ValueError(f"script, line {number + 1}: at is missing, the time in s")
        return self


class GenerationOptions(Options):
    """What is made, and how it is written."""

    pieces: dict[str, PieceOptions] = Field(default_factory=dict)
    """Soundscapes by name; default one for each value of the first category (or one), 20 s long."""
    sampling: SamplingOptions = SamplingOptions()
    """How a path through the latents is found, and made into sound."""
    format: Literal["wav", "flac", "mp3"] = "flac"
    """File format."""
    loudness: float = Field(-23.0, ge=-60, le=-5)
    """Loudness of all pieces, LUFS; peaks stay below -1 dBFS."""

    @model_validator(mode="after")
    def _names(self) -> Self:
        for name in self.pieces:
            if not name.strip(".") or not name.isprintable() or set(name) & set("/\\"):
                raise ValueError(f"pieces: {name!r} cannot be the name of a file; rename it")
        return self

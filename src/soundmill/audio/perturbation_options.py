"""Options of waveform augmentation: changes of the sound that leave its label true."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from soundmill.options import Options

BIT_RATES = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
"""What an MP3 may have, kilobits a second."""


class Augmentation(Options):
    """What all augmentations share."""

    copies: int = Field(1, ge=1, le=100)
    """Changed copies of each recording, each changed by another amount."""
    seed: int = Field(1, ge=0)
    """Seed of the amounts; each copy of each recording has its own."""


class _Range(Augmentation):
    @model_validator(mode="after")
    def _agree(self) -> Self:
        for low in [name for name in type(self).model_fields if name.split("_")[0] == "low"]:
            high = low.replace("low", "high", 1)
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"{low} ({getattr(self, low):g}) is above {high} ({getattr(self, high):g})"
                )
        return self


class PitchShift(Augmentation):
    """Another pitch at the same tempo."""

    kind: Literal["pitch_shift"] = "pitch_shift"
    """The change."""
    semitones: float = Field(2.0, gt=0, le=24)
    """Largest shift up or down, semitones."""


class TimeStretch(_Range):
    """Another tempo at the same pitch."""

    kind: Literal["time_stretch"] = "time_stretch"
    """The change."""
    low: float = Field(0.85, ge=0.25, le=4)
    """Slowest tempo, as a factor."""
    high: float = Field(1.15, ge=0.25, le=4)
    """Fastest tempo, as a factor."""


class Equaliser(Augmentation):
    """Seven bands louder or softer."""

    kind: Literal["equaliser"] = "equaliser"
    """The change."""
    decibels: float = Field(9.0, gt=0, le=40)
    """Largest gain of a band up or down, dB."""


class Compression(_Range):
    """Loud parts softened by a limiter, then the whole raised to its old peak."""

    kind: Literal["compression"] = "compression"
    """The change."""
    low: float = Field(-24.0, ge=-60, lt=0)
    """Lowest threshold, dB below the peak: the strongest compression."""
    high: float = Field(-6.0, ge=-60, lt=0)
    """Highest threshold, dB below the peak."""


class Codec(Augmentation):
    """What MP3 takes away; encoded and decoded, without its delay."""

    kind: Literal["codec"] = "codec"
    """The change."""
    bit_rates: tuple[int, ...] = Field((16, 24, 32, 48, 64), min_length=1)
    """Bit rates to choose from, kilobits a second."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        wrong = [rate for rate in self.bit_rates if rate not in BIT_RATES]
        if wrong:
            raise ValueError(
                f"an MP3 cannot have {wrong[0]} kilobits a second "
                f"(allowed: {', '.join(map(str, BIT_RATES))})"
            )
        return self


class Noise(_Range):
    """Noise at a signal-to-noise ratio."""

    kind: Literal["noise"] = "noise"
    """The change."""
    low: float = Field(5.0, ge=-30, le=100)
    """Lowest signal-to-noise ratio in dB: the loudest noise."""
    high: float = Field(30.0, ge=-30, le=100)
    """Highest signal-to-noise ratio, dB."""
    colour: Literal["white", "pink", "brown", "blue", "violet", "any"] = "white"
    """Spectrum of the noise; `any` draws a slope from brown to violet."""


class Reverb(_Range):
    """A room around the sound, which keeps its length."""

    kind: Literal["reverb"] = "reverb"
    """The change."""
    low: float = Field(0.2, ge=0.1, le=15)
    """Shortest reverberation time (RT60), seconds."""
    high: float = Field(1.5, ge=0.1, le=15)
    """Longest reverberation time, seconds."""
    low_wet: float = Field(-15.0, ge=-60, le=12)
    """Lowest level of the room beside the direct sound, dB."""
    high_wet: float = Field(-3.0, ge=-60, le=12)
    """Highest level of the room, dB."""


class Gain(Augmentation):
    """Louder or softer as a whole; nothing is clipped."""

    kind: Literal["gain"] = "gain"
    """The change."""
    decibels: float = Field(12.0, gt=0, le=60)
    """Largest gain up or down, dB."""


AugmentationOptions = Annotated[
    PitchShift | TimeStretch | Equaliser | Compression | Codec | Noise | Reverb | Gain,
    Field(discriminator="kind"),
]
"""One augmentation; `kind` says which."""


def read_augmentation(raw: Mapping[str, Any]) -> Augmentation:
    """Return the augmentation that plain values (of ``model_dump``) describe."""
    adapter: TypeAdapter[Augmentation] = TypeAdapter(AugmentationOptions)
    return adapter.validate_python(raw)

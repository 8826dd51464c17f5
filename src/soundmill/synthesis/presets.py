"""Effects as options, and the named chains made of them. No sound is computed here."""

from typing import Annotated, Literal

from pydantic import Field

from soundmill.errors import InputError
from soundmill.options import Options
from soundmill.synthesis.instruments import suggestion


class LowPass(Options):
    """Take away what lies above a frequency (Butterworth)."""

    effect: Literal["low_pass"] = "low_pass"
    frequency: float = Field(default=4000.0, ge=50.0, le=20000.0)
    """Corner (-3 dB), Hz."""
    order: int = Field(default=2, ge=1, le=8)
    """Steepness, 6 dB an octave each."""


class HighPass(Options):
    """Take away what lies below a frequency (Butterworth)."""

    effect: Literal["high_pass"] = "high_pass"
    frequency: float = Field(default=120.0, ge=5.0, le=5000.0)
    """Corner (-3 dB), Hz."""
    order: int = Field(default=2, ge=1, le=8)
    """Steepness, 6 dB an octave each."""


class Chorus(Options):
    """Copies whose delay sways slowly, another pair of phases in each ear."""

    effect: Literal["chorus"] = "chorus"
    rate: float = Field(default=0.4, gt=0.0, le=10.0)
    """Sway, Hz."""
    depth: float = Field(default=3.0, gt=0.0, le=20.0)
    """Sway to each side, ms."""
    delay: float = Field(default=14.0, gt=0.0, le=50.0)
    """Middle delay, ms; at least the depth."""
    wet: float = Field(default=-6.0, ge=-60.0, le=6.0)
    """Level of the copies beside the direct sound, dB."""


class Delay(Options):
    """Echoes that change sides and die away."""

    effect: Literal["delay"] = "delay"
    time: float = Field(default=0.45, ge=0.02, le=3.0)
    """Between two echoes, seconds."""
    feedback: float = Field(default=0.4, ge=0.0, le=0.9)
    """Level of an echo over the one before, as a factor."""
    wet: float = Field(default=-9.0, ge=-60.0, le=6.0)
    """Level of the first echo beside the direct sound, dB."""
    low_pass: float = Field(default=3000.0, ge=100.0, le=20000.0)
    """Corner of the echoes' low-pass, Hz."""


class Reverb(Options):
    """A room: convolution with a made impulse response."""

    effect: Literal["reverb"] = "reverb"
    seconds: float = Field(default=2.0, ge=0.1, le=15.0)
    """Until the middle frequencies have fallen by 60 dB (RT60), seconds."""
    predelay: float = Field(default=15.0, ge=0.0, le=200.0)
    """From the direct sound to the first reflection, ms."""
    damping: float = Field(default=0.4, ge=0.05, le=1.0)
    """RT60 above 6 kHz over `seconds`, as a factor: small is dark."""
    wet: float = Field(default=-10.0, ge=-60.0, le=12.0)
    """Level of the room beside the direct sound, dB."""
    low_cut: float = Field(default=150.0, ge=10.0, le=1000.0)
    """Corner below which the room stays silent, Hz: keeps bass notes clear."""


class Saturation(Options):
    """Tape-like rounding of the peaks."""

    effect: Literal["saturation"] = "saturation"
    drive: float = Field(default=1.5, gt=0.0, le=10.0)
    """How far the highest peak goes into the curve tanh(drive x)."""


class Wow(Options):
    """The slow unsteadiness of a tape's speed."""

    effect: Literal["wow"] = "wow"
    rate: float = Field(default=0.6, gt=0.0, le=10.0)
    """Hz."""
    cents: float = Field(default=5.0, gt=0.0, le=50.0)
    """Largest deviation in pitch, cents."""


class Width(Options):
    """Stereo width: the level of the side signal."""

    effect: Literal["width"] = "width"
    factor: float = Field(default=1.2, ge=0.0, le=2.0)
    """0 is mono, 1 changes nothing, 2 doubles the sides."""


Effect = Annotated[
    LowPass | HighPass | Chorus | Delay | Reverb | Saturation | Wow | Width,
    Field(discriminator="effect"),
]

PRESETS: dict[str, tuple[Effect, ...]] = {
    "dry": (),
    "room": (Reverb(seconds=0.7, predelay=6, damping=0.5, wet=-12),),
    "meadow": (
        Reverb(seconds=1.6, predelay=18, damping=0.6, wet=-11),
        Width(factor=1.15),
    ),
    "cathedral": (
        Reverb(seconds=4.8, predelay=38, damping=0.28, wet=-4, low_cut=120),
        Width(factor=1.1),
    ),
    "underwater": (
        Chorus(rate=0.17, depth=6, delay=20, wet=-3),
        LowPass(frequency=650, order=3),
        Reverb(seconds=3.2, predelay=10, damping=0.12, wet=-6, low_cut=90),
        Width(factor=1.35),
    ),
    "tape": (
        Wow(rate=0.55, cents=5),
        Saturation(drive=1.6),
        HighPass(frequency=70),
        LowPass(frequency=6500, order=2),
        Reverb(seconds=1.1, predelay=8, damping=0.35, wet=-13),
        Width(factor=0.8),
    ),
    "night": (
        LowPass(frequency=4200, order=1),
        Delay(time=0.52, feedback=0.45, wet=-12, low_pass=2200),
        Reverb(seconds=2.8, predelay=28, damping=0.25, wet=-8),
        Width(factor=1.25),
    ),
}
"""Effect chains by name, from nothing at all to a place of one's own."""


def preset(name: str) -> tuple[Effect, ...]:
    """Return the effects of a preset in the order they apply.

    Raises
    ------
    InputError : no preset has this name; the message has the nearest ones.
    """
    if name not in PRESETS:
        near = suggestion(name.casefold(), list(PRESETS))
        raise InputError(f"unknown preset {name!r}{near}. Presets: {', '.join(PRESETS)}.")
    return PRESETS[name]

"""Options of the descriptor bank."""

from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from soundmill.options import Options

Family = Literal[
    "mfcc",
    "chroma",
    "tonnetz",
    "spectral",
    "energy",
    "rhythm",
    "harmony",
    "f0",
    "soundscape",
]
FAMILIES: tuple[Family, ...] = get_args(Family)
DEFAULT_FAMILIES: tuple[Family, ...] = tuple(name for name in FAMILIES if name != "f0")


class DescriptorOptions(Options):
    """What is computed of each recording and of each of its segments."""

    sample_rate: int = Field(22050, ge=16000, le=96000)
    """Rate in Hz at which recordings are described. The lowest still holds the top octave of the
    constant-Q transform and the highest band of the spectral contrast, so that the columns are
    the same at every rate; a recording of a lower rate is resampled up."""
    n_fft: Literal[1024, 2048, 4096, 8192] = 2048
    """Samples in a frame of the short-time Fourier transform."""
    hop: int = Field(512, ge=64, le=4096, multiple_of=64)
    """Samples from frame to frame; the constant-Q transform halves it six times."""
    segment_seconds: float | None = Field(5.0, ge=0.5, le=3600)
    """Length of a segment; null for no segments. A recording up to a tenth longer than one
    segment is one segment, itself."""
    overlap: float = Field(0.5, ge=0, le=0.9)
    """Share of a segment that the next one repeats."""
    families: tuple[Family, ...] = Field(DEFAULT_FAMILIES, min_length=1)
    """Families of columns to compute. `f0` is for voices and single instruments: in a mixture or
    in noise there is no one fundamental frequency."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.hop > self.n_fft:
            raise ValueError(
                f"hop ({self.hop}) is above n_fft ({self.n_fft}): samples would be skipped"
            )
        twice = {name for name in self.families if self.families.count(name) > 1}
        if twice:
            raise ValueError(f"families names {', '.join(sorted(twice))} more than once")
        return self

"""Options of spectra: what networks see of a recording."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options

DEFAULTS: dict[str, dict[str, Any]] = {
    "logmel": {"bands": 64, "fmin": 30.0},
    "mfcc": {"bands": 128, "fmin": 30.0},
    "cqt": {"bands": 84, "fmin": 32.703},  # seven octaves from C1
    "waveform": {"hop": 256},
}
"""Defaults that differ from kind to kind."""


class SpectraOptions(Options):
    """One kind of spectrum, stored as float16 with a row a frame.

    Frame n is centred on sample n x hop, as librosa's are, and a recording of n samples has
    1 + n // hop frames. Levels are 10 log10(power + 1e-10) in dB.
    """

    kind: Literal["logmel", "cqt", "mfcc", "waveform"] = "logmel"
    """`logmel`: power in mel bands, dB; `mfcc`: their cosine transform; `cqt`: constant-Q power,
    dB; `waveform`: the samples themselves, `hop` of them a row."""
    sample_rate: int = Field(22050, ge=1000, le=384000)
    """Rate in Hz that recordings are resampled to first."""
    n_fft: int = Field(1024, ge=64, le=65536)
    """Window (Hann) of logmel and mfcc, samples."""
    hop: int = Field(512, ge=1, le=65536)
    """Samples from frame to frame. Default 512, of waveform 256; of cqt it must be a multiple of
    2 to the number of octaves less one."""
    bands: int = Field(64, ge=1, le=2048)
    """Mel bands or constant-Q bins. Default 64, of mfcc 128, of cqt 84."""
    fmin: float = Field(30.0, ge=0)
    """Lowest frequency in Hz. Default 30, of cqt 32.703 (C1)."""
    fmax: float | None = Field(None, gt=0)
    """Highest frequency of the mel bands in Hz; default half the sample rate."""
    bins_per_octave: int = Field(12, ge=1, le=120)
    """Constant-Q bins an octave (cqt)."""
    coefficients: int = Field(20, ge=1, le=512)
    """Cosine coefficients kept, the first is the level (mfcc)."""

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_kind(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        return {**DEFAULTS.get(str(raw.get("kind", "logmel")), {}), **raw}

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.kind in ("logmel", "mfcc") and not self.fmin < self.highest <= self.sample_rate / 2:
            raise ValueError(
                f"the mel bands go from fmin ({self.fmin:g} Hz) to fmax ({self.highest:g} Hz), "
                f"which must lie above it and not above half of sample_rate ({self.sample_rate})"
            )
        if self.kind == "mfcc" and self.coefficients > self.bands:
            raise ValueError(
                f"coefficients ({self.coefficients}) is more than bands ({self.bands})"
            )
        if self.kind == "cqt":
            self._check_cqt()
        return self

    def _check_cqt(self) -> None:
        if self.fmin <= 0:
            raise ValueError("fmin must be above 0 for cqt")
        top = self.fmin * 2 ** (self.bands / self.bins_per_octave)
        if top > self.sample_rate / 2:
            raise ValueError(
                f"{self.bands} bins, {self.bins_per_octave} an octave, from {self.fmin:g} Hz reach "
                f"{top:.0f} Hz, above half of sample_rate ({self.sample_rate}); take fewer bands"
            )
        step = 2 ** (self.octaves - 1)
        if self.hop % step:
            raise ValueError(
                f"hop ({self.hop}) must be a multiple of {step} for {self.octaves} octaves"
            )

    @property
    def highest(self) -> float:
        """Upper end of the mel bands in Hz."""
        return self.fmax or self.sample_rate / 2

    @property
    def octaves(self) -> int:
        """Octaves of a cqt, a part of one counting as one."""
        return -(-self.bands // self.bins_per_octave)

    @property
    def columns(self) -> int:
        """Numbers in a frame: the second axis of the arrays."""
        return {"mfcc": self.coefficients, "waveform": self.hop}.get(self.kind, self.bands)

    @property
    def frames_per_second(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop

"""Options of transcription."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options

FRAMES_PER_SECOND = 22050 / 256
"""Frames a second of the Basic Pitch model."""


class TranscriberOptions(Options):
    """How recordings become notes.

    The defaults are better on pianos, plucked strings and pads than the basic-pitch package's
    (see `package_options`): a pitch that sounds already needs a clearer onset to begin again, and
    notes without an onset must be strong and long.
    """

    method: Literal["basic_pitch", "transkun"] = "basic_pitch"
    """The model: `basic_pitch` for any instrument; `transkun`, slow and exact, for piano."""
    onset_threshold: float = Field(0.6, gt=0, lt=1)
    """Smallest onset probability that begins a note; lower finds more notes (basic_pitch)."""
    repeat_threshold: float = Field(0.7, ge=0, le=1)
    """The same for a pitch that sounds already, 0 for no difference: higher keeps the beating of
    pads and choirs from being cut into repeated notes (basic_pitch)."""
    frame_threshold: float = Field(0.3, gt=0, lt=1)
    """Smallest probability that keeps a note sounding; lower gives longer notes (basic_pitch)."""
    sustained_threshold: float = Field(0.5, gt=0, lt=1)
    """Smallest peak probability of a note whose onset was not heard (basic_pitch)."""
    melodia_trick: bool = True
    """Look for notes whose onset was not heard, as slow attacks have them (basic_pitch)."""
    infer_onsets: bool = False
    """Count sudden rises of a pitch's probability as onsets (basic_pitch)."""
    shortest_note_ms: float = Field(46, ge=0)
    """Notes up to this length are dropped, in ms, rounded to frames of 11.6 ms (basic_pitch)."""
    shortest_sustained_ms: float = Field(250, ge=0)
    """The same for notes whose onset was not heard, in ms (basic_pitch)."""
    release_ms: float = Field(127.7, ge=12)
    """A note ends where its pitch stays below `frame_threshold` for so long, in ms
    (basic_pitch)."""
    lowest_pitch: int = Field(21, ge=21, le=108)
    """Lowest MIDI number transcribed."""
    highest_pitch: int = Field(108, ge=21, le=108)
    """Highest MIDI number transcribed."""
    max_notes_per_second: int | None = Field(None, ge=1)
    """Most notes that begin within any one second; the weakest go. Null for no limit."""
    silence_dbfs: float | None = Field(-72, lt=0)
    """Two seconds whose peak is below this hold no note; null to listen anyway (basic_pitch)."""
    framing: Literal["regular", "package"] = "regular"
    """`regular` puts frame n at n x 256 / 22050 s exactly; `package` is up to 10 ms off and drops
    the last .7 % of a recording, as the basic-pitch package does (basic_pitch)."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.lowest_pitch > self.highest_pitch:
            raise ValueError(
                f"lowest_pitch ({self.lowest_pitch}) is above highest_pitch ({self.highest_pitch})"
            )
        return self

    @property
    def release_frames(self) -> int:
        """`release_ms` in frames."""
        return frames(self.release_ms)

    @property
    def shortest_note_frames(self) -> int:
        """`shortest_note_ms` in frames."""
        return frames(self.shortest_note_ms)

    @property
    def shortest_sustained_frames(self) -> int:
        """`shortest_sustained_ms` in frames."""
        return frames(self.shortest_sustained_ms)


def frames(milliseconds: float) -> int:
    """Return a duration in frames of the Basic Pitch model, rounded."""
    return round(milliseconds / 1000 * FRAMES_PER_SECOND)


def package_options(**changes: Any) -> TranscriberOptions:
    """Return the settings that give the notes of basic-pitch 0.4.0's `predict`."""
    package: dict[str, Any] = {
        "onset_threshold": 0.5, "repeat_threshold": 0, "frame_threshold": 0.3,
        "sustained_threshold": 0.3, "infer_onsets": True, "shortest_note_ms": 127.7,
        "shortest_sustained_ms": 127.7, "silence_dbfs": None, "framing": "package",
    }  # fmt: skip
    return TranscriberOptions(**(package | changes))

"""Options of what a music model composes."""

import string
from typing import Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options

MODES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10),
         "harmonic minor": (0, 2, 3, 5, 7, 8, 11), "melodic minor": (0, 2, 3, 5, 7, 9, 11),
         "major pentatonic": (0, 2, 4, 7, 9), "minor pentatonic": (0, 3, 5, 7, 10),
         "blues": (0, 3, 5, 6, 7, 10), "dorian": (0, 2, 3, 5, 7, 9, 10),
         "phrygian": (0, 1, 3, 5, 7, 8, 10), "lydian": (0, 2, 4, 6, 7, 9, 11),
         "mixolydian": (0, 2, 4, 5, 7, 9, 10), "locrian": (0, 1, 3, 5, 6, 8, 10),
         "whole tone": (0, 2, 4, 6, 8, 10), "chromatic": tuple(range(12))}  # fmt: skip
TONICS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


def scale_pitch_classes(scale: str) -> tuple[int, ...]:
    """Pitch classes (0 = C) of a scale such as ``C major``, ``f# dorian``, ``Bb minor pentatonic``.

    Raises
    ------
    ValueError
        for an unknown tonic or mode; the message lists the modes.
    """
    tonic, _, mode = " ".join(scale.lower().split()).partition(" ")
    accidental = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}.get(tonic[1:])
    if tonic[:1] not in TONICS or accidental is None or mode not in MODES:
        raise ValueError(
            f"unknown scale {scale!r}: write a tonic and a mode, such as 'C major' or "
            f"'f# minor pentatonic'. Modes: {', '.join(MODES)}"
        )
    root = TONICS[tonic[0]] + accidental
    return tuple(sorted((root + step) % 12 for step in MODES[mode]))


class GenerationOptions(Options):
    """What is composed, and how freely."""

    new: int = Field(4, ge=0, le=99)
    """Pieces composed from nothing."""
    primers: int = Field(3, ge=0, le=99)
    """Pieces of the corpus (of the test split where it has any) to continue."""
    variations: int = Field(2, ge=1, le=26)
    """Continuations of each primer."""
    primer_seconds: float = Field(10.0, gt=0)
    """Seconds of the primer that are given, counted from its first note."""
    primer_file: str | None = None
    """A MIDI file to continue instead of pieces of the corpus; primers is 0 or 1 then."""
    seconds: float | None = Field(60.0, gt=0)
    """Longest new music in seconds, primer not counted; null: no limit in seconds."""
    events: int | None = Field(None, ge=8)
    """Most new events, primer not counted; null: no limit in events."""
    shortest: float = Field(0.75, ge=0, le=1)
    """Share of that length before which a piece may not end by itself."""
    weights: Literal["best", "last"] = "best"
    """best: as of the best validation; last: as of the last step, closer to the corpus, and
    likelier to copy it. For a handful of pieces last sounds better."""
    temperature: float = Field(1.0, ge=0, le=10)
    """Divides the logits: below 1 safer, above 1 wilder; 0 always takes the likeliest event."""
    top_k: int | None = Field(None, ge=1)
    """Draw among the k likeliest events."""
    top_p: float | None = Field(None, gt=0, le=1)
    """Draw among the likeliest events that together have probability p."""
    min_p: float | None = Field(0.05, ge=0, le=1)
    """Draw among events at least this many times as likely as the likeliest."""
    repetition_length: int = Field(12, ge=1)
    """Length in notes up to which a repeated melody goes unpunished."""
    repetition_penalty: float = Field(0.3, ge=0)
    """Nats taken from a note for each note by which it makes a repetition longer than that."""
    pitch_range: tuple[int, int] = (21, 108)
    """Lowest and highest MIDI pitch of new notes."""
    scale: str | None = None
    """Scale of new notes, such as 'C major' or 'f# minor pentatonic'; null: any."""
    max_notes_per_second: float | None = Field(None, gt=0)
    """Most new notes in any second (below 1: one note in 1/x seconds); null: any."""
    max_note_seconds: float | None = Field(None, ge=0.01)
    """Longest new note in seconds; null: as the corpus (all but its longest 1 % of notes)."""
    max_polyphony: int | None = Field(None, ge=1, le=128)
    """Most notes at once; null: as the corpus (all but the fullest 1 % of its moments)."""
    velocity_range: tuple[int, int] = (1, 127)
    """Softest and loudest MIDI velocity of new notes (the grid has 32 steps of 4)."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device to compose on; auto: CUDA where present."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.seconds is None and self.events is None:
            raise ValueError("give seconds or events: a piece without either would never end")
        if self.new + self.primers == 0:
            raise ValueError("new and primers are both 0: there is nothing to compose")
        if self.primer_file is not None and self.primers > 1:
            raise ValueError("with a primer_file, primers must be 0 or 1")
        for name, low, high in (("pitch_range", 0, 127), ("velocity_range", 1, 127)):
            first, last = getattr(self, name)
            if not low <= first <= last <= high:
                raise ValueError(f"{name} [{first}, {last}] must rise within {low} to {high}")
        if not self.pitches():
            raise ValueError(f"pitch_range {self.pitch_range} holds no note of {self.scale!r}")
        return self

    def pitches(self) -> list[int]:
        """MIDI pitches that new notes may have."""
        classes = scale_pitch_classes(self.scale or "c chromatic")
        return [p for p in range(self.pitch_range[0], self.pitch_range[1] + 1) if p % 12 in classes]


def piece_names(options: GenerationOptions) -> list[str]:
    """Names of all pieces that `generate_pieces` writes, known from the options alone.

    ``new-01``.., then for each primer ``primer-01`` and its continuations ``continued-01a``..
    """
    names = [f"new-{i:02d}" for i in range(1, options.new + 1)]
    for i in range(1, options.primers + 1):
        names.append(f"primer-{i:02d}")
        letters = string.ascii_lowercase[: options.variations]
        names += [f"continued-{i:02d}{letter}" for letter in letters]
    return names

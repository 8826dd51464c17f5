"""Options of the shards."""

from typing import Annotated

from pydantic import Field

from soundmill.options import Options

Pitch = Annotated[int, Field(ge=0, le=127)]


class ShardOptions(Options):
    """How pieces become training data."""

    valid: float = Field(0.1, gt=0, lt=0.5)
    """Share of the pieces to stop training by; at least one piece."""
    test: float = Field(0.1, gt=0, lt=0.5)
    """Share of the pieces kept for the final figures; at least one piece."""
    minimum_notes: int = Field(16, ge=1)
    """Pieces with fewer notes are left out."""
    similarity: float = Field(0.4, gt=0, le=1)
    """Pieces that share at least this fraction of their six-note figures stay in one split."""
    transpositions: tuple[Annotated[int, Field(ge=-24, le=24)], ...] = (-3, -2, -1, 0, 1, 2, 3)
    """Semitones by which copies of training pieces are moved."""
    stretches: tuple[Annotated[float, Field(ge=0.5, le=2)], ...] = (0.95, 1.0, 1.05)
    """Factors by which the durations of copies of training pieces are multiplied."""
    copies: int = Field(8, ge=1)
    """Versions of each training piece, the unchanged one included; 1 turns augmentation off."""
    lowest_pitch: Pitch = 21
    """MIDI number below which no copy is moved."""
    highest_pitch: Pitch = 108
    """MIDI number above which no copy is moved."""
    shards: int = Field(4, ge=1, le=10_000)
    """Files of the training split; the other splits have one each."""

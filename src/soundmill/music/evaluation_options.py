"""Options of the evaluation of generated music."""

from pydantic import Field

from soundmill.options import Options


class EvaluationOptions(Options):
    """How generated music is compared with the corpus."""

    corpus_pieces: int = Field(200, ge=6)
    """Most corpus pieces to compare with, drawn at random."""
    bar_seconds: float = Field(2.0, gt=0)
    """Length of a bar in seconds for the groove, since performances carry no bar lines."""
    groove_steps: int = Field(16, ge=2, le=64)
    """Positions in a bar at which an onset may fall."""
    draws: int = Field(200, ge=50)
    """Bootstrap resamples and random halves of the corpus behind each interval."""
    copy_step_seconds: float = Field(0.05, ge=0.01, le=1)
    """Onsets of copied notes may differ by less than this, in seconds."""
    copy_warning: int = Field(16, ge=2)
    """Shared runs of fewer notes than this are never called a copy."""

"""Options of what a classical learner's decisions rest on."""

from pydantic import Field

from soundmill.options import Options


class ImportanceOptions(Options):
    """Permutation importance of descriptors and their families, and SHAP values of trees."""

    repeats: int = Field(5, ge=1)
    """Permutations of each descriptor and family."""
    candidates: int = Field(200, ge=1)
    """Single descriptors that are permuted at most: those that tell most about the targets in the
    training parts, each looked at alone. Families are all permuted."""
    shown: int = Field(30, ge=1)
    """Single descriptors that are listed: those whose permutation harms most."""
    resamples: int = Field(500, ge=20)
    """Bootstrap resamples for the 95 % intervals."""
    shap_rows: int = Field(100, ge=1)
    """Held-out rows that SHAP explains at most, drawn at random."""

"""Options of the evaluation of a soundscape model."""

from pydantic import Field

from soundmill.options import Options


class JudgeOptions(Options):
    """A learner of the classification line that decides whether clips have their label."""

    task: str
    """Name of a classification task; it should have learned from other recordings than the
    soundscape model."""
    learner: str
    """Name of one of its learners."""
    labels: bool = True
    """Whether its classes are the labels. If not, its last layer tells how near new clips are to
    real ones, so it must be a network, and the default judge decides on labels."""


class SoundscapeEvaluationOptions(Options):
    """What is made for the evaluation, and how it is compared with real recordings."""

    clip_seconds: float = Field(4.0, ge=0.2, le=60)
    """Length of the clips, s; a shorter recording gives a shorter clip."""
    real_clips: int = Field(60, ge=2, le=5000)
    """Real clips from training recordings, and as many from held-out ones."""
    samples: int = Field(60, ge=2, le=5000)
    """New clips of the model, and as many of the granular baseline."""
    reconstructions: int = Field(30, ge=1, le=5000)
    """Held-out clips that are reconstructed, varied, given new phases, and replaced by noise."""
    variation_strength: float = Field(0.5, gt=0, le=1)
    """Strength of the variations of held-out clips."""
    long_seconds: float = Field(60.0, ge=10, le=86_400)
    """Length of the long piece in which seams, drift and repetition are looked for, s."""
    loop_seconds: float = Field(10.0, ge=1, le=600)
    """Length of the loop whose end shall meet its beginning, s."""
    real_seconds: float = Field(600.0, ge=10)
    """So much of the training recordings at most is searched for copied sounds, and compared with
    the long piece, s."""
    judge: JudgeOptions | None = None
    """Learner that decides on labels; default one trained on texture statistics of the real
    training clips."""
    dimensions: int = Field(32, ge=2, le=64)
    """Principal components in which clips are compared; no more than a third of the training
    clips."""
    patch_seconds: float = Field(0.2, ge=0.05, le=2)
    """Length of the patches that are searched for in the training recordings, s."""
    patches: int = Field(8, ge=1, le=64)
    """Patches of each clip that are searched for."""
    resamples: int = Field(200, ge=50, le=10_000)
    """Bootstrap resamples of recordings behind each interval."""

"""Options of deciding on recordings without labels."""

from soundmill.classification.submission_options import SubmissionOptions
from soundmill.options import Options


class PredictionOptions(Options):
    """Which recordings are decided on, and by what."""

    corpus: str
    """Corpus of the recordings; it needs no labels."""
    learner: str
    """Learner or ensemble that decides."""
    submission: SubmissionOptions = SubmissionOptions()
    """The table to hand in."""

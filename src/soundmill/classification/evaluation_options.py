"""Options of the evaluation of classifiers."""

from typing import Literal

from pydantic import Field

from soundmill.options import Options


class ClassificationEvaluationOptions(Options):
    """How learners are judged and compared."""

    metric: str | None = None
    """Metric that ranks the learners; default accuracy, mAP for tags, R² for values."""
    resamples: int = Field(1000, ge=200, le=20000)
    """Bootstrap resamples behind each interval."""
    bins: int = Field(15, ge=2, le=100)
    """Confidence bins of the calibration error."""
    binning: Literal["equal_width", "equal_mass"] = "equal_width"
    """Bins of equal width (Guo et al. 2017), or with equally many examples each."""
    curve_points: int = Field(200, ge=10, le=1000)
    """Most points of a ROC, precision-recall or abstention curve."""
    least_valid: int = Field(30, ge=1)
    """With fewer validation examples, temperatures, thresholds and stacking weights are fitted on
    the predictions of the other folds instead, where there are any."""
    mistakes: int = Field(20, ge=0)
    """Most confident mistakes to list."""
    mistakes_of: str | None = None
    """Learner or ensemble whose mistakes are listed; default the best."""
    neighbours: int = Field(3, ge=0, le=20)
    """Nearest training examples shown beside each mistake."""

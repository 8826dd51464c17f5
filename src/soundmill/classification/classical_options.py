"""Options of the classical learners: those that learn from tables of descriptors."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from soundmill.errors import InputError
from soundmill.options import Options, nearest, validate

Kind = Literal["majority", "knn", "linear", "svm", "random_forest", "gmm", "boosting"]
Scale = Literal["standard", "robust", "quantile", "none"]


class SelectOptions(Options):
    """Keep only the descriptors that tell most about the targets, each looked at alone."""

    count: int = Field(200, ge=1)
    """Descriptors to keep; all where there are fewer."""
    by: Literal["anova", "mutual_information"] = "anova"
    """`anova`: F value (regression: of the linear correlation); `mutual_information`: also sees
    what is not linear, and is a hundred times slower. Several tags or targets: their mean."""


class SearchOptions(Options):
    """Search of a learner's own options inside each fold's training part (nested validation)."""

    trials: int = Field(20, ge=1)
    """Most settings to try; the first is the options as given."""
    seconds: float | None = Field(None, gt=0)
    """Time budget of each fold's search, s; the setting being tried is finished. With a budget
    that ends the search before `trials` does, two runs may choose differently."""
    folds: int = Field(4, ge=2, le=20)
    """Inner folds; groups stay together in them."""
    objective: Literal["figure", "loss"] = "figure"
    """`figure`: accuracy, mean average precision or R2; `loss`: log loss or squared error."""


class _Learner(Options):
    """What all classical learners share."""

    level: Literal["recording", "segment"] = "recording"
    """What one row to learn from is: a recording, or each of its segments."""
    aggregation: Literal["mean", "log_mean", "vote", "max"] = "mean"
    """How decisions on segments become one on the recording (level: segment)."""
    families: list[str] | None = Field(None, min_length=1)
    """Families of descriptors to learn from (`mfcc`, `chroma`, ...); null for all."""
    columns: list[str] | None = Field(None, min_length=1)
    """Names of descriptors to learn from; `*` and `?` stand for any text or letter. Null: all."""
    scale: Scale = "standard"
    """`standard`: mean 0, deviation 1; `robust`: median 0, quartiles 1 apart; `quantile`: ranks to
    a normal distribution; `none`."""
    select: SelectOptions | None = None
    """Fewer descriptors; null for all."""
    balance: Literal["none", "class_weight", "oversample"] = "none"
    """For unequal classes: `class_weight` weighs a rare class's examples more, `oversample` repeats
    them (single-label tasks) until all classes are as frequent as the largest."""
    search: SearchOptions | None = None
    """Search of the options below and of `scale`; null to take them as they are."""


class _Unweighted(_Learner):
    """A learner that knows no weights."""

    @model_validator(mode="after")
    def _no_weights(self) -> Self:
        if self.balance == "class_weight":
            raise ValueError(
                "balance: this kind knows no class weights; oversample does the same to it"
            )
        return self


class MajorityOptions(_Unweighted):
    """The floor: how frequent each class or tag is, or the mean of each target."""

    kind: Literal["majority"] = "majority"
    """The learner."""


class KnnOptions(_Unweighted):
    """The nearest neighbours among the training examples decide."""

    kind: Literal["knn"] = "knn"
    """The learner."""
    neighbours: int = Field(5, ge=1)
    """How many; all where there are fewer examples."""
    weights: Literal["uniform", "distance"] = "distance"
    """`distance`: nearer ones count more."""


class LinearOptions(_Learner):
    """Logistic regression or linear discriminant analysis; ridge regression for values."""

    kind: Literal["linear"] = "linear"
    """The learner."""
    method: Literal["logistic", "discriminant"] = "logistic"
    """`discriminant`: Fisher's, with the covariance shrunk as Ledoit and Wolf do."""
    strength: float = Field(0.1, gt=0)
    """Inverse of the penalty on large weights (C); larger fits the examples more closely."""
    iterations: int = Field(500, ge=1)
    """Most steps of the solver."""

    @model_validator(mode="after")
    def _weighable(self) -> Self:
        if self.method == "discriminant" and self.balance == "class_weight":
            raise ValueError("balance: method discriminant knows no class weights; oversample")
        return self


class SvmOptions(_Learner):
    """A support vector machine, with probabilities calibrated on inner folds."""

    kind: Literal["svm"] = "svm"
    """The learner."""
    kernel: Literal["rbf", "linear"] = "rbf"
    """Shape of the boundary."""
    strength: float = Field(3.0, gt=0)
    """Inverse of the penalty (C); larger fits the examples more closely."""
    width: float = Field(1.0, gt=0)
    """The rbf kernel's gamma in multiples of 1 / (descriptors x variance); larger is wigglier."""
    calibration_folds: int = Field(5, ge=2, le=20)
    """Inner folds whose held-out scores the probabilities are fitted to."""


class RandomForestOptions(_Learner):
    """Many trees, each grown on a random sample of examples and descriptors."""

    kind: Literal["random_forest"] = "random_forest"
    """The learner."""
    scale: Scale = "none"
    """Trees need none."""
    trees: int = Field(300, ge=1)
    """How many."""
    leaf: int = Field(1, ge=1)
    """Fewest examples in a leaf."""
    features: float | Literal["sqrt"] = "sqrt"
    """Descriptors looked at for each split: a share of them, or their square root."""
    extra: bool = False
    """Draw thresholds at random (extremely randomised trees): faster, smoother."""

    @model_validator(mode="after")
    def _share(self) -> Self:
        if self.features != "sqrt" and not 0 < self.features <= 1:
            raise ValueError(f"features: {self.features:g} must be sqrt or a share from 0 to 1")
        return self


class GmmOptions(_Unweighted):
    """A mixture of Gaussians for each class, compared by Bayes' rule; not for values."""

    kind: Literal["gmm"] = "gmm"
    """The learner."""
    components: int = Field(1, ge=1)
    """Gaussians of each class; fewer where a class has fewer than 2 examples for each."""
    covariance: Literal["diag", "full"] = "diag"
    """Shape of each Gaussian."""
    dimensions: int | None = Field(20, ge=1)
    """Principal components of the descriptors it sees; null for the descriptors themselves."""
    floor: float = Field(0.1, gt=0)
    """Added to every variance, in units of the scaled descriptors: keeps it from certainty."""


class BoostingOptions(_Learner):
    """Gradient boosted trees (LightGBM)."""

    kind: Literal["boosting"] = "boosting"
    """The learner."""
    scale: Scale = "none"
    """Trees need none."""
    rounds: int = Field(80, ge=1)
    """Trees, for each class."""
    learning_rate: float = Field(0.1, gt=0, le=1)
    """Weight of each tree."""
    leaves: int = Field(8, ge=2)
    """Leaves of each tree at most."""
    leaf: int = Field(5, ge=1)
    """Fewest examples in a leaf."""
    features: float = Field(0.1, gt=0, le=1)
    """Share of the descriptors each tree may use."""
    examples: float = Field(0.8, gt=0, le=1)
    """Share of the examples each tree learns from."""
    penalty: float = Field(1.0, ge=0)
    """Penalty on large leaf values (L2)."""


class AutoOptions(_Learner):
    """The search chooses the kind too: machine learning without a choice to make."""

    kind: Literal["auto"] = "auto"
    """The learner."""
    kinds: list[Literal["knn", "linear", "svm", "random_forest", "gmm", "boosting"]] = Field(
        ["svm", "linear", "random_forest", "boosting"], min_length=1
    )
    """Kinds to choose from, each first tried with its defaults."""
    scale: Literal["auto"] = "auto"  # type: ignore[assignment]
    """Each kind's own."""
    search: SearchOptions = SearchOptions(trials=40)
    """The search."""

    @model_validator(mode="after")
    def _weighable(self) -> Self:
        unweighted = sorted({"knn", "gmm"} & set(self.kinds))
        if self.balance == "class_weight" and unweighted:
            raise ValueError(f"balance: {unweighted[0]} knows no class weights; oversample it")
        return self

    def start(self, kind: str) -> "FixedOptions":
        """Return the defaults of one kind with what all learners share taken from here."""
        shared = set(_Learner.model_fields) - {"scale", "search"}
        return KINDS[kind](**{name: getattr(self, name) for name in shared})


FixedOptions = (
    MajorityOptions
    | KnnOptions
    | LinearOptions
    | SvmOptions
    | RandomForestOptions
    | GmmOptions
    | BoostingOptions
)
KINDS: dict[str, Any] = {
    "majority": MajorityOptions, "knn": KnnOptions, "linear": LinearOptions, "svm": SvmOptions,
    "random_forest": RandomForestOptions, "gmm": GmmOptions, "boosting": BoostingOptions,
    "auto": AutoOptions,
}  # fmt: skip


def read_options(raw: Mapping[str, Any]) -> FixedOptions | AutoOptions:
    """Return the options of a classical learner from plain values.

    Raises
    ------
    InputError
        As `soundmill.options.validate`.
    """
    kind = str(raw.get("kind", "nothing"))
    if kind not in KINDS:
        raise InputError(
            f"kind: got {kind!r}; choose one of {', '.join(KINDS)}{nearest(kind, KINDS)}"
        )
    checked: FixedOptions | AutoOptions = validate(KINDS[kind], raw, f"the learner of kind {kind}")
    return checked

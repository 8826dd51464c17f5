"""Options of a fusion task: its modalities, how they are damaged, how they decide together."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from soundmill.fusion.image_options import ImageModality
from soundmill.fusion.practical_options import PracticalOptions
from soundmill.options import Options

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$")]


class SoundModality(Options):
    """What is heard: a network of a classification task, whose folds the fusion shares."""

    kind: Literal["sound"] = "sound"
    """What this modality is."""
    task: str
    """Name of the classification task; its labels are those of the fusion. Its folds need a
    validation part, on which the fusion learns whom to trust."""
    learner: str
    """Name of a network among its learners."""
    damages: list[str] = Field(default_factory=list)
    """Names from `augmentations`, from mild to hard: what the fusion is tested under, and meets
    while it learns."""


Modality = Annotated[SoundModality | ImageModality, Field(discriminator="kind")]
FusionKind = Literal[
    "mean", "product", "weighted", "stacked", "concatenation", "cross_attention", "gated_units",
    "early", "gate",
]  # fmt: skip

LATE: tuple[FusionKind, ...] = ("mean", "product", "weighted", "stacked", "gate")
"""Kinds that decide from probabilities, and so can follow any encoders."""


class FusionOptions(Options):
    """One way to decide together."""

    kind: FusionKind
    """Late, from each modality's probabilities: `mean`; `product` of calibrated ones; `weighted`,
    a product whose weights are learned; `stacked`, logistic regression on all of them; `gate`, a
    product whose weights depend on how reliable each modality looks in this very case.
    Intermediate, from embeddings: `concatenation`; `cross_attention`; `gated_units` (Arevalo et
    al. 2017). `early`: one network sees both inputs."""
    width: int = Field(64, ge=4, le=1024)
    """Hidden units of those that have some."""
    epochs: int = Field(20, ge=1, le=1000)
    """Passes over the pairs it learns from (not mean, product, weighted, stacked)."""
    batch: int = Field(128, ge=1, le=4096)
    """Pairs a step."""
    learning_rate: float = Field(2e-3, gt=0, le=1)
    """Highest learning rate; rises for 15 % of the steps, falls along a cosine to zero."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of the hidden units dropped."""


def default_fusions() -> dict[str, FusionOptions]:
    """Return all ways to decide together, each by the name of its kind."""
    kinds: tuple[FusionKind, ...] = FusionKind.__args__  # type: ignore[attr-defined]
    return {kind: FusionOptions(kind=kind) for kind in kinds}


class TrainingCases(Options):
    """What happens to the modalities of the pairs that a fusion learns from."""

    damaged: float = Field(0.4, ge=0, le=1)
    """Chance that a modality is damaged, each damage alike."""
    missing: float = Field(0.1, ge=0, lt=1)
    """Chance that a modality is missing; never all of them."""
    lying: float = Field(0.2, ge=0, lt=1)
    """Chance that one modality is a sample of another class than the pair's, and nothing else is
    wrong; each as often as it errs on clean validation samples, relative to the others. More makes
    the gate surer of the more reliable one where they contradict each other."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.damaged + self.missing > 1:
            raise ValueError("damaged and missing together exceed 1")
        return self


class PairOptions(Options):
    """How samples of different modalities become one example."""

    learning: int = Field(8, ge=1, le=1000)
    """Pairings of each recording in one pass of learning, drawn anew each pass; fewer for fusions
    that learn from embeddings or inputs, whose training part is larger."""
    test: int = Field(4, ge=1, le=100)
    """Pairings of each test recording, the same for all fusions and cases."""


class FusionEvaluation(Options):
    """How fusions are compared."""

    resamples: int = Field(1000, ge=10, le=100_000)
    """Resamples of the bootstrap behind intervals."""
    examples: int = Field(8, ge=0, le=100)
    """Pairs shown and played on the page."""
    asked: dict[str, float] = Field(default_factory=dict)
    """Accuracy that the fusion in use shall reach, by the case: `both clean`, `image damaged`, ...;
    the page says whether it does."""


class FusionTaskOptions(Options):
    """A task that several modalities decide together."""

    modalities: dict[Name, Modality] = Field(min_length=2)
    """By name. The first must be a sound: the folds are those of its task."""
    fusions: dict[Name, FusionOptions] = Field(default_factory=default_fusions, min_length=1)
    """Ways to decide together, by name; default all (`early` where there are two modalities)."""
    use: str = "gate"
    """The fusion that `soundmill digits` and the export use."""
    seeds: int = Field(3, ge=1, le=20)
    """Trainings of each fusion that learns; figures are means over them."""
    cases: TrainingCases = TrainingCases()
    """What a fusion meets while it learns."""
    pairs: PairOptions = PairOptions()
    """How samples are paired."""
    practical_cnn: PracticalOptions | None = None
    """Also train the network of the practical on the first modality; default no."""
    evaluation: FusionEvaluation = FusionEvaluation()
    """How fusions are compared."""
    seed: int = Field(1, ge=0)
    """Everything random derives from it."""

    @model_validator(mode="before")
    @classmethod
    def _kinds_by_name(cls, raw: Any) -> Any:
        """A fusion named like a kind is of that kind."""
        if not isinstance(raw, dict):
            return raw
        modalities = raw.get("modalities")
        if "fusions" not in raw and isinstance(modalities, dict) and len(modalities) > 2:
            return {**raw, "fusions": {n: f for n, f in default_fusions().items() if n != "early"}}
        if not isinstance(raw.get("fusions"), dict):
            return raw
        kinds = FusionKind.__args__  # type: ignore[attr-defined]
        named = {
            name: {"kind": name, **(options or {})}
            if name in kinds and (options is None or isinstance(options, dict))
            else options
            for name, options in raw["fusions"].items()
        }
        return {**raw, "fusions": named}

    @model_validator(mode="after")
    def _agree(self) -> Self:
        first = next(iter(self.modalities.values()))
        if not isinstance(first, SoundModality):
            raise ValueError("modalities: the first must be of kind sound: it brings the folds")
        if self.use not in self.fusions:
            known = ", ".join(self.fusions)
            raise ValueError(f"use: there is no fusion {self.use!r}, only {known}")
        kind = self.fusions[self.use].kind
        if kind not in LATE:
            raise ValueError(
                f"use: {self.use!r} is of kind {kind}, which is bound to the "
                f"encoders of one fold; use one of kind {', '.join(LATE)}"
            )
        early = [name for name, fusion in self.fusions.items() if fusion.kind == "early"]
        if early and len(self.modalities) > 2:
            raise ValueError(f"fusions.{early[0]}: early fusion is for two modalities")
        return self

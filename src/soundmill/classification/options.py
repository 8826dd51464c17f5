"""All options of one classification task, as the configuration holds them."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from soundmill.classification.classical_options import AutoOptions, FixedOptions
from soundmill.classification.ensemble_options import EnsembleOptions
from soundmill.classification.evaluation_options import ClassificationEvaluationOptions
from soundmill.classification.model_card_options import ModelCardOptions
from soundmill.classification.network_options import ClassifierOptions, StartOptions
from soundmill.classification.prediction_options import PredictionOptions
from soundmill.classification.study_options import StartFromOptions, StudyOptions
from soundmill.classification.task_options import TableOptions, TaskOptions
from soundmill.options import nearest

FLOORS = {"majority": {"kind": "majority"}, "knn_mfcc": {"kind": "knn", "families": ["mfcc"]}}
"""Learners a task has unasked: what is reached without listening, and with the least listening."""

LearnerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$")]
Learner = Annotated[FixedOptions | AutoOptions | ClassifierOptions, Field(discriminator="kind")]
"""Options of a learner, told apart by `kind`."""


class ClassificationOptions(TaskOptions):
    """One task: what it learns from, its learners, and how they are judged and used."""

    corpus: str | None = None
    """Name of the corpus whose labels it learns; or `table`."""
    table: TableOptions | None = None
    """A ready table of features that takes the place of a corpus."""
    descriptors: str = "default"
    """Name of an entry of `descriptors`: what classical learners hear."""
    spectra: str = "default"
    """Name of an entry of `spectra`: what networks hear."""
    seed: int = Field(1, ge=0)
    """Everything random in this task derives from it."""
    learners: dict[LearnerName, Learner] = Field(default_factory=dict)
    """Learners by name; the floors `majority` and `knn_mfcc` are there unless set to null."""
    ensembles: dict[LearnerName, EnsembleOptions] = Field(default_factory=dict)
    """Ensembles of learners by name."""
    evaluation: ClassificationEvaluationOptions = ClassificationEvaluationOptions()
    """Metrics, intervals, mistakes."""
    studies: StudyOptions = StudyOptions()
    """What is looked into beyond the figures; each costs time."""
    prediction: PredictionOptions | None = None
    """Recordings without labels to decide on; default none."""
    card: ModelCardOptions = ModelCardOptions()
    """What only a person can say on the model card."""

    @model_validator(mode="before")
    @classmethod
    def _add_floors(cls, raw: Any) -> Any:
        if isinstance(raw, Mapping):
            learners = raw.get("learners") or {}
            known = {**FLOORS, **learners}
            left_out = {name for name in FLOORS if known[name] is None}
            return {**raw, "learners": {n: o for n, o in known.items() if n not in left_out}}
        return raw

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.corpus is None) == (self.table is None):
            raise ValueError("give either corpus or table")
        both = sorted(set(self.learners) & set(self.ensembles))
        if both:
            raise ValueError(f"ensembles.{both[0]}: a learner has this name too; rename one")
        if self.table and self.prediction:
            raise ValueError("prediction: a task from a table knows no recordings to decide on")
        if self.table and self.networks:
            raise ValueError(
                f"learners.{min(self.networks)}: a network needs recordings, and table has none"
            )
        if self.networks and self.fold_count is None:
            raise ValueError(
                f"split.folds: say how many folds {self.split.method} makes, since each fold of a "
                "network is a job of its own"
            )
        for name, ensemble in self.ensembles.items():
            self._known(ensemble.members, f"ensembles.{name}.members")
        self._known(self.studies.learners, "studies")
        self._check_studies()
        if self.prediction:
            self._known([self.prediction.learner], "prediction.learner", ensembles=True)
        return self

    def _check_studies(self) -> None:
        """Each study looks into learners of one sort."""
        for name in self.studies.importance.learners if self.studies.importance else ():
            if name in self.networks:
                raise ValueError(
                    f"studies.importance.learners: {name!r} is a network; occlusion is for those"
                )
        for place in ("occlusion", "transfer", "ablation"):
            study = getattr(self.studies, place)
            if study and study.learner not in self.networks:
                raise ValueError(f"studies.{place}.learner: {study.learner!r} is not a network")
        if self.table and self.studies.robustness:
            raise ValueError("studies.robustness: a table has no sound that could be changed")

    def _known(self, names: Any, place: str, ensembles: bool = False) -> None:
        known = [*self.learners, *(self.ensembles if ensembles else ())]
        for name in names:
            if name not in known:
                raise ValueError(
                    f"{place}: {name!r} is not among {', '.join(known)}{nearest(name, known)}"
                )

    @property
    def networks(self) -> dict[str, ClassifierOptions]:
        """The learners that are networks, by name."""
        items = self.learners.items()
        return {name: options for name, options in items if isinstance(options, ClassifierOptions)}

    def starts(self, place: str) -> list[tuple[str, StartOptions | StartFromOptions]]:
        """Return the networks of other tasks that this one starts from, each with its place."""
        found: list[tuple[str, StartOptions | StartFromOptions]] = [
            (f"{place}.learners.{name}.start_from", options.start_from)
            for name, options in self.networks.items()
            if options.start_from
        ]
        if self.studies.transfer:
            found.append((f"{place}.studies.transfer.start_from", self.studies.transfer.start_from))
        return found

    @property
    def classical(self) -> list[str]:
        """Names of the learners that are not."""
        return [name for name in self.learners if name not in self.networks]

    @property
    def fold_count(self) -> int | None:
        """Number of honest folds, or None where only the data know."""
        if self.split.method in ("holdout", "files"):
            return 1
        return self.split.folds

    @property
    def leaky_fold_count(self) -> int:
        """Number of folds that ignore groups."""
        if not self.split.compare_random:
            return 0
        return self.split.random_folds or self.fold_count or 1


def part_of_task(options: ClassificationOptions) -> dict[str, Any]:
    """Return the options that decide a task's examples and folds, as plain values."""
    names = set(TaskOptions.model_fields)
    return options.model_dump(mode="json", include=names)

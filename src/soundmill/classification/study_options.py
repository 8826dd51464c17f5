"""Options of what is looked into beyond the figures: importance, robustness, transfer, ablation."""

from typing import Self

from pydantic import Field, model_validator

from soundmill.classification.importance_options import ImportanceOptions
from soundmill.options import Options


class WeighingOptions(ImportanceOptions):
    """What the decisions of classical learners rest on."""

    learners: tuple[str, ...] = Field(min_length=1)
    """Classical learners whose descriptors are weighed."""


class RobustnessOptions(Options):
    """How decisions hold when the recordings get worse."""

    learners: tuple[str, ...] = Field(min_length=1)
    """Learners to test."""
    recordings: int = Field(100, ge=1)
    """Held-out recordings to test on at most, drawn at random."""
    noise: tuple[float, ...] = (30.0, 20.0, 10.0, 0.0)
    """Signal-to-noise ratios of added noise, dB."""
    pitch: tuple[float, ...] = (-2.0, -1.0, 1.0, 2.0)
    """Pitch shifts, semitones."""
    tempo: tuple[float, ...] = (0.8, 0.9, 1.1, 1.25)
    """Tempo factors."""
    mp3: tuple[int, ...] = (128, 64, 32, 16)
    """MP3 bit rates, kbit/s."""


class StartFromOptions(Options):
    """A task whose network is a start for this one."""

    task: str
    """Name of the task."""
    learner: str
    """Name of its network."""


class TransferOptions(Options):
    """A learning curve: from scratch and from another task's network, over labelled clips."""

    learner: str
    """Network of this task whose kind and options are used."""
    start_from: StartFromOptions
    """The other task's network."""
    clips: tuple[int, ...] = (2, 5, 10, 20, 50)
    """Labelled recordings of each class to learn from; those beyond what there is are left out."""
    freeze: int = Field(2, ge=1)
    """First blocks that stay as they were in the frozen variant."""
    rate_factor: float = Field(0.1, gt=0, le=1)
    """Learning rate of the taken blocks in the fine-tuned variant, as a share of the head's."""
    seeds: int = Field(3, ge=1, le=20)
    """Draws of the clips, each with its own training."""
    epochs: int | None = Field(None, ge=1)
    """Passes over the clips; default as the learner's options."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.clips or tuple(sorted(set(self.clips))) != self.clips or self.clips[0] < 1:
            raise ValueError(f"clips {list(self.clips)} must rise from 1 or more")
        return self


class AblationOptions(Options):
    """One network with all its augmentations, without each, and with none."""

    learner: str
    """The network."""
    seeds: int = Field(1, ge=1, le=20)
    """Trainings of each variant."""
    epochs: int | None = Field(None, ge=1)
    """Passes; default as the learner's options."""


class OcclusionOptions(Options):
    """What a network's decisions rest on, by covering parts of the spectrum."""

    learner: str
    """The network."""
    recordings: int = Field(8, ge=1)
    """Held-out recordings to look at: the surest right decision on each class in turn."""
    seconds: float = Field(0.5, gt=0)
    """Length of a covered patch."""
    bands: int = Field(16, ge=1)
    """Height of a covered patch, in bands."""


class StudyOptions(Options):
    """What is looked into beyond the figures."""

    importance: WeighingOptions | None = None
    """Descriptors and their families, weighed; default not measured."""
    occlusion: OcclusionOptions | None = None
    """What a network's decisions rest on; default not measured."""
    robustness: RobustnessOptions | None = None
    """Accuracy against noise, pitch, tempo and MP3 bit rate; default not measured."""
    transfer: TransferOptions | None = None
    """A learning curve with and without another task's network; default not measured."""
    ablation: AblationOptions | None = None
    """The augmentations of a network, one by one; default not measured."""

    @property
    def learners(self) -> list[str]:
        """Names of all learners that are looked into."""
        studies = (self.occlusion, self.transfer, self.ablation)
        several = (self.importance, self.robustness)
        named = [name for study in several if study for name in study.learners]
        return [*named, *(study.learner for study in studies if study)]

"""The configuration: one model for the whole of config.yaml."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from soundmill.audio.perturbation_options import AugmentationOptions
from soundmill.classification.options import ClassificationOptions
from soundmill.corpus.image_options import ImageCorpusOptions
from soundmill.corpus.options import CorpusOptions
from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.spectra_options import SpectraOptions
from soundmill.fusion.image_options import ImageModality
from soundmill.fusion.options import FusionTaskOptions
from soundmill.music.evaluation_options import EvaluationOptions
from soundmill.music.generation_options import GenerationOptions
from soundmill.music.network_options import NetworkOptions, TrainingOptions
from soundmill.music.shard_options import ShardOptions
from soundmill.options import Options, nearest, validate
from soundmill.soundscape.options import SoundscapeOptions
from soundmill.synthesis.options import RenderOptions
from soundmill.transcription.options import TranscriberOptions

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$")]
"""A name becomes a folder: lower-case letters, digits and underscores."""


TAKEN = {"music", "soundscapes", "classification", "fusion"}
"""Folders of results that no corpus may have."""


class MusicOptions(Options):
    """One music model: what it learns from, how, and what it plays."""

    corpus: str
    """Name of the corpus it learns."""
    transcriber: str = "basic_pitch"
    """Name of an entry of `transcribers`."""
    seed: int = Field(1, ge=0)
    """Everything random in this model derives from it."""
    shards: ShardOptions = ShardOptions()
    """Splits, augmentation, records."""
    network: NetworkOptions = NetworkOptions()
    """Size and kind of the Music Transformer."""
    training: TrainingOptions = TrainingOptions()
    """Steps, batches, learning rate."""
    generation: GenerationOptions = GenerationOptions()
    """New pieces and continuations."""
    render: RenderOptions = RenderOptions()
    """Instruments and effects."""
    evaluation: EvaluationOptions = EvaluationOptions()
    """How generated pieces are compared with the corpus."""


class Config(Options):
    """The whole of config.yaml."""

    corpora: dict[Name, CorpusOptions] = Field(default_factory=dict)
    """Recordings by the name of their corpus; `music`, `soundscapes`, `classification` and `fusion`
    are taken by results."""
    images: dict[Name, ImageCorpusOptions] = Field(default_factory=dict)
    """Images by the name of their corpus; no corpus of recordings has the same."""
    transcribers: dict[Name, TranscriberOptions] = Field(default_factory=dict)
    """Transcriber settings by name; `basic_pitch` and `transkun` are always there."""
    music: dict[Name, MusicOptions] = Field(default_factory=dict)
    """Music models by name."""
    descriptors: dict[Name, DescriptorOptions] = Field(default_factory=dict)
    """Settings of the descriptor bank by name; `default` is always there."""
    spectra: dict[Name, SpectraOptions] = Field(default_factory=dict)
    """Settings of the spectra by name; `default` is always there."""
    augmentations: dict[Name, AugmentationOptions] = Field(default_factory=dict)
    """Changes made to recordings that networks learn from as well, by name."""
    soundscapes: dict[Name, SoundscapeOptions] = Field(default_factory=dict)
    """Soundscape models by name."""
    classification: dict[Name, ClassificationOptions] = Field(default_factory=dict)
    """Classification tasks by name."""
    fusion: dict[Name, FusionTaskOptions] = Field(default_factory=dict)
    """Tasks that several modalities decide together, by name."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for section in ("corpora", "images"):
            for name in sorted(TAKEN & set(getattr(self, section))):
                raise ValueError(
                    f"{section}.{name}: results/{name} is taken by other results; rename it"
                )
        for name in sorted(set(self.corpora) & set(self.images)):
            raise ValueError(f"images.{name}: a corpus of recordings has this name; take another")
        self.descriptors.setdefault("default", DescriptorOptions())
        self.spectra.setdefault("default", SpectraOptions())
        for method in ("basic_pitch", "transkun"):
            self.transcribers.setdefault(method, TranscriberOptions(method=method))
        for name, model in self.music.items():
            place = f"music.{name}"
            _require(model.corpus, self.corpora, f"{place}.corpus", "corpora")
            _require(model.transcriber, self.transcribers, f"{place}.transcriber", "transcribers")
        for name, soundscape in self.soundscapes.items():
            self._check_soundscape(name, soundscape)
        for name, task in self.classification.items():
            self._check_task(name, task)
        for name, fusion in self.fusion.items():
            self._check_fusion(name, fusion)
        return self

    def _check_soundscape(self, name: str, soundscape: SoundscapeOptions) -> None:
        place = f"soundscapes.{name}"
        _require(soundscape.corpus, self.corpora, f"{place}.corpus", "corpora")
        if soundscape.channels == 2 and self.corpora[soundscape.corpus].decode.channels == "mono":
            raise ValueError(
                f"{place}.channels: the corpus {soundscape.corpus} is decoded to one channel; "
                f"set corpora.{soundscape.corpus}.decode.channels to stereo"
            )
        judge = soundscape.evaluation.judge
        if judge:
            here = f"{place}.evaluation.judge"
            _require(judge.task, self.classification, f"{here}.task", "classification")
            learners = self.classification[judge.task].learners
            _require(judge.learner, learners, f"{here}.learner", f"the learners of {judge.task}")

    def _check_task(self, name: str, task: ClassificationOptions) -> None:
        place = f"classification.{name}"
        if task.corpus is not None:
            _require(task.corpus, self.corpora, f"{place}.corpus", "corpora")
        _require(task.descriptors, self.descriptors, f"{place}.descriptors", "descriptors")
        _require(task.spectra, self.spectra, f"{place}.spectra", "spectra")
        if task.prediction:
            _require(task.prediction.corpus, self.corpora, f"{place}.prediction.corpus", "corpora")
        for learner, options in task.networks.items():
            here = f"{place}.learners.{learner}"
            for augmentation in options.augmentations:
                _require(augmentation, self.augmentations, f"{here}.augmentations", "augmentations")
        for here, start in task.starts(place):
            _require(start.task, self.classification, f"{here}.task", "classification")
            known = self.classification[start.task].networks
            _require(start.learner, known, f"{here}.learner", f"the networks of {start.task}")
            other = self.classification[start.task]
            if (other.corpus, other.targets) == (task.corpus, task.targets):
                raise ValueError(
                    f"{here}: the network of {start.task} has learned from the recordings that "
                    f"{name} tests; start from a task of another corpus"
                )

    def _check_fusion(self, name: str, fusion: FusionTaskOptions) -> None:
        for modality, options in fusion.modalities.items():
            here = f"fusion.{name}.modalities.{modality}"
            if isinstance(options, ImageModality):
                _require(options.images, self.images, f"{here}.images", "images")
                continue
            _require(options.task, self.classification, f"{here}.task", "classification")
            task = self.classification[options.task]
            networks = f"the networks of {options.task}"
            _require(options.learner, task.networks, f"{here}.learner", networks)
            for damage in options.damages:
                _require(damage, self.augmentations, f"{here}.damages", "augmentations")
            if task.kind != "single":
                raise ValueError(f"{here}.task: {options.task} is not of kind single")
            if task.fold_count is None or task.split.valid == 0:
                raise ValueError(
                    f"{here}.task: a fusion learns whom to trust from recordings that the network "
                    f"has not learned; set classification.{options.task}.split.valid above 0, and "
                    "split.folds where the data give the folds"
                )


def _require(got: str, known: Iterable[str], place: str, section: str) -> None:
    if got not in known:
        names = ", ".join(known) or "none given"
        raise ValueError(f"{place}: {got!r} is not in {section} ({names}){nearest(got, known)}")


def load_config(raw: Mapping[str, Any]) -> Config:
    """Return a configuration, as read from YAML, checked and with its defaults.

    Raises
    ------
    InputError
        With one line for each wrong option (see `soundmill.options.validate`).
    """
    return validate(Config, raw, "the configuration")

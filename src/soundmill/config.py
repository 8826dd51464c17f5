"""The configuration: one model for the whole of config.yaml."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from soundmill.corpus.options import CorpusOptions
from soundmill.music.evaluation_options import EvaluationOptions
from soundmill.music.generation_options import GenerationOptions
from soundmill.music.network_options import NetworkOptions, TrainingOptions
from soundmill.music.shard_options import ShardOptions
from soundmill.options import Options, nearest, validate
from soundmill.synthesis.options import RenderOptions
from soundmill.transcription.options import TranscriberOptions

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$")]
"""A name becomes a folder: lower-case letters, digits and underscores."""


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
    """Recordings by the name of their corpus; `music` is taken by the results of the models."""
    transcribers: dict[Name, TranscriberOptions] = Field(default_factory=dict)
    """Transcriber settings by name; `basic_pitch` and `transkun` are always there."""
    music: dict[Name, MusicOptions] = Field(default_factory=dict)
    """Music models by name."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if "music" in self.corpora:
            raise ValueError("corpora.music: results/music is taken by the models; rename it")
        for method in ("basic_pitch", "transkun"):
            self.transcribers.setdefault(method, TranscriberOptions(method=method))
        for name, model in self.music.items():
            place = f"music.{name}"
            _require(model.corpus, self.corpora, f"{place}.corpus", "corpora")
            _require(model.transcriber, self.transcribers, f"{place}.transcriber", "transcribers")
        return self


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

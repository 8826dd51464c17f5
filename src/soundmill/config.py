"""The configuration: one model for config.yaml, with errors that name place, value and remedy."""

import difflib
import json
import os
from pathlib import Path
from typing import Annotated, Any, NoReturn, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from soundmill.corpus.options import CorpusOptions
from soundmill.errors import InputError
from soundmill.files import atomic_path
from soundmill.music.network_options import GenerationOptions, NetworkOptions, TrainingOptions
from soundmill.music.options import EvaluationOptions, ShardOptions
from soundmill.options import Options
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

    corpora: dict[Name, CorpusOptions] = {}
    """Recordings by the name of their corpus."""
    transcribers: dict[Name, TranscriberOptions] = {}
    """Transcriber settings by name; `basic_pitch` and `transkun` are always there."""
    music: dict[Name, MusicOptions] = {}
    """Music models by name."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for method in ("basic_pitch", "transkun"):
            self.transcribers.setdefault(method, TranscriberOptions(method=method))
        for name, model in self.music.items():
            _require(model.corpus, self.corpora, f"music.{name}.corpus", "corpora")
            _require(
                model.transcriber, self.transcribers, f"music.{name}.transcriber", "transcribers"
            )
        return self


def _require(got: str, known: dict[str, Any], place: str, section: str) -> None:
    if got not in known:
        raise ValueError(
            f"{place}: {got!r} is not one of {section} ({', '.join(known) or 'none given'})"
            f"{_nearest(got, known)}"
        )


def _nearest(got: str, known: Any) -> str:
    close = difflib.get_close_matches(str(got), list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def load_config(raw: dict[str, Any]) -> Config:
    """Validate a configuration as read from YAML.

    Raises
    ------
    InputError
        With one line for each wrong option: its place, what it got, what is allowed, and the
        nearest valid spelling.
    """
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        _explain(error)


def _explain(error: ValidationError) -> NoReturn:
    lines = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"] if part != "[key]")
        if item["type"] == "extra_forbidden":
            known = _fields_at(item["loc"][:-1])
            lines.append(
                f"{place}: unknown option{_nearest(str(item['loc'][-1]), known)}"
                f" (allowed: {', '.join(known)})"
            )
        elif item["type"] == "value_error":
            where = f"{place}: " if place else ""
            lines.append(f"{where}{item['ctx']['error']}")
        else:
            got = json.dumps(item["input"], default=str, ensure_ascii=False)
            lines.append(f"{place}: got {got[:80]}; {item['msg']}")
    raise InputError("the configuration is wrong:\n  " + "\n  ".join(lines))


def _fields_at(place: tuple[int | str, ...]) -> list[str]:
    """Return the option names allowed at a place of the configuration."""
    schema = Config.model_json_schema()
    node: dict[str, Any] = schema
    for part in place:
        node = _resolve(node, schema)
        inner = node.get("properties", {}).get(part) or node.get("additionalProperties")
        if isinstance(inner, dict):  # other parts name the branch of a union
            node = inner
    return list(_resolve(node, schema).get("properties", {}))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for choice in (node, *node.get("anyOf", ())):
        if "$ref" in choice:
            return dict(schema["$defs"][choice["$ref"].rsplit("/", 1)[1]])
    return node


def write_schema(path: str | os.PathLike[str] = "schemas/config.schema.json") -> None:
    """Write the JSON schema by which editors complete and check config.yaml."""
    with atomic_path(Path(path)) as temporary:
        schema = Config.model_json_schema()
        temporary.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_schema()

"""Options of a corpus: where its recordings lie, what labels them, how they are decoded."""

import string
from typing import Self

from pydantic import Field, field_validator, model_validator

from soundmill.corpus.decode_options import MANIFEST_COLUMNS, DecodeOptions
from soundmill.corpus.remote import check_local, check_scheme
from soundmill.options import Options

SKIP = "_"
"""The name of a folder level or a pattern field that is not wanted as a label."""


class LabelOptions(Options):
    """Where labels come from; several ways may be combined when their names differ."""

    csv: str | None = None
    """CSV file with a header, from the working folder or the source folder, or, for recordings,
    `s3://bucket/key`; default none."""
    key: str = "file"
    """Column of the CSV that names the recording: its path, file name, stem or id."""
    folders: bool | list[str] = False
    """`true` labels each recording with its folder; a list names the levels, outermost first."""
    pattern: str | None = None
    """Fields in the file name without extension, such as `{digit}_{speaker}_{take}`."""

    @field_validator("csv")
    @classmethod
    def _check_csv(cls, csv: str | None) -> str | None:
        check_scheme(csv or "")
        return csv

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            _check_names(pattern_fields(pattern), f"pattern {pattern!r}")
        return pattern

    @field_validator("folders")
    @classmethod
    def _check_folders(cls, folders: bool | list[str]) -> bool | list[str]:
        if isinstance(folders, list):
            _check_names(folders, "folders")
            if len(set(folders) - {SKIP}) < len([name for name in folders if name != SKIP]):
                raise ValueError(f"folders: {folders} names two levels alike")
        return folders

    @model_validator(mode="after")
    def _check_any(self) -> Self:
        if not (self.csv or self.folders or self.pattern):
            raise ValueError("give csv, folders or pattern, or leave labels out")
        return self


def pattern_fields(pattern: str) -> list[str]:
    """Return the names of the fields of a file-name pattern, in order."""
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError as error:
        raise ValueError(f"pattern {pattern!r}: {error}; write fields as {{name}}") from error
    kinds = {kind for _, _, kind, _ in parts if kind}
    if kinds - {"d"}:
        raise ValueError(f"pattern {pattern!r}: after a field's colon only ':d' (digits) is known")
    return [name for _, name, _, _ in parts if name is not None]


def _check_names(names: list[str], place: str) -> None:
    if not any(name != SKIP for name in names):
        raise ValueError(f"{place}: there is no label in it; write names such as {{artist}}")
    for name in names:
        if not name.isidentifier():
            raise ValueError(f"{place}: {name!r} is no name; use letters, digits, underscores")
        if name in MANIFEST_COLUMNS:
            raise ValueError(f"{place}: {name!r} is a column of the manifest; take another name")


class CorpusOptions(Options):
    """One corpus: recordings, labels, decoding."""

    source: str | list[str] = Field(min_length=1)
    """Folder, `s3://bucket/prefix`, or a list of these; or `demo:ambient`, `demo:songs`,
    `demo:soundscapes` or `demo:digits`. Credentials come from the environment (docs/remote.md)."""
    labels: LabelOptions | None = None
    """Labels from a CSV, from folders or from file names; default none."""
    decode: DecodeOptions = DecodeOptions()
    """How recordings become WAV files."""
    buckets: int = Field(default=16, ge=1, le=1000)
    """Number of buckets: jobs a stage; a change recomputes names, not decoded audio."""
    max_rejected: float = Field(default=0.25, ge=0, le=1)
    """Largest share of rejected recordings to go on with."""
    truth: str | None = None
    """Folder of .mid or .tsv files named like the recordings, for transcription scores."""

    @field_validator("truth")
    @classmethod
    def _check_truth(cls, truth: str | None) -> str | None:
        check_local(truth or "")
        return truth

    @field_validator("source")
    @classmethod
    def _check_source(cls, source: str | list[str]) -> str | list[str]:
        for one in [source] if isinstance(source, str) else source:
            check_scheme(one)
        return source

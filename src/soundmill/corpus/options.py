"""Options of a corpus: where its recordings lie, what labels them, how they are decoded."""

import string
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from soundmill.options import Options

MANIFEST_COLUMNS = (
    "id", "source", "bucket", "status", "reason", "seconds", "sample_rate", "channels", "sha256"
)  # fmt: skip
"""What every manifest holds; a label cannot take one of these names."""
SKIP = "_"
"""The name of a folder level or a pattern field that is not wanted as a label."""


class LabelOptions(Options):
    """Where labels come from; several ways may be combined when their names differ."""

    csv: str | None = None
    """CSV file with a header, from the working folder or the source folder; default none."""
    key: str = "file"
    """Column of the CSV that names the recording: its path, file name, stem or id."""
    folders: bool | list[str] = False
    """`true` labels each recording with its folder; a list names the levels, outermost first."""
    pattern: str | None = None
    """Fields in the file name without extension, such as `{digit}_{speaker}_{take}`."""

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


class DecodeOptions(Options):
    """How recordings become WAV files."""

    sample_rate: int = Field(default=22050, ge=1000, le=384000)
    """Sample rate of the WAV files in Hz."""
    channels: Literal["mono", "stereo", "keep"] = "mono"
    """`mono` is the mean of all channels, `stereo` two, `keep` the recording's own."""
    subtype: Literal["PCM_16", "PCM_24", "FLOAT"] = "PCM_16"
    """Sample format of the WAV files."""
    trim_silence: bool = False
    """Cut silence (below -60 dBFS, all but .1 s) from both ends."""
    loudness: float | None = Field(default=None, ge=-70, le=-5)
    """Loudness to bring each recording to, in LUFS (BS.1770); default leaves it as it is."""
    minimum_seconds: float = Field(default=0.1, ge=0)
    """Shorter recordings are rejected, in seconds."""
    maximum_seconds: float | None = Field(default=None, gt=0)
    """Longer recordings are rejected, in seconds; default no limit."""


class CorpusOptions(Options):
    """One corpus: recordings, labels, decoding."""

    source: str | list[str] = Field(min_length=1)
    """Folder of recordings, or a list of folders, or `demo:ambient`."""
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

"""Options of decoding, and the columns of what it tells."""

from typing import Literal

from pydantic import Field

from soundmill.options import Options

MANIFEST_COLUMNS = (
    "id", "source", "bucket", "status", "reason", "seconds", "sample_rate", "channels", "sha256"
)  # fmt: skip
"""What every manifest holds; a label cannot take one of these names."""


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

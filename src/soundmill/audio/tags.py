"""What a sound file says about itself: title, artist, date, comment, software."""

import json
import struct
from dataclasses import asdict, dataclass
from typing import Any

from soundmill import __version__


@dataclass(frozen=True)
class Tags:
    """Tags of a sound file; empty ones are left out."""

    title: str = ""
    artist: str = "soundmill"
    date: str = ""
    """As 2026-11-21. Empty where the same inputs must give the same bytes on another day."""
    comment: str = ""
    software: str = f"soundmill {__version__}"

    def given(self) -> dict[str, str]:
        """Return the tags that are not empty, by libsndfile's names."""
        return {name: text for name, text in asdict(self).items() if text}


def describe(title: str, *, date: str = "", **facts: Any) -> Tags:
    """Return tags whose comment is JSON of ``facts`` (model, seed, condition, ...)."""
    return Tags(title, date=date, comment=json.dumps(facts, ensure_ascii=False, sort_keys=True))


ID3_FRAMES = {
    "title": b"TIT2", "artist": b"TPE1", "date": b"TDRC", "comment": b"COMM", "software": b"TSSE",
}  # fmt: skip


def id3_header(tags: Tags) -> bytes:
    """Return an ID3v2.4 tag in UTF-8, to stand before the frames of an MP3.

    libsndfile writes its own as Latin-1 whatever the bytes are, the date as a year of version 2.3,
    and no software; mutagen would be another dependency for forty lines.
    Source: ID3 tag version 2.4.0, main structure (3.1, 4) and native frames (4.2, 4.10).
    """
    frames = b""
    for name, text in tags.given().items():
        language = b"und\x00" if name == "comment" else b""  # and an empty description
        body = b"\x03" + language + text.encode("utf-8", "replace")
        frames += ID3_FRAMES[name] + _syncsafe(len(body)) + b"\x00\x00" + body
    return b"ID3\x04\x00\x00" + _syncsafe(len(frames)) + frames if frames else b""


def _syncsafe(number: int) -> bytes:
    """Return a number as four times seven bits."""
    return struct.pack(">4B", *((number >> shift) & 127 for shift in (21, 14, 7, 0)))

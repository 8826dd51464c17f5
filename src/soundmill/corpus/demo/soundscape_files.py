"""Files of `demo:soundscapes` whose bytes depend on the sound alone."""

import struct
import zlib
from pathlib import Path

from soundmill.audio.files import write_audio
from soundmill.corpus.demo.soundscape_tools import Floats
from soundmill.files import atomic_path

SERIAL = 1
"""The number of the one stream in each Ogg file."""
PAGE_HEADER = 27
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def write_recording(path: Path, samples: Floats, rate: int) -> None:
    """Write samples (n,) atomically as the suffix says; the same samples give the same bytes."""
    write_audio(path, samples[None], rate)
    if path.suffix.lower() == ".ogg":
        with atomic_path(path) as temporary:
            temporary.write_bytes(with_serial(path.read_bytes(), SERIAL))


def with_serial(data: bytes, serial: int) -> bytes:
    """Return an Ogg file with another number of its stream, which libsndfile takes from the clock.

    RFC 3533, section 6: each page holds that number and a checksum of the page.

    Raises
    ------
    ValueError
        When the data is not a sequence of Ogg pages.
    """
    pages, place = [], 0
    while place < len(data):
        if data[place : place + 4] != b"OggS":
            raise ValueError(f"no Ogg page begins at byte {place}")
        segments = data[place + PAGE_HEADER - 1]
        header = place + PAGE_HEADER + segments
        stop = header + sum(data[place + PAGE_HEADER : header])
        page = bytearray(data[place:stop])
        page[14:18] = struct.pack("<I", serial)
        page[22:26] = bytes(4)
        page[22:26] = struct.pack("<I", ogg_checksum(bytes(page)))
        pages.append(bytes(page))
        place = stop
    return b"".join(pages)


def ogg_checksum(page: bytes) -> int:
    """Return the CRC-32 of a page: the polynomial of zlib's, but bits in the other order."""
    mirrored = zlib.crc32(page.translate(MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)

"""TFRecord containers: framed, checksummed records with an offset index for random access.

A record is its length (8 bytes, little-endian), the masked CRC-32C of the length (4 bytes), the
payload and the masked CRC-32C of the payload (4 bytes), as in TensorFlow's
``tensorflow/core/lib/io/record_writer.h``. The index beside it holds one line a record, the offset
and the length of the whole frame, as the ``tfrecord`` package writes and reads it.
"""

import os
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c

from soundmill.errors import InputError
from soundmill.files import atomic_path

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_HEADER_BYTES = _LENGTH.size + _CRC.size
_MASK_DELTA = 0xA282EAD8


def masked_crc(data: bytes) -> int:
    """Return TensorFlow's masked CRC-32C of ``data``.

    The mask (rotate right by 15, add a constant) keeps the checksum of data that itself holds
    checksums from being weak.
    """
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def frame(payload: bytes) -> bytes:
    """Return one record with its length and both checksums."""
    length = _LENGTH.pack(len(payload))
    head, tail = _CRC.pack(masked_crc(length)), _CRC.pack(masked_crc(payload))
    return b"".join((length, head, payload, tail))


def index_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of the index that belongs to a record file."""
    return Path(path).with_suffix(".index")


class RecordWriter:
    """Write a record file and the index beside it, both atomically.

    Use it in a ``with`` statement: the files appear when the block succeeds.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.size = 0
        self.count = 0

    def __enter__(self) -> "RecordWriter":
        self._stack = ExitStack()
        with self._stack as stack:
            index = stack.enter_context(atomic_path(index_path(self.path)))
            records = stack.enter_context(atomic_path(self.path))
            self._index = stack.enter_context(open(index, "w", encoding="ascii"))
            self._records = stack.enter_context(open(records, "wb"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def write(self, payload: bytes) -> None:
        """Append one record."""
        size = self._records.write(frame(payload))
        self._index.write(f"{self.size} {size}\n")
        self.size += size
        self.count += 1


def write_records(path: str | os.PathLike[str], payloads: Iterable[bytes]) -> None:
    """Write one record a payload to ``path`` and the index beside it, both atomically.

    The payloads are consumed one at a time, so the file may be larger than memory.
    """
    with RecordWriter(path) as writer:
        for payload in payloads:
            writer.write(payload)


def read_records(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """Yield the payloads of a record file in order, every checksum verified.

    Raises
    ------
    InputError
        When a record is damaged or cut short; the message names the file and the record,
        counted from 0.
    """
    path = Path(path)
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        number = 0
        while file.tell() < size:
            length = _read_length(file, size, path, number)
            yield _read_payload(file, length, path, number)
            number += 1


class RecordFile:
    """Random access to the records of one file, every checksum verified on reading.

    It keeps no open file, so it may be pickled and shared between processes and threads.
    A missing index is replaced by one walk over the record headers.

    Parameters
    ----------
    path : the record file.

    Raises
    ------
    InputError
        When the index does not fit the file, or a record is damaged or cut short.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._offsets = _read_index(self.path)

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, number: int) -> bytes:
        if not -len(self) <= number < len(self):
            raise IndexError(f"{self.path} has {len(self)} records, there is no {number}")
        number %= len(self)
        with _open(self.path) as file:
            file.seek(self._offsets[number])
            size = os.fstat(file.fileno()).st_size
            length = _read_length(file, size, self.path, number)
            return _read_payload(file, length, self.path, number)


def shard_paths(folder: str | os.PathLike[str], split: str, count: int) -> list[Path]:
    """Return the ``count`` shards of a split: ``train-00000-of-00004.tfrecord`` and so on."""
    return [Path(folder) / f"{split}-{i:05d}-of-{count:05d}.tfrecord" for i in range(count)]


def find_shards(folder: str | os.PathLike[str], split: str) -> list[Path]:
    """Return the shards of a split in order.

    Raises
    ------
    InputError
        When there is none, one is missing, or shards of two different counts lie together.
    """
    found = sorted(Path(folder).glob(f"{split}-?????-of-?????.tfrecord"))
    counts = {int(re.sub(r".*-of-", "", path.stem)) for path in found}
    if len(counts) != 1:
        what = "no shards" if not counts else f"shards of different counts {sorted(counts)}"
        raise InputError(f"{folder} holds {what} of the split {split!r}. Build the shards again.")
    wanted = shard_paths(folder, split, counts.pop())
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise InputError(f"the shard {missing[0]} is missing. Build the shards again.")
    return wanted


def _open(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _damaged(path: Path, number: int, what: str) -> InputError:
    return InputError(f"{path}, record {number}: {what}. Delete the file and build it again.")


def _read_length(file: BinaryIO, size: int, path: Path, number: int) -> int:
    """Read the header at the file's position and check that the whole record is there."""
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        raise _damaged(path, number, "the file ends inside the record's header")
    length = header[: _LENGTH.size]
    if _CRC.unpack(header[_LENGTH.size :])[0] != masked_crc(length):
        raise _damaged(path, number, "the checksum of the length is wrong")
    value: int = _LENGTH.unpack(length)[0]
    if file.tell() + value + _CRC.size > size:
        raise _damaged(path, number, "the file ends inside the record")
    return value


def _read_payload(file: BinaryIO, length: int, path: Path, number: int) -> bytes:
    payload = file.read(length)
    if _CRC.unpack(file.read(_CRC.size))[0] != masked_crc(payload):
        raise _damaged(path, number, "the checksum of the content is wrong")
    return payload


def _read_index(path: Path) -> list[int]:
    """Return the offsets of the records; the frames must tile the file without gap or overlap."""
    if not index_path(path).exists():
        return _walk(path)
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
    offsets, end = [], 0
    try:
        for line in index_path(path).read_text(encoding="ascii").splitlines():
            offset, length = map(int, line.split())
            if offset != end or length < _HEADER_BYTES + _CRC.size:
                raise ValueError
            offsets.append(offset)
            end = offset + length
    except ValueError:
        end = -1
    if end != size:
        raise InputError(
            f"{index_path(path)} does not fit {path}: one of them is damaged or from another run. "
            "Delete both and build them again."
        )
    return offsets


def _walk(path: Path) -> list[int]:
    offsets = []
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        while file.tell() < size:
            offsets.append(file.tell())
            length = _read_length(file, size, path, len(offsets) - 1)
            file.seek(length + _CRC.size, os.SEEK_CUR)
    return offsets

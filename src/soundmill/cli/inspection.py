"""What `soundmill inspect` says about the files the pipeline writes."""

from collections.abc import Iterator
from pathlib import Path

from soundmill.errors import InputError
from soundmill.files import read_json


def describe(path: Path) -> Iterator[str]:
    """Yield lines that describe a shard, a folder of shards, a model folder or a cache.

    Raises
    ------
    InputError
        When the path is none of these, or a record in a shard is damaged.
    """
    if path.suffix == ".tfrecord":
        yield from _describe_shard(path)
    elif (path / "card.json").is_file():
        yield from _describe_shards(path)
    elif (path / "model.safetensors").is_file():
        yield from _describe_model(path)
    elif path.is_dir() and any(path.glob("*/??/*.json")):
        yield from _describe_cache(path)
    else:
        raise InputError(
            f"{path} is no shard (.tfrecord), no folder with card.json or model.safetensors, "
            "and no cache; see results/music/<model>/ and results/.cache"
        )


def _describe_shard(path: Path) -> Iterator[str]:
    """Read every record, which verifies its checksums, and list the pieces."""
    from soundmill.music.shards import Piece
    from soundmill.records import read_records

    count = size = 0
    for record in read_records(path):
        count += 1
        size += len(record)
        try:
            piece = Piece.from_bytes(record)
        except InputError:
            yield _describe_notes(record)
        else:
            yield f"{piece.id}: {len(piece.tokens)} events"
    yield f"{count} records, {size:,} bytes, every checksum right"


def _describe_notes(record: bytes) -> str:
    from google.protobuf.message import DecodeError
    from note_seq.protobuf import music_pb2

    try:
        sequence = music_pb2.NoteSequence.FromString(record)
    except DecodeError:
        return f"{len(record):,} bytes, neither a piece nor a NoteSequence"
    return f"{sequence.id}: {len(sequence.notes)} notes, {sequence.total_time:.1f} s"


def _describe_shards(path: Path) -> Iterator[str]:
    card = read_json(path / "card.json")
    for name, value in card.items():
        if not isinstance(value, dict | list):
            yield f"{name}: {value}"
    for split, facts in card.get("splits", {}).items():
        plain = (f"{k} {v:,}" for k, v in facts.items() if isinstance(v, int | float))
        yield f"{split}: {', '.join(plain)}"


def _describe_model(path: Path) -> Iterator[str]:
    import math

    from safetensors import safe_open

    for name, value in read_json(path / "config.json").items():
        yield f"{name}: {value}"
    with safe_open(path / "model.safetensors", framework="numpy") as tensors:
        shapes = [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118
    yield f"{len(shapes)} tensors, {sum(math.prod(shape) for shape in shapes):,} parameters"


def _describe_cache(path: Path) -> Iterator[str]:
    from soundmill.cache import summarise

    for row in summarise(path):
        yield f"{row['stage']}: {row['entries']:,} entries, {row['bytes'] / 1e6:,.1f} MB"

"""Turn note records into the shards of a model: clean, split, augment, encode, write."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soundmill.errors import InputError
from soundmill.files import sha256_file, write_json
from soundmill.log import logger, progress
from soundmill.music import vocabulary
from soundmill.music.events import encode, stretch, transpose
from soundmill.music.shard_options import ShardOptions
from soundmill.music.shards import Piece
from soundmill.music.splits import (
    SPLITS,
    Hashes,
    assign_splits,
    content_hash,
    group_pieces,
    signature,
)
from soundmill.notes import Notes, from_sequence
from soundmill.records import RecordFile, RecordWriter, index_path, shard_paths
from soundmill.seeds import derive

Copy = tuple[int, float]
"""Semitones and stretch factor."""
UNCHANGED: Copy = (0, 1.0)


@dataclass(frozen=True)
class _Source:
    """What the first pass keeps of a piece; its notes stay in the file."""

    recording: str
    file: RecordFile
    record: int
    hash: str
    signature: Hashes
    copies: list[Copy]


def build_shards(
    notes_tfrecords: Sequence[Path], output: Path, options: ShardOptions, seed: int
) -> None:
    """Write the shards of a model and their ``card.json``.

    Silence before the first note of a piece is dropped. Pieces with too few notes, and pieces whose
    events equal those of an earlier piece, are left out and listed in the card with the reason.
    Splits go by piece (see `soundmill.music.splits`); only training pieces are augmented, and a
    copy that would leave the pitch range is skipped. Memory holds a kilobyte a piece, never the
    notes of more than one.

    Parameters
    ----------
    notes_tfrecords : record files of `note_seq.NoteSequence`, whose ids are recording ids.
    output : the folder, made when missing; shards of an earlier run in it are removed.
    seed : decides which augmented copies are drawn.

    Raises
    ------
    InputError
        When fewer than three different pieces are left, or two recordings share an id.
    """
    output.mkdir(parents=True, exist_ok=True)
    for old in itertools.chain(output.glob("*-of-*.tfrecord"), output.glob("*-of-*.index")):
        old.unlink()
    left_out: list[dict[str, str]] = []
    sources = list(_sources(notes_tfrecords, options, seed, left_out))
    groups = group_pieces([source.signature for source in sources], options.similarity)
    if len(groups) < len(SPLITS):
        raise InputError(_too_few(len(sources), len(groups), left_out, options))
    hashes = {i: min(sources[member].hash for member in group) for i, group in enumerate(groups)}
    group_splits = assign_splits(hashes, options.valid, options.test)
    splits = {member: group_splits[i] for i, group in enumerate(groups) for member in group}

    written: dict[str, Any] = {}
    for split in SPLITS:
        members = [source for i, source in enumerate(sources) if splits[i] == split]
        written[split] = card = _write_split(members, output, split, options)
        logger.info("%s: %d pieces, %d tokens", split, card["pieces"], card["tokens"])
    write_json(
        output / "card.json",
        {
            "vocabulary": _vocabulary(),
            "options": options.model_dump(),
            "seed": seed,
            "splits": written,
            "groups": [[sources[i].recording for i in group] for group in groups if len(group) > 1],
            "left_out": left_out,
        },
    )


def read_notes(payload: bytes) -> Notes:
    """Notes of a serialised NoteSequence, sustain pedal applied, the first at time 0."""
    import note_seq
    from note_seq.protobuf import music_pb2

    sequence = music_pb2.NoteSequence.FromString(payload)
    if sequence.control_changes:
        sequence = note_seq.apply_sustain_control_changes(sequence)
    notes = from_sequence(sequence)
    if len(notes):
        start = notes["onset"].min()
        notes["onset"] -= start
        notes["offset"] -= start
    return notes


def _sources(
    paths: Sequence[Path], options: ShardOptions, seed: int, left_out: list[dict[str, str]]
) -> Iterator[_Source]:
    """Yield the usable pieces; the others are appended to ``left_out``."""
    from note_seq.protobuf import music_pb2

    recordings: dict[str, Path] = {}
    by_hash: dict[str, str] = {}
    files = [RecordFile(path) for path in sorted(paths)]
    records = [(file, number) for file in files for number in range(len(file))]
    for file, number in progress(records, total=len(records), unit="pieces", label="reading"):
        payload = file[number]
        name = music_pb2.NoteSequence.FromString(payload).id
        if name in recordings:
            raise InputError(
                f"the recording {name!r} is in {recordings[name]} and in {file.path}. "
                "Ids must differ: build the notes again."
            )
        recordings[name] = file.path
        notes = read_notes(payload)
        if len(notes) < options.minimum_notes:
            reason = f"{len(notes)} notes, fewer than minimum_notes: {options.minimum_notes}"
            left_out.append({"id": name, "reason": reason})
            continue
        digest = content_hash(notes)
        if digest in by_hash:
            left_out.append({"id": name, "reason": f"the same notes as {by_hash[digest]}"})
            continue
        by_hash[digest] = name
        copies = _draw_copies(notes, options, derive(seed, "copies", digest))
        yield _Source(name, file, number, digest, signature(notes), copies)


def _draw_copies(notes: Notes, options: ShardOptions, seed: int) -> list[Copy]:
    """Draw the versions of a training piece: the unchanged one, then others without repetition."""
    lowest, highest = options.lowest_pitch, options.highest_pitch
    others = [
        (semitones, factor)
        for semitones in sorted(set(options.transpositions))
        for factor in sorted(set(options.stretches))
        if (semitones, factor) != UNCHANGED
        and transpose(notes, semitones, lowest, highest) is not None
    ]
    drawn = np.random.default_rng(seed).permutation(len(others))[: options.copies - 1]
    return [UNCHANGED, *(others[i] for i in sorted(drawn))]


def _pieces(source: _Source, copies: Sequence[Copy]) -> Iterator[tuple[Piece, int]]:
    """Yield the versions of a piece, each with its number of notes."""
    notes = read_notes(source.file[source.record])
    for semitones, factor in copies:
        moved = transpose(notes, semitones)
        if moved is None:
            raise RuntimeError("copies are drawn inside the range")
        events = encode(stretch(moved, factor))
        tokens = np.concatenate(([vocabulary.START], events, [vocabulary.END])).astype(np.int16)
        changed = (semitones, factor) != UNCHANGED
        name = source.recording + (f"{semitones:+d}x{factor:g}" if changed else "")
        yield Piece(name, source.recording, semitones, factor, tokens), _count_notes(tokens)


def _write_split(
    sources: Sequence[_Source], output: Path, split: str, options: ShardOptions
) -> dict[str, Any]:
    """Write the shards of a split; each record goes to the shard that is shortest by then."""
    training = split == "train"
    total = sum(len(source.copies) if training else 1 for source in sources)
    paths = shard_paths(output, split, min(options.shards, total) if training else 1)
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        writers = [stack.enter_context(RecordWriter(path)) for path in paths]
        for source in progress(sources, total=len(sources), unit="pieces", label=split):
            for piece, notes in _pieces(source, source.copies if training else [UNCHANGED]):
                min(writers, key=lambda writer: writer.size).write(piece.to_bytes())
                counts.update(records=1, tokens=len(piece.tokens), notes=notes)
    return {
        "pieces": len(sources),
        "records": counts["records"],
        "tokens": counts["tokens"],
        "notes": counts["notes"],
        "skipped_copies": sum(_wanted(options) - len(s.copies) for s in sources) if training else 0,
        "recordings": {source.recording: source.hash for source in sources},
        "shards": [
            {
                "file": writer.path.name,
                "records": writer.count,
                "bytes": writer.size,
                "sha256": sha256_file(writer.path),
                "index": index_path(writer.path).name,
            }
            for writer in writers
        ],
    }


def _wanted(options: ShardOptions) -> int:
    """Versions a piece has when none leaves the pitch range."""
    pairs = set(itertools.product(options.transpositions, options.stretches)) | {UNCHANGED}
    return min(options.copies, len(pairs))


def _count_notes(tokens: np.ndarray) -> int:
    return int(((tokens >= vocabulary.NOTE_ON) & (tokens < vocabulary.NOTE_OFF)).sum())


def _vocabulary() -> dict[str, int | str]:
    return {
        "name": "note-seq performance encoding with pad, start and end",
        "size": vocabulary.SIZE,
        "pad": vocabulary.PAD,
        "start": vocabulary.START,
        "end": vocabulary.END,
        "steps_per_second": vocabulary.STEPS_PER_SECOND,
        "velocity_bins": vocabulary.VELOCITY_BINS,
    }


def _too_few(
    pieces: int, groups: int, left_out: Sequence[dict[str, str]], options: ShardOptions
) -> str:
    text = f"{pieces} pieces are left to learn from"
    if groups < pieces:
        text += f", of which only {groups} differ from each other (similarity: "
        text += f"{options.similarity:g})"
    text += "; training, validation and test need one each."
    if left_out:
        first = left_out[0]
        text += f" {len(left_out)} were left out, the first is {first['id']!r}: {first['reason']}."
    return text + " Add recordings to the corpus, or lower minimum_notes."

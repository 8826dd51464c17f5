"""Shards: split by piece, complete, reproducible, readable by others."""

import json
import pickle
from collections import Counter

import numpy as np
import pytest
from tfrecord.reader import tfrecord_loader

from soundmill.errors import InputError
from soundmill.music import vocabulary as v
from soundmill.music.events import decode, encode, stretch, transpose
from soundmill.music.shard_options import ShardOptions
from soundmill.music.sharding import build_shards
from soundmill.music.shards import ShardReader
from soundmill.music.splits import SPLITS, assign_splits, group_pieces, signature
from soundmill.notes import make_notes, to_sequence
from soundmill.records import find_shards, write_records


def make_piece(seed, notes=60, low=40, high=80):
    rng = np.random.default_rng(seed)
    onset = np.cumsum(rng.integers(0, 40, notes)) / 100
    length = rng.integers(5, 100, notes) / 100
    pitch = rng.integers(low, high, notes)
    return make_notes(onset, onset + length, pitch, rng.integers(30, 100, notes))


def write_notes(path, pieces):
    write_records(path, (to_sequence(n, name).SerializeToString() for name, n in pieces.items()))
    return path


@pytest.fixture(scope="module")
def pieces():
    return {f"piece-{i:02d}": make_piece(i) for i in range(30)}


@pytest.fixture(scope="module")
def shards(pieces, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    names = list(pieces)
    files = [
        write_notes(folder / f"{i}.tfrecord", {name: pieces[name] for name in names[i::3]})
        for i in range(3)
    ]
    build_shards(files, folder / "out", ShardOptions(), seed=1)
    return folder / "out"


def read_card(folder):
    return json.loads((folder / "card.json").read_text())


def test_every_piece_is_in_one_split(shards, pieces):
    found = {split: {p.recording for p in ShardReader(shards, split)} for split in SPLITS}
    assert Counter(name for names in found.values() for name in names) == Counter(list(pieces))
    assert all(found.values())


def test_pieces_hold_the_notes(shards, pieces):
    for split in SPLITS:
        for piece in ShardReader(shards, split):
            assert piece.tokens.dtype == np.int16
            assert (piece.tokens[0], piece.tokens[-1]) == (v.START, v.END)
            notes = pieces[piece.recording]
            start = notes["onset"][0]
            notes = make_notes(
                notes["onset"] - start, notes["offset"] - start, notes["pitch"], notes["velocity"]
            )
            changed = stretch(transpose(notes, piece.transpose), piece.stretch)
            assert piece.tokens[1:-1].tolist() == encode(changed).tolist()


def test_only_training_pieces_are_augmented(shards):
    copies = Counter(p.recording for p in ShardReader(shards, "train"))
    assert set(copies.values()) == {8}
    train = list(ShardReader(shards, "train"))
    assert len({p.id for p in train}) == len(train)
    assert {p.id for p in train if (p.transpose, p.stretch) == (0, 1.0)} == set(copies)
    for split in ("valid", "test"):
        assert all((p.transpose, p.stretch) == (0, 1.0) for p in ShardReader(shards, split))


def test_readable_by_the_tfrecord_package(shards):
    ours = iter(ShardReader(shards, "train"))
    for path in find_shards(shards, "train"):
        description = {"id": "byte", "tokens": "int", "transpose": "int", "stretch": "float"}
        for theirs in tfrecord_loader(str(path), None, description):
            piece = next(ours)
            assert bytes(theirs["id"]).decode() == piece.id
            assert theirs["tokens"].tolist() == piece.tokens.tolist()
            assert theirs["transpose"].tolist() == [piece.transpose]
            assert theirs["stretch"][0] == pytest.approx(piece.stretch)
    assert next(ours, None) is None


def test_shards_are_balanced(shards):
    sizes = [path.stat().st_size for path in find_shards(shards, "train")]
    assert len(sizes) == 4
    assert max(sizes) < 1.1 * min(sizes)


def test_random_access(shards):
    reader = pickle.loads(pickle.dumps(ShardReader(shards, "train")))
    in_order = [piece.id for piece in reader]
    assert [reader[i].id for i in range(-len(reader), 0)] == in_order
    with pytest.raises(IndexError):
        reader[len(reader)]


def test_card_says_what_was_written(shards):
    card = read_card(shards)
    for split in SPLITS:
        found = list(ShardReader(shards, split))
        said = card["splits"][split]
        assert said["records"] == len(found) == sum(s["records"] for s in said["shards"])
        assert said["tokens"] == sum(len(p.tokens) for p in found)
        assert said["notes"] == sum(len(decode(p.tokens)) for p in found)
        assert set(said["recordings"]) == {p.recording for p in found}
        assert [s["file"] for s in said["shards"]] == [p.name for p in find_shards(shards, split)]
    assert card["vocabulary"]["size"] == v.SIZE
    assert ShardOptions(**card["options"]) == ShardOptions()


def test_same_bytes_again_another_seed_other_copies(pieces, tmp_path):
    notes = write_notes(tmp_path / "notes.tfrecord", pieces)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build_shards([notes], tmp_path / name, ShardOptions(), seed)
    content = {
        name: [p.read_bytes() for p in sorted((tmp_path / name).iterdir())] for name in "abc"
    }
    assert content["a"] == content["b"]
    copies = [{p.id for p in ShardReader(tmp_path / name, "train")} for name in "ac"]
    assert copies[0] != copies[1]


def test_adding_pieces_moves_none(shards, pieces, tmp_path):
    more = pieces | {f"new-{i}": make_piece(100 + i) for i in range(10)}
    build_shards([write_notes(tmp_path / "n.tfrecord", more)], tmp_path / "out", ShardOptions(), 1)
    for split in SPLITS:
        before = set(read_card(shards)["splits"][split]["recordings"])
        assert before <= set(read_card(tmp_path / "out")["splits"][split]["recordings"])


def test_old_shards_are_removed(pieces, tmp_path):
    notes = write_notes(tmp_path / "notes.tfrecord", pieces)
    for count in (5, 2):
        build_shards([notes], tmp_path / "out", ShardOptions(shards=count), 0)
    assert len(find_shards(tmp_path / "out", "train")) == 2


def test_near_copies_stay_together(tmp_path):
    pieces = {f"piece-{i:02d}": make_piece(i, notes=200) for i in range(12)}
    for i in range(12):
        original = pieces[f"piece-{i:02d}"]
        pieces[f"transposed-{i:02d}"] = transpose(original, 5)
        pieces[f"slower-{i:02d}"] = stretch(original, 1.3)
        keep = np.arange(200) % 40 != i  # another transcription: 5 of 200 notes are missing
        pieces[f"again-{i:02d}"] = original[keep]
    write_notes(tmp_path / "notes.tfrecord", pieces)
    build_shards([tmp_path / "notes.tfrecord"], tmp_path / "out", ShardOptions(), 0)
    splits = read_card(tmp_path / "out")["splits"]
    where = {name: split for split in SPLITS for name in splits[split]["recordings"]}
    assert len(where) == 48
    for i in range(12):
        kinds = ("piece", "transposed", "slower", "again")
        assert len({where[f"{kind}-{i:02d}"] for kind in kinds}) == 1


def test_different_pieces_are_not_grouped():
    signatures = [signature(make_piece(i)) for i in range(50)]
    assert group_pieces(signatures, 0.4) == [[i] for i in range(50)]


def test_left_out_pieces_are_listed_with_a_reason(pieces, tmp_path):
    few = dict(list(pieces.items())[:4])
    few |= {"short": make_piece(50, notes=15), "copy": few["piece-00"]}
    few["empty"] = make_notes([], [], [], [])
    notes = write_notes(tmp_path / "notes.tfrecord", few)
    build_shards([notes], tmp_path / "out", ShardOptions(), 0)
    card = read_card(tmp_path / "out")
    assert card["left_out"] == [
        {"id": "short", "reason": "15 notes, fewer than minimum_notes: 16"},
        {"id": "copy", "reason": "the same notes as piece-00"},
        {"id": "empty", "reason": "0 notes, fewer than minimum_notes: 16"},
    ]
    assert sum(card["splits"][split]["pieces"] for split in SPLITS) == 4


def test_copies_that_leave_the_range_are_skipped(tmp_path):
    pieces = {f"piece-{i}": make_piece(i, low=100, high=109) for i in range(5)}
    notes = write_notes(tmp_path / "notes.tfrecord", pieces)
    options = ShardOptions(transpositions=(0, 20), stretches=(1.0,))
    build_shards([notes], tmp_path / "out", options, 0)
    card = read_card(tmp_path / "out")["splits"]["train"]
    assert card["records"] == card["pieces"] == card["skipped_copies"] == 3


def test_splits_of_any_number_of_groups():
    rng = np.random.default_rng(0)
    for count in (3, 4, 10, 1000):
        hashes = {i: rng.bytes(32).hex() for i in range(count)}
        sizes = Counter(assign_splits(hashes, 0.1, 0.2).values())
        assert min(sizes[split] for split in SPLITS) >= 1
    assert sizes["valid"] == pytest.approx(100, abs=40)
    assert sizes["test"] == pytest.approx(200, abs=50)


def test_too_few_pieces(pieces, tmp_path):
    empty = write_notes(tmp_path / "empty.tfrecord", {})
    with pytest.raises(InputError, match="0 pieces are left"):
        build_shards([empty], tmp_path / "out", ShardOptions(), 0)
    two = write_notes(tmp_path / "two.tfrecord", dict(list(pieces.items())[:2]))
    with pytest.raises(InputError, match="2 pieces are left"):
        build_shards([empty, two], tmp_path / "out", ShardOptions(), 0)
    with pytest.raises(InputError, match="'piece-00': 60 notes, fewer"):
        build_shards([two], tmp_path / "out", ShardOptions(minimum_notes=61), 0)
    same = {f"{i}": transpose(pieces["piece-00"], i) for i in range(5)}
    with pytest.raises(InputError, match="only 1 differ"):
        build_shards([write_notes(two, same)], tmp_path / "out", ShardOptions(), 0)


def test_ids_must_differ(pieces, tmp_path):
    files = [write_notes(tmp_path / f"{i}.tfrecord", pieces) for i in range(2)]
    with pytest.raises(InputError, match=r"'piece-00' is in .*0\.tfrecord and in .*1\.tfrecord"):
        build_shards(files, tmp_path / "out", ShardOptions(), 0)


def test_damage_is_named(pieces, tmp_path):
    notes = write_notes(tmp_path / "notes.tfrecord", pieces)
    build_shards([notes], tmp_path / "out", ShardOptions(), 0)
    shard = find_shards(tmp_path / "out", "train")[1]
    data = bytearray(shard.read_bytes())
    data[-10] ^= 4
    shard.write_bytes(data)
    with pytest.raises(InputError, match=rf"{shard}, record \d+: the checksum"):
        list(ShardReader(tmp_path / "out", "train"))
    write_records(shard, [b""])
    with pytest.raises(InputError, match=rf"{shard}, record 0: the Example has no feature"):
        list(ShardReader(tmp_path / "out", "train"))

"""The evaluation as a whole: floor below ceiling, copies named, small sets honest."""

import json

import numpy as np
import pytest

from soundmill.errors import InputError
from soundmill.music.evaluation import draws_entry, evaluate_music, mean_entry
from soundmill.music.evaluation_options import EvaluationOptions
from soundmill.music.events import Faults, decode, decode_checked, encode, transpose
from soundmill.music.markov import MarkovChain
from soundmill.music.shard_options import ShardOptions
from soundmill.music.sharding import build_shards
from soundmill.music.shards import ShardReader
from soundmill.music.statistics import FEATURES, UNITS, excerpt
from soundmill.notes import make_notes, to_sequence, write_midi
from soundmill.records import write_records
from soundmill.status import write_table

OPTIONS = EvaluationOptions(draws=50, copy_warning=2)
SCALE = np.array([0, 2, 4, 5, 7, 9, 11])


def compose(seed, notes=150):
    """Chords and runs in C major on a quarter-second pulse."""
    rng = np.random.default_rng(seed)
    onset = np.cumsum(rng.choice([0, 1, 1, 2], notes)) * 0.25
    onset -= onset[0]
    pitch = 48 + 12 * rng.integers(0, 3, notes) + rng.choice(SCALE, notes)
    length = rng.choice([0.2, 0.4], notes)
    return decode(encode(make_notes(onset, onset + length, pitch, np.full(notes, 64))))


def write_shards(folder, pieces):
    path = folder / "notes.tfrecord"
    write_records(path, (to_sequence(n, name).SerializeToString() for name, n in pieces.items()))
    options = ShardOptions(stretches=(1.0,), copies=2, similarity=1.0)
    build_shards([path], folder / "shards", options, 0)
    return folder / "shards"


def write_generated(folder, pieces):
    """pieces: id to (notes, primer id, primer seconds)."""
    folder.mkdir()
    rows = []
    for name, (notes, primer, seconds) in pieces.items():
        write_midi(folder / f"{name}.mid", notes)
        kind = {"new": "new", "pri": "primer", "con": "continuation"}[name[:3]]
        rows.append({"id": name, "kind": kind, "primer": primer, "primer_seconds": seconds})
    write_table(folder / "pieces.csv", rows, ["id", "kind", "primer", "primer_seconds"])
    return folder


def evaluate(generated, shards, output, options=OPTIONS, seed=3):
    evaluate_music(generated, shards, output, options, seed)
    return json.loads(output.read_text())


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    pieces = {f"piece-{i:02d}": compose(i) for i in range(40)}
    return write_shards(tmp_path_factory.mktemp("corpus"), pieces)


@pytest.fixture(scope="module")
def trained_on(shards):
    return min(piece.recording for piece in ShardReader(shards, "train"))


@pytest.fixture(scope="module")
def report(shards, trained_on, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    primer = excerpt(compose(101), 0, 6)
    again = primer.copy()
    again["onset"] += 6
    again["offset"] += 6
    pieces = {f"new-{i:02d}": (compose(200 + i), "", "") for i in range(8)}
    copied = excerpt(compose(int(trained_on[-2:])), 5, 20)
    pieces["new-99"] = (transpose(copied, 4), "", "")
    pieces["primer-01"] = (primer, "", 6)
    pieces["continued-01a"] = (np.concatenate((primer, again)), "primer-01", 6)
    generated = write_generated(folder / "generated", pieces)
    found = evaluate(generated, shards, folder / "a.json")
    evaluate(generated, shards, folder / "b.json")
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()
    return found


def test_music_like_the_corpus_beats_the_floor_and_nears_the_ceiling(report):
    overlap, kl = report["overall"]["overlap_area"], report["overall"]["kl"]
    floor, ceiling = overlap["floor"]["value"], overlap["ceiling"]["value"]
    assert floor + 0.1 < overlap["value"] < ceiling + 0.1
    assert kl["ceiling"]["value"] < kl["value"] < kl["floor"]["value"]


def test_every_figure_has_value_interval_and_items(report):
    assert tuple(report["similarity"]) == FEATURES
    assert tuple(report["statistics"]) == tuple(UNITS)
    entries = [
        (entry, items)
        for feature in report["similarity"].values()
        for measure in ("overlap_area", "kl")
        for entry, items in (
            (feature[measure], 10),
            (feature[measure]["floor"], 10),
            (feature[measure]["ceiling"], 40),
        )
    ]
    entries += [
        (row[name], items)
        for row in report["statistics"].values()
        for name, items in (("generated", 10), ("markov", 10), ("corpus", 40))
    ]
    for entry, items in entries:
        low, high = entry["interval"]
        assert low <= entry["value"] <= high
        assert entry["items"] == items
    assert report["statistics"]["scale_consistency"]["corpus"]["value"] == 1
    for histogram in report["histograms"].values():
        for name in ("generated", "corpus", "markov"):
            assert sum(histogram[name]) == pytest.approx(1, abs=1e-4)
            assert len(histogram["edges"]) == len(histogram[name]) + 1


def test_a_copy_is_found_and_named(report, trained_on):
    copying = report["copying"]
    row = next(row for row in copying["pieces"] if row["id"] == "new-99")
    for reading in ("timed", "melodic"):
        found = row[reading]
        assert found["run"] == row["notes"] == copying[reading]["longest"]
        assert found["recording"] == trained_on
        assert found["at_seconds"] - found["seconds"] == pytest.approx(5, abs=0.02)
        assert copying[reading]["reference"]["longest"] < 20
    assert copying["suspected"] == ["new-99"]


def test_continuations_are_judged_without_their_primer(report):
    rows = {row["id"]: row for row in report["copying"]["pieces"]}
    row = rows["continued-01a"]
    assert row["notes"] == len(excerpt(compose(101), 0, 6))
    assert row["primer"] == {"timed": row["notes"], "melodic": row["notes"]}  # it only repeats it
    assert report["copying"]["primer"]["timed"]["items"] == 1
    assert rows["new-00"]["primer"] is None
    assert "primer-01" not in rows


def test_few_pieces_give_nulls_not_numbers(tmp_path):
    shards = write_shards(tmp_path, {f"piece-{i}": compose(i) for i in range(3)})
    silent = make_notes([], [], [], [])
    one = {"new-01": (compose(9), "", ""), "new-02": (silent, "", "")}
    found = evaluate(write_generated(tmp_path / "one", one), shards, tmp_path / "one.json")
    nothing = {"value": None, "interval": None, "items": 2}
    overlap = found["overall"]["overlap_area"]
    assert {key: overlap[key] for key in nothing} == overlap["floor"] == nothing
    density = found["statistics"]["note_density"]["generated"]
    assert density["items"] == 1
    assert density["interval"] is None
    assert density["value"] > 0
    assert found["copying"]["pieces"][1]["timed"]["run"] == 0


def test_nothing_generated(shards, tmp_path):
    generated = write_generated(tmp_path / "none", {"primer-01": (compose(1), "", 5)})
    with pytest.raises(InputError, match="no generated notes"):
        evaluate(generated, shards, tmp_path / "x.json")
    generated = write_generated(tmp_path / "lost", {"new-01": (compose(1), "", "")})
    (generated / "new-01.mid").unlink()
    with pytest.raises(InputError, match=r"new-01\.mid is missing"):
        evaluate(generated, shards, tmp_path / "x.json")


def test_markov_chain_keeps_the_grammar(shards):
    chain = MarkovChain(piece.tokens for piece in ShardReader(shards, "train"))
    assert chain.counts.sum() == sum(len(p.tokens) - 1 for p in ShardReader(shards, "train"))
    notes, faults = decode_checked(chain.sample(30, np.random.default_rng(0)))
    assert faults._replace(hanging=0) == Faults(0, 0, 0, 0)
    assert len(notes) > 30
    assert (notes["offset"] - notes["onset"]).min() >= 0.01 - 1e-9
    for pitch in np.unique(notes["pitch"]):
        own = notes[notes["pitch"] == pitch]
        assert (own["onset"][1:] >= own["offset"][:-1] - 1e-9).all()
    assert 30 <= notes["offset"].max() <= 31


def test_entries():
    assert mean_entry([], 0) == {"value": None, "interval": None, "items": 0}
    assert mean_entry([2.0, np.nan], 0) == {"value": 2.0, "interval": None, "items": 1}
    wide = mean_entry([0.0, 1.0] * 50, 0)
    assert wide["interval"] == pytest.approx([0.4, 0.6], abs=0.02)
    assert draws_entry(np.array([1.0, np.nan]), 2)["value"] is None

"""Pieces, clips and the long piece, as files."""

import json
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from soundscape.tiny_model import RATE, hiss

from soundmill.errors import InputError
from soundmill.soundscape import pieces
from soundmill.soundscape.clips import COLUMNS as CLIP_COLUMNS
from soundmill.soundscape.clips import make_clips, places, spread
from soundmill.soundscape.conditions import Vocabulary
from soundmill.soundscape.evaluation_options import SoundscapeEvaluationOptions
from soundmill.soundscape.generation_options import (
    GenerationOptions,
    PieceOptions,
    SamplingOptions,
)
from soundmill.soundscape.granular_options import GranularOptions
from soundmill.soundscape.long_piece import measure_long_piece
from soundmill.soundscape.pieces import default_pieces, make_pieces
from soundmill.soundscape.recordings import Recording
from soundmill.status import read_table, write_table

QUICK = SamplingOptions(phase_iterations=1)
ASKED = {
    "new": PieceOptions(labels={"kind": "hiss", "hour": 6}, seconds=2),
    "mixed": PieceOptions(labels={"kind": {"hiss": 1, "rumble": 3}}, seconds=1.5),
    "story": PieceOptions(script=[{"at": 0, "kind": "hiss"}, {"at": 2, "hour": 18}], seconds=3),
    "like": PieceOptions(variation="pulses1", strength=0.3, seconds=2),
    "between": PieceOptions(variation="hiss1", to="rumble1", seconds=2),
    "turn": PieceOptions(loop=True, seconds=5, controls={"brightness": 1.0}),
}


def write(tiny, output, seed=1, form="flac", asked=ASKED):
    options = GenerationOptions(pieces=asked, sampling=QUICK, format=form)
    make_pieces(tiny.folder / "model", tiny.table, output, options, name="weather", seed=seed)
    return {row["name"]: row for row in read_table(output / "pieces.csv")}


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    return folder, write(tiny, folder)


def test_pieces_are_what_was_asked_for(made):
    folder, rows = made
    assert list(rows) == list(ASKED) and tuple(rows["new"]) == pieces.COLUMNS
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        ["pieces.csv", *(f"{name}.flac" for name in ASKED)]
    )
    assert {name: (row["kind"], row["condition"], row["label"]) for name, row in rows.items()} == {
        "new": ("new", "hiss, hour 6", "hiss"),
        "mixed": ("new", "hiss 1 + rumble 3", ""),
        "story": ("script", "hiss → hour 18", ""),
        "like": ("variation", "a variation of pulses1, strength 0.3", ""),
        "between": ("interpolation", "from hiss1 to rumble1", ""),
        "turn": ("loop", "anything", ""),
    }
    for name, row in rows.items():
        sound, rate = soundfile.read(folder / row["file"])
        assert (rate, len(sound)) == (RATE, round(ASKED[name].seconds * RATE))
        assert row["sample_rate"] == "8000" and row["channels"] == "1"
        assert float(row["seconds"]) == ASKED[name].seconds and float(row["factor"]) > 0
        short = 2 if name == "like" else 0.7  # of pulses the limiter takes some
        assert float(row["loudness"]) == pytest.approx(-23, abs=short)
        peak = 20 * np.log10(np.abs(sound).max())
        assert float(row["peak"]) == pytest.approx(peak, abs=0.02) and peak <= -0.99
    assert len({row["seed"] for row in rows.values()}) == len(rows)


def test_files_say_what_they_are(made):
    folder, rows = made
    for name, row in rows.items():
        with soundfile.SoundFile(folder / row["file"]) as file:
            said = json.loads(file.comment)
            assert (file.title, file.artist, file.date) == (name, "soundmill", "")
        assert (said["model"], str(said["seed"])) == ("weather", row["seed"])
        assert said["condition"] == row["condition"]
        assert said["controls"] == ASKED[name].controls


def test_the_same_seed_gives_the_same_bytes(tiny, made, tmp_path):
    folder, rows = made
    few = {name: ASKED[name] for name in ("new", "like", "turn")}
    again = write(tiny, tmp_path / "again", asked=few)  # alone or beside others
    other = write(tiny, tmp_path / "other", seed=2, asked=few)
    for name in few:
        first, second, third = (
            (f / f"{name}.flac").read_bytes()
            for f in (folder, tmp_path / "again", tmp_path / "other")
        )
        assert first == second != third
        assert {**again[name], "factor": ""} == {**rows[name], "factor": ""}
        assert other[name]["seed"] != rows[name]["seed"]


@pytest.mark.parametrize("form", ["wav", "mp3"])
def test_formats(tiny, tmp_path, form):
    rows = write(tiny, tmp_path, form=form, asked={"new": ASKED["new"]})
    assert rows["new"]["file"] == f"new.{form}"
    assert soundfile.info(tmp_path / f"new.{form}").frames == pytest.approx(2 * RATE, abs=1200)


def test_by_default_each_name_has_a_piece(tiny):
    found = default_pieces(tiny.model.front.vocabulary)
    assert {name: piece.labels for name, piece in found.items()} == {
        "new-01": {"kind": "hiss"}, "new-02": {"kind": "pulses"}, "new-03": {"kind": "rumble"},
    }  # fmt: skip
    assert list(default_pieces(Vocabulary({}))) == ["new"]


def test_a_loop_does_not_step_where_it_meets(tiny, tmp_path, monkeypatch):
    """A loudness that is evened after the ends have met would step there."""
    proper = pieces.NeuralGenerator.stream

    def swelling(self, script, seconds, seed):
        done = 0
        for block in proper(self, script, seconds, seed):
            n = block.shape[1]
            yield block * np.exp(np.arange(done, done + n) / RATE / 30).astype(np.float32)
            done += n

    monkeypatch.setattr(pieces.NeuralGenerator, "stream", swelling)
    asked = {"a": PieceOptions(loop=True, seconds=90, labels={"kind": "hiss"})}
    write(tiny, tmp_path, asked=asked)
    sound, _ = soundfile.read(tmp_path / "a.flac")
    assert len(sound) == 90 * RATE
    twice = np.concatenate([sound[-RATE:], sound[:RATE]])

    def steps(part):
        size = RATE // 10
        level = 10 * np.log10(np.square(part[: len(part) // size * size]).reshape(-1, size).mean(1))
        return np.abs(np.diff(level))

    assert steps(twice).max() < 1.3 * steps(sound).max()


def test_what_cannot_be_made_is_said(tiny, tmp_path):
    for piece, said in (
        (PieceOptions(labels={"kind": "his"}), "did you mean 'hiss'"),
        (PieceOptions(labels={"kinds": "hiss"}), "did you mean 'kind'"),
        (PieceOptions(variation="hiss9"), "hiss9"),
        (PieceOptions(controls={"brigthness": 1}), "did you mean 'brightness'"),
        (PieceOptions(seconds=1e-6), "more than 0"),
    ):
        with pytest.raises(InputError, match=said):
            write(tiny, tmp_path / "a", asked={"x": piece})
    assert not list((tmp_path / "a").iterdir())
    for name in ("a/b", "../a", "", ".", "a\\b", "con\x00"):
        with pytest.raises(ValidationError, match="name"):
            GenerationOptions(pieces={name: PieceOptions()})
    GenerationOptions(pieces={"Regen über 2.0": PieceOptions()})


def test_a_recording_of_ones_own_is_varied(tiny, tmp_path):
    soundfile.write(tmp_path / "own.wav", np.stack([hiss(2, 5)] * 2, 1) / 9, RATE)
    asked = {"own": PieceOptions(variation=str(tmp_path / "own.wav"), strength=0.0, seconds=2)}
    rows = write(tiny, tmp_path / "out", asked=asked)
    assert rows["own"]["condition"] == "a variation of own.wav, strength 0"


# clips

KINDS = ("reconstruction", "phase", "variation", "noise")


def clips(tiny, output, table=None, **options):
    settings = {"clip_seconds": 2.5, "real_clips": 6, "samples": 4, "reconstructions": 2}
    make_clips(
        tiny.folder / "model", table or tiny.table, output,
        SoundscapeEvaluationOptions(**{**settings, **options}), QUICK, GranularOptions(), seed=1,
    )  # fmt: skip
    return read_table(output / "clips.csv")


def heard(folder, row):
    return soundfile.read(folder / row["file"])[0]


def test_clips_of_all_kinds(tiny, tmp_path):
    rows = clips(tiny, tmp_path)
    assert tuple(rows[0]) == CLIP_COLUMNS
    kinds = [row["kind"] for row in rows]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    assert counts == {"train": 6, "real": 3, **dict.fromkeys(KINDS, 2), "sample": 4, "granular": 4}
    assert len({row["file"] for row in rows}) == len(rows)
    splits = {row["id"]: row["split"] for row in read_table(tiny.table)}
    lengths = {row["id"]: float(row["seconds"]) for row in read_table(tiny.table)}
    by_file = {row["file"]: row for row in rows}
    for row in rows:
        info = soundfile.info(tmp_path / row["file"])
        assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_24")
        sound = heard(tmp_path, row)
        assert 1e-4 < np.abs(sound).max() < 1
        if row["kind"] in ("sample", "granular"):
            assert row["source"] == row["reference"] == "" and info.frames == 2.5 * RATE
            continue
        assert splits[row["source"]] == ("train" if row["kind"] == "train" else "test")
        assert info.frames == round(min(2.5, lengths[row["source"]]) * RATE)
        assert row["label"] == row["source"][:-1]
        assert bool(row["reference"]) == (row["kind"] in KINDS)
        if row["reference"]:
            reference = by_file[row["reference"]]
            assert (reference["kind"], reference["source"]) == ("real", row["source"])
            level = np.std(sound) / np.std(heard(tmp_path, reference))
            near = {"phase": 1, "noise": 0.2}.get(row["kind"], 6)
            assert 20 * np.log10(level) == pytest.approx(0, abs=near)
    new = sorted(row["label"] for row in rows if row["kind"] == "sample")
    assert set(new) == {"hiss", "pulses", "rumble"}


def test_clips_are_the_same_again(tiny, tmp_path):
    first = clips(tiny, tmp_path / "1", samples=2, real_clips=2, reconstructions=1)
    assert clips(tiny, tmp_path / "2", samples=2, real_clips=2, reconstructions=1) == first
    for row in first:
        one, two = (tmp_path / n / row["file"] for n in "12")
        assert one.read_bytes() == two.read_bytes()


def test_the_phase_clip_has_the_magnitudes_of_its_reference(tiny, tmp_path):
    rows = clips(tiny, tmp_path, real_clips=3, reconstructions=3, samples=2)

    def levels(row):
        sound = heard(tmp_path, row)
        frames = np.lib.stride_tricks.sliding_window_view(sound, 256)[::64] * np.hanning(256)
        return 20 * np.log10(np.abs(np.fft.rfft(frames, axis=1)) + 1e-4)

    for reference in (row for row in rows if row["kind"] == "real"):
        own = {row["kind"]: row for row in rows if row["reference"] == reference["file"]}
        real = levels(reference)
        apart = {kind: np.abs(levels(row) - real).mean() for kind, row in own.items()}
        assert apart["phase"] < 0.6 * min(apart[k] for k in ("reconstruction", "variation"))
        assert apart["reconstruction"] < apart["variation"] and apart["phase"] < apart["noise"]


def test_without_held_out_recordings_only_what_is_new(tiny, tmp_path):
    rows = read_table(tiny.table)
    learned = [row for row in rows if row["split"] == "train"]
    write_table(tmp_path / "r.csv", learned, list(rows[0]))
    found = clips(tiny, tmp_path / "clips", tmp_path / "r.csv")
    assert {row["kind"] for row in found} == {"train", "sample", "granular"}


@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=8), st.integers(1, 60),
    st.integers(20, 200),
)  # fmt: skip
def test_places_do_not_overlap_and_are_taken_in_turn(lengths, most, length):
    made = [Recording(str(k), "", f"{k}.wav", RATE, 0, n, 1.0, {}) for k, n in enumerate(lengths)]
    found = places(made, length, most)
    room = [max(1, n // length) for n in lengths]
    assert len(found) == len(set((r.id, first) for r, first in found)) == min(most, sum(room))
    own = {r.id: sorted(first for other, first in found if other is r) for r in made}
    for recording in made:
        starts = own[recording.id]
        assert all(b - a >= length for a, b in pairwise(starts))
        assert not starts or starts[-1] <= max(recording.frames - length, 0)
    counts = [len(own[r.id]) for r in made]
    for count, limit in zip(counts, room, strict=True):
        assert count == limit or count >= max(counts) - 1


# the long piece


def test_the_long_piece_is_measured(tiny, tmp_path):
    options = SoundscapeEvaluationOptions(long_seconds=12, loop_seconds=3, real_seconds=10)
    measure_long_piece(
        tiny.folder / "model", tiny.table, tmp_path / "long.json", options, QUICK, seed=1
    )
    found = json.loads((tmp_path / "long.json").read_text())
    assert found["label"] in ("hiss", "pulses", "rumble")
    assert found["real_time_factor"] > 1 and found["peak_memory_mb"] > 50
    assert found["limited_share"] < 0.1 and isinstance(found["loop"], dict)
    assert [p.name for p in tmp_path.iterdir()] == ["long.json"]


def test_counterparts_are_of_all_labels_before_any_has_two():
    labels = ["a", "a", "a", "b", "b", "c"]
    assert spread(labels, 3) == {0, 3, 5}
    assert spread(labels, 4) == {0, 1, 3, 5}
    assert spread(labels, 99) == set(range(6))

"""Which recordings are learned, which are held out, and how loud they become."""

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from soundscape.tiny_model import CONDITIONS, RATE, hiss, prepare, sounds, write_corpus

from soundmill.errors import InputError
from soundmill.soundscape import recordings as module
from soundmill.soundscape.condition_options import ConditionOptions
from soundmill.soundscape.recordings import LEVEL, match_channels, prepare_recordings
from soundmill.soundscape.recordings_options import HeldOutOptions
from soundmill.soundscape.sounds import MemorySound, read_sound
from soundmill.status import read_table, write_table

KIND = {"kind": ConditionOptions()}


def splits(rows):
    """Return split to ids."""
    found = {}
    for row in rows:
        found.setdefault(row["split"], []).append(row["id"])
    return found


def row(name, kind="rain", site="", bytes_="", seconds=10.0):
    return {"id": name, "kind": kind, "site": site, "sha256": bytes_, "stop": str(seconds)}


def test_whole_recordings_of_each_label_are_held_out(tmp_path):
    table = prepare(tmp_path, sounds())
    rows = read_table(table)
    assert list(rows[0])[: len(module.OWN)] == list(module.OWN)
    assert {"kind", "hour", "site"} < set(rows[0])
    assert [r["id"] for r in rows] == sorted(sounds())
    found = splits(rows)
    for split, each in (("test", 1), ("train", 2)):
        kinds = [name[:-1] for name in found[split]]
        assert {kind: kinds.count(kind) for kind in set(kinds)} == dict.fromkeys(
            ("hiss", "rumble", "pulses"), each
        )
    assert {r["start"] for r in rows} == {"0"} and {r["reason"] for r in rows} == {""}
    again = prepare(tmp_path / "again", sounds())
    assert splits(read_table(again)) == found
    other = prepare(tmp_path / "other", sounds(), seed=2)
    assert splits(read_table(other)) != found


def test_gain_brings_every_recording_to_one_level(tmp_path):
    loud = {"a": 1.0, "b": 0.01, "c": 3.0, "d": 0.3}
    corpus = {k: (0.3 * v * hiss(2, 1), "rain", "", "") for k, v in loud.items()}
    table = prepare(tmp_path, corpus, KIND)
    parts = [p for s in ("train", "valid", "test") for p in module.read_recordings(table, s)]
    assert sorted(p.id for p in parts) == sorted(corpus)
    for part in parts:
        whole = part.read(0, part.frames, 1)
        assert whole.shape == (1, 2 * RATE) and whole.dtype == np.float32
        assert np.sqrt(np.square(whole).mean()) == pytest.approx(LEVEL, rel=0.01)
        assert part.labels["kind"] == "rain" and part.labels["source"] == f"{part.id}.mp3"


def test_a_part_is_read_from_its_place_and_never_beyond(tmp_path):
    path = tmp_path / "a.wav"
    samples = np.arange(-500, 500, dtype=np.int16)
    soundfile.write(path, np.stack([samples, -samples // 2], 1), RATE)
    part = module.Recording("a", "a", str(path), RATE, 100, 300, 2.0, {})
    expected = np.stack([samples, -samples // 2])[:, 100:400] / 2**15 * 2
    assert part.read(0, 999, 2) == pytest.approx(expected)
    assert part.read(290, 50, 2) == pytest.approx(expected[:, 290:])
    assert part.read(300, 5, 2).shape == part.read(999, 5, 2).shape == (2, 0)
    assert part.read(3, 7, 1) == pytest.approx(expected[:, 3:10].mean(0, keepdims=True))
    assert np.array_equal(match_channels(expected[:1], 2), expected[[0, 0]])


@given(
    st.lists(
        st.tuples(st.sampled_from("abc "), st.sampled_from("123 "), st.sampled_from("xyzuvw ")),
        min_size=1, max_size=14,
    ),
    st.floats(0, 0.4), st.floats(0, 0.4), st.integers(0, 5), st.booleans(),
)  # fmt: skip
def test_groups_and_equal_bytes_stay_together_and_something_is_learned(
    entries, valid, test, seed, grouped
):
    rows = [row(str(k), *(x.strip() for x in e)) for k, e in enumerate(entries)]
    options = HeldOutOptions(valid=valid, test=test, group="site" if grouped else None)
    found = module._split_recordings(rows, options, "kind", seed)
    assert sorted(r["id"] for r in found) == sorted(r["id"] for r in rows)
    split = {r["id"]: r["split"] for r in found}
    assert "train" in split.values()
    for name in ["sha256", *(["site"] if grouped else [])]:
        for value in {r[name] for r in rows} - {""}:
            assert len({split[r["id"]] for r in rows if r[name] == value}) == 1
    if not test:
        assert "test" not in split.values()


def test_two_sites_that_share_a_recording_are_one_group():
    rows = [
        row("1", site="A", bytes_="x"), row("2", site="B", bytes_="x"), row("3", site="B"),
        row("4", site="C"), row("5", bytes_="y"), row("6", bytes_="y"), row("7"), row("8"),
    ]  # fmt: skip
    groups = [{r["id"] for r in g} for g in module._groups(rows, "site").values()]
    assert sorted(map(sorted, groups)) == [["1", "2", "3"], ["4"], ["5", "6"], ["7"], ["8"]]
    without = [{r["id"] for r in g} for g in module._groups(rows, None).values()]
    assert {"1", "2"} in without and {"3"} in without


@pytest.mark.parametrize("seconds", [3.0, 30.0])
def test_of_a_label_with_one_recording_the_end_is_held_out(tmp_path, seconds):
    corpus = {"a": (hiss(seconds, 1), "rain", "", ""), "b": (hiss(1, 2), "wind", "", "")}
    table = prepare(tmp_path, corpus, KIND)
    rows = [r for r in read_table(table) if r["id"] == "a"]
    places = [(r["split"], float(r["start"]), float(r["stop"])) for r in rows]
    expected = [("train", 0, 21), ("valid", 21, 24), ("test", 24, 30)]
    assert places == (expected if seconds > 5 else [("train", 0, 3)])
    # a second is too short to be cut
    (short,) = (r for r in read_table(table) if r["id"] == "b")
    assert short["split"] == "train"
    parts = [p for s in ("train", "valid", "test") for p in module.read_recordings(table, s)]
    joined = np.concatenate([p.read(0, p.frames, 1) for p in parts if p.id == "a"], axis=1)
    assert joined.shape[1] == seconds * RATE  # every sample in one part


@given(st.floats(0.05, 1000), st.floats(0, 0.44), st.floats(0, 0.44))
def test_cut_recordings_are_cut_once_and_no_held_out_end_is_short(seconds, valid, test):
    parts = module._split_ends(row("a", seconds=seconds), HeldOutOptions(valid=valid, test=test))
    assert [p["split"] for p in parts] == [
        s for s in ("train", "valid", "test") if s in {p["split"] for p in parts}
    ]
    marks = [float(p.get("start", 0)) for p in parts] + [float(parts[-1]["stop"])]
    assert marks == sorted(marks) and marks[0] == 0
    assert marks[-1] == pytest.approx(seconds, abs=1e-5)
    share = {"valid": valid, "test": test}
    for part in parts[1:]:
        length = float(part["stop"]) - float(part["start"])
        assert length == pytest.approx(share[part["split"]] * seconds, abs=1e-4)
        assert length > 0.999
    for name in ("valid", "test"):
        assert (name in {p["split"] for p in parts}) == (seconds * share[name] >= 1)


@pytest.mark.parametrize(
    ("kinds", "ends"),
    [
        ("aabb", False), ("aab", True), ("a", True), ("aabb-", False), ("--", True),
        ("---", False),
    ],
)  # fmt: skip
def test_auto_holds_out_recordings_where_each_label_has_two(kinds, ends):
    rows = [row(str(k), kind.strip("-")) for k, kind in enumerate(kinds)]
    assert module._enough(rows, None, "kind") != ends
    assert module._enough(rows, None, None) == (len(rows) >= 3)


def test_a_corpus_of_one_second_is_learned_whole(tmp_path):
    table = prepare(tmp_path, {"a": (hiss(1, 1), "rain", "5", "")})
    (only,) = read_table(table)
    assert (only["split"], float(only["start"]), float(only["stop"])) == ("train", 0, 1)
    assert module.read_recordings(table, "test") == []


def test_silence_is_left_out_with_its_reason(tmp_path, caplog):
    corpus = sounds() | {"quiet": (np.zeros(RATE, np.float32), "hiss", "1", "")}
    table = prepare(tmp_path, corpus)
    (quiet,) = (r for r in read_table(table) if r["id"] == "quiet")
    assert (quiet["split"], quiet["reason"]) == ("left out", "silence")
    assert "quiet.mp3 is silent" in caplog.text
    assert len(read_table(table)) == 10
    with pytest.raises(InputError, match="all 1 recordings are silent"):
        prepare(tmp_path / "all", {"quiet": corpus["quiet"]})


def test_rejected_recordings_are_not_used_and_wrong_labels_are_named(tmp_path):
    manifest, wav = write_corpus(tmp_path, sounds())
    rows = read_table(manifest)
    rows[0] |= {"status": "rejected", "reason": "empty"}
    write_table(manifest, rows, list(rows[0]))

    def prepared(conditions=CONDITIONS, **held_out):
        options = HeldOutOptions(**held_out)
        prepare_recordings(
            manifest, wav, tmp_path / "r.csv", conditions=conditions, held_out=options, seed=1
        )
        return read_table(tmp_path / "r.csv")

    assert rows[0]["id"] not in {r["id"] for r in prepared()} and len(prepared()) == 8
    with pytest.raises(InputError, match="no label 'kinds'; did you mean 'kind'"):
        prepared({"kinds": ConditionOptions()})
    with pytest.raises(InputError, match="no label 'sites'; did you mean 'site'"):
        prepared(group="sites")
    write_table(manifest, [r | {"status": "rejected"} for r in rows], list(rows[0]))
    with pytest.raises(InputError, match="no usable recording"):
        prepared()


def test_names_that_are_not_utf8_survive(tmp_path):
    manifest, wav = write_corpus(tmp_path, sounds())
    rows = [{**r, "source": f"caf\udce9 {r['source']}"} for r in read_table(manifest)]
    write_table(manifest, rows, list(rows[0]))
    table = tmp_path / "recordings.csv"
    prepare_recordings(
        manifest, wav, table, conditions=CONDITIONS, held_out=HeldOutOptions(), seed=1
    )
    assert module.read_recordings(table, "train")[0].source.startswith("caf\udce9 ")


def test_shares_that_leave_nothing_are_refused():
    with pytest.raises(ValidationError, match="less than a tenth"):
        HeldOutOptions(valid=0.5, test=0.4)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_sound_of_any_format_comes_at_the_rate_and_level_of_training(tmp_path, channels):
    wave = np.stack([hiss(2, 1), hiss(2, 2)]) * 0.1
    soundfile.write(tmp_path / "a.flac", wave.T, RATE)
    sound = read_sound(tmp_path / "a.flac", 2 * RATE, channels)
    assert sound.frames == pytest.approx(4 * RATE, abs=2)
    assert sound.samples.shape[0] == channels
    assert np.sqrt(np.square(sound.samples).mean()) == pytest.approx(LEVEL, rel=0.02)
    assert np.array_equal(sound.read(5, 9, channels), sound.samples[:, 5:14])
    assert MemorySound(wave).read(16_000 - 4, 9, 1).shape == (1, 4)
    soundfile.write(tmp_path / "zero.wav", np.zeros(RATE), RATE)
    with pytest.raises(InputError, match="is silent"):
        read_sound(tmp_path / "zero.wav", RATE, channels)
    with pytest.raises(InputError, match="nothing"):
        read_sound(tmp_path / "nothing.wav", RATE, channels)

"""A task from a manifest: its files, what is left out, and input that makes no task."""

import json

import numpy as np
import pytest

from soundmill.classification.naming import Finder
from soundmill.classification.preparation import prepare_task
from soundmill.classification.task import read_task
from soundmill.classification.task_options import TaskOptions
from soundmill.corpus.decode_options import MANIFEST_COLUMNS
from soundmill.corpus.labels import Recording, labels_from_folders, labels_from_pattern
from soundmill.corpus.names import normalise_names
from soundmill.errors import InputError
from soundmill.status import read_table, write_table

from paths import real_data  # isort: skip


@pytest.fixture
def prepare(tmp_path):
    """Prepare a task from label columns; a list of folders names the files."""

    def run(columns, seed=1, rows=None, **options):
        count = len(next(iter(columns.values())))
        manifest = [
            {
                "id": f"r{i:03d}", "source": f"in/r{i:03d}.wav", "bucket": "00", "status": "ok",
                "reason": "", "seconds": "2.5", "sha256": f"{i:064x}",
                **{name: str(values[i]) for name, values in columns.items()},
            }
            for i in range(count)
        ]  # fmt: skip
        for i, changes in (rows or {}).items():
            manifest[i] |= changes
        names = [*MANIFEST_COLUMNS, *columns]
        write_table(tmp_path / "manifest.csv", manifest, names)
        options.setdefault("target", "style")
        run.folder = tmp_path / "task"
        return prepare_task(tmp_path / "manifest.csv", run.folder, TaskOptions(**options), seed)

    return run


STYLES = ["rock", "jazz"] * 20
ARTISTS = [f"{style}-{i // 8}" for i, style in enumerate(STYLES)]


def test_the_folder_of_a_task(prepare):
    split = {"method": "folds", "folds": 5, "compare_random": True}
    task = prepare({"style": STYLES, "artist": ARTISTS}, group="artist", split=split)
    again = read_task(prepare.folder)
    assert again.classes == task.classes == ["jazz", "rock"] and again.ids == task.ids
    assert again.facts == task.facts and set(again.folds) == set(task.folds)
    np.testing.assert_array_equal(again.targets, task.targets)
    assert all((again.folds[name] == task.folds[name]).all() for name in task.folds)
    assert again.honest_folds == list("01234")
    assert again.leaky_folds == [f"random-{i}" for i in range(5)]
    assert sorted(set(again.groups)) == sorted(set(ARTISTS)) and again.facts["groups"] == 10
    assert again.facts["counts"] == {"jazz": 20, "rock": 20} and again.facts["seconds"] == 100
    assert again.facts["protocol"] == (
        "5 folds drawn stratified by group; groups stay together; 15 % of each training part kept "
        "for validation."
    )
    parts = {
        part: read_table(prepare.folder / f"{part}.csv") for part in ("train", "valid", "test")
    }
    assert {part: len(rows) for part, rows in parts.items()} == {
        part: again.facts["folds"]["0"][part] for part in parts
    }
    assert {row["id"] for row in parts["test"]} == {again.ids[i] for i in again.rows("0", "test")}
    assert {row["target"] for row in parts["test"]} == {"rock", "jazz"}
    counts = {(r["fold"], r["class"]): r for r in read_table(prepare.folder / "class_counts.csv")}
    assert counts["0", "rock"]["test"] == "4" and counts["0", "rock"]["share_of_test"] == "0.5"
    assert counts["all", "rock"]["test"] == "0"


def test_other_columns_and_the_order_of_rows_change_nothing(prepare):
    columns = {"style": STYLES, "artist": ARTISTS}
    first = prepare(columns, group="artist")
    more = prepare({"mood": list(range(40)), **columns}, group="artist")
    assert all((first.folds[name] == more.folds[name]).all() for name in first.folds)
    assert (prepare(columns, group="artist", seed=2).folds["0"] != first.folds["0"]).any()


def test_what_is_left_out_is_listed_with_its_reason(prepare):
    rows = {
        0: {"status": "rejected", "reason": "silent: no sample above -80 dBFS"},
        1: {"style": " "},
        2: {"style": "polka"},
        3: {"status": "ignored", "reason": "not audio"},
    }
    task = prepare({"style": STYLES}, rows=rows)
    assert len(task) == 36 and task.classes == ["jazz", "rock"]
    assert {r["source"]: r["reason"] for r in read_table(prepare.folder / "left_out.csv")} == {
        "in/r000.wav": "rejected: silent: no sample above -80 dBFS",
        "in/r001.wav": "no label in column 'style'",
        "in/r002.wav": "class 'polka' has 1 of the 2 recordings needed",
    }
    assert task.facts["left_out"]["recordings"] == 3
    assert task.facts["left_out"]["reasons"]["rejected"] == 1
    assert "class 'polka' has 1 of the 2 recordings needed: left out" in task.facts["remarks"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"small_classes": "error"}, r"too few recordings of 'polka' \(1\); a class needs 2"),
        ({"missing": "error"}, r"1 of 40 recordings have no usable label, such as 'in/r001.wav'"),
        ({"target": "styles"}, "no column 'styles'.*did you mean 'style'"),
        ({"group": "artists"}, "group: there is no column 'artists'"),
        ({"split": {"method": "column", "column": "fold"}}, "split.column: there is no column"),
        ({"minimum_class_size": 20}, "leaves 0 classes to tell apart.*'polka' has 1 of the 20"),
    ],
)
def test_labels_that_make_no_task(prepare, options, message):
    rows = {1: {"style": ""}, 2: {"style": "polka"}}
    with pytest.raises(InputError, match=message):
        prepare({"style": STYLES}, rows=rows, **options)


def test_one_class_and_no_recording(prepare):
    with pytest.raises(InputError, match="leaves 1 classes to tell apart"):
        prepare({"style": ["rock"] * 4})
    with pytest.raises(InputError, match="no usable recording"):
        prepare({"style": ["rock"] * 2}, rows={i: {"status": "rejected"} for i in range(2)})


def test_typing_variants_are_merged_with_a_remark(prepare):
    task = prepare({"style": ["Rock", "rock ", "ROCK", "Rock", "jazz", "jazz", "Jazz"]})
    assert task.classes == ["Rock", "jazz"]
    assert "'ROCK' (1), 'rock' (1) counted as 'Rock'" in task.facts["remarks"]
    assert task.facts["merged"]["jazz"] == {"Jazz": 1}


def test_a_group_that_is_a_whole_class(prepare):
    artists = ["duke" if style == "jazz" else f"r{i}" for i, style in enumerate(STYLES)]
    columns = {"style": STYLES, "artist": artists}
    with pytest.raises(
        InputError,
        match=r"all 20 recordings of class 'jazz' are of group 'duke'.*"
        "would be tested without having been trained",
    ):
        prepare(columns, group="artist")
    third = {**columns, "style": [*STYLES[:30], *["folk"] * 10]}
    third["artist"] = [*artists[:30], *[f"f{i}" for i in range(10)]]
    task = prepare(third, group="artist", single_group_classes="leave_out")
    assert task.classes == ["folk", "rock"]
    assert "class 'jazz' is all of group 'duke': left out" in task.facts["remarks"]


def test_copies_stay_together_or_go(prepare):
    rows = {i: {"sha256": "c" * 64} for i in (0, 2, 4, 6, 8)} | {8: {"sha256": "c" * 64}}
    split = {"method": "folds", "folds": 5, "valid": 0}
    task = prepare({"style": STYLES}, rows=rows, split=split)
    for name in task.honest_folds:
        assert len({task.folds[name][i] for i in (0, 2, 4, 6, 8)}) == 1
    assert len(prepare({"style": STYLES}, rows=rows, duplicates="leave_out")) == 36
    given = {"method": "column", "column": "fold"}
    columns = {"style": STYLES, "fold": ["1", "2", "2", "1"] * 10}
    with pytest.raises(InputError, match=r"of the same content, which crosses.*leave_out"):
        prepare(columns, rows=rows, split=given)
    assert len(prepare(columns, rows=rows, split=given, duplicates="leave_out")) == 36


def test_copies_of_other_label_are_said(prepare):
    rows = {i: {"sha256": "c" * 64} for i in (0, 1)}
    remarks = prepare({"style": STYLES}, rows=rows).facts["remarks"]
    assert any("other labels than another recording" in remark for remark in remarks)


def test_groups_of_several_columns_join(prepare):
    artists = [*ARTISTS[:-2], "rock-0", ""]
    albums = [f"album {i}" for i in range(39)] + ["album 0"]
    task = prepare({"style": STYLES, "artist": artists, "album": albums}, group=["artist", "album"])
    assert task.groups[0] == task.groups[38] == task.groups[39] == "rock-0"
    spelled = ["Miles Davis", "miles davis", "MILES-DAVIS "] + [f"a{i}" for i in range(37)]
    merged = prepare({"style": STYLES, "artist": spelled}, group="artist")
    assert len(set(merged.groups[:3])) == 1


def test_the_title_can_be_the_group(prepare):
    rows = {i: {"source": f"{'ab'[i % 2]}/Song {i // 4}.{'mp3' if i % 2 else 'wav'}",
                "id": f"s{i}"} for i in range(40)}  # fmt: skip
    for i in range(0, 40, 4):
        rows[i + 2]["source"] = rows[i]["source"].upper()
        rows[i + 3]["source"] = rows[i + 1]["source"].replace("Song ", "song-")
    task = prepare({"style": STYLES}, rows=rows, group="title")
    assert len(set(task.groups)) == 10


def test_equal_titles_are_worth_a_remark(prepare):
    names = {0: "a/Blue Train.wav", 2: "b/blue-train.mp3", 4: "a/001.wav", 6: "b/001.wav"}
    rows = {i: {"source": source} for i, source in names.items()}
    remarks = prepare({"style": STYLES}, rows=rows).facts["remarks"]
    assert len(remarks) == 1 and "perhaps the same recording twice" in remarks[0]
    assert "a/Blue Train.wav and b/blue-train.mp3" in remarks[0]
    assert not prepare({"style": STYLES}, rows=rows, group="title").facts["remarks"]
    rows[2]["source"] = "b/Blue Trane.mp3"
    assert not prepare({"style": STYLES}, rows=rows).facts["remarks"]


def test_a_class_that_is_tested_but_never_trained(prepare):
    folds = ["train", "train", "test", "valid"] * 10
    styles = ["polka" if fold == "test" and i < 20 else s
              for i, (s, fold) in enumerate(zip(STYLES, folds, strict=True))]  # fmt: skip
    split = {"method": "column", "column": "part"}
    task = prepare({"style": styles, "part": folds}, split=split)
    assert task.classes == ["jazz", "polka", "rock"]
    assert task.facts["unanswerable"] == {"0": {"polka": 5}}
    assert any("'polka' is never trained" in remark for remark in task.facts["remarks"])
    assert [styles[i] for i in task.rows("0", "test")] == ["rock"] * 5
    assert "polka" in {styles[i] for i in task.rows("all", "train")}


def test_tags(prepare):
    tags = ["drums;bass", "bass", "drums; piano", ""] * 10
    options = {"kind": "multi", "target": "tags"}
    task = prepare({"tags": [*tags[:-1], "theremin"]}, **options)
    assert task.classes == ["bass", "drums", "piano"]
    assert len(task) == 31 and task.targets[-1].tolist() == [0, 0, 0]
    again = read_task(prepare.folder)
    np.testing.assert_array_equal(again.targets, task.targets)
    assert len(prepare({"tags": tags}, missing="negative", **options)) == 40


def test_regression(prepare):
    values = np.random.default_rng(0).normal(size=(40, 2)).round(3)
    columns = {"valence": values[:, 0], "arousal": values[:, 1], "artist": ARTISTS}
    options = {"kind": "regression", "target": ["valence", "arousal"], "group": "artist"}
    task = prepare(columns, **options)
    np.testing.assert_allclose(task.targets, values, atol=1e-6)
    np.testing.assert_array_equal(read_task(prepare.folder).targets, task.targets)
    assert task.facts["counts"]["valence"]["mean"] == pytest.approx(values[:, 0].mean(), abs=1e-6)
    assert len(read_table(prepare.folder / "class_counts.csv")) == 2 * 4 * len(task.folds)


def test_lists_of_names(prepare, tmp_path):
    trained = ["r000.mp3", "r001", *[f"x/r{i:03d}.au" for i in range(2, 20)]]
    tested = [*[f"in/r{i:03d}.wav" for i in range(20, 30)], "nobody.wav"]
    (tmp_path / "train.txt").write_text("\n".join(trained))
    (tmp_path / "test.txt").write_text("\n".join(["# names", *tested, ""]))
    files = {name: str(tmp_path / f"{name}.txt") for name in ("train", "test")}
    split = {"method": "files", "files": files, "valid": 0.2}
    task = prepare({"style": STYLES}, split=split)
    assert task.facts["folds"]["0"] == {"train": 16, "valid": 4, "test": 10, "unused": 10}
    assert task.facts["folds"]["all"]["unused"] == 10
    assert any(
        "1 of 11 names" in remark and "'nobody.wav'" in remark for remark in task.facts["remarks"]
    )
    (tmp_path / "test.txt").write_text("r001.wav\n")
    with pytest.raises(InputError, match=r"'r001.wav' is also in the train list"):
        prepare({"style": STYLES}, split=split)
    (tmp_path / "test.txt").write_text("other.wav\n")
    with pytest.raises(InputError, match=r"split.files.test: none of the 1 names"):
        prepare({"style": STYLES}, split=split)


def test_names_find_recordings():
    sources = ["in/rock/01.wav", "in/jazz/01.wav", "in/jazz/02.mp3", "in/jazz/02.wav", "in/é.ogg"]
    finder = Finder([{"id": f"i{n}", "source": source} for n, source in enumerate(sources)])
    names = ("rock/01.au", "jazz\\01.wav", "02.mp3", "jazz/02.wav", "e\u0301.wav", "i4", "03.wav")
    assert [finder.find(name, "list") for name in names] == [0, 1, 2, 3, 4, 4, None]
    for name in ("01.wav", "jazz/02"):
        with pytest.raises(InputError, match=f"list: '{name}' fits"):
            finder.find(name, "list")


def test_given_folds_that_leak_are_refused(prepare):
    columns = {"style": STYLES, "artist": ARTISTS, "fold": [i % 4 for i in range(40)]}
    split = {"method": "column", "column": "fold"}
    with pytest.raises(InputError, match=r"are of group '.*', which crosses parts.*group: null"):
        prepare(columns, group="artist", split=split)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": ["a", "b"]}, "several columns"),
        ({"target": "a", "group": "a"}, "cannot also decide the split"),
        ({"target": "a", "split": {"method": "column"}}, "needs column"),
        ({"target": "a", "split": {"method": "leave_one_group_out"}}, "needs group"),
        ({"target": "a", "missing": "negative"}, "is for kind: multi"),
        ({"target": "a", "split": {"folds": 3}}, "makes one fold, not 3"),
    ],
)
def test_options_that_contradict_each_other(options, message):
    with pytest.raises(ValueError, match=message):
        TaskOptions(**options)


def test_options_survive_the_way_through_params():
    for split in ({}, {"method": "folds"}, {"method": "column", "column": "x"}):
        options = TaskOptions(target="style", split=split)
        assert TaskOptions(**json.loads(options.model_dump_json())) == options


def from_folder(prepare, folder, suffix, folders, pattern, **options):
    """Prepare a task from real files without decoding them."""
    paths = sorted(str(p.relative_to(folder)) for p in folder.rglob(f"*.{suffix}"))
    ids = normalise_names(paths)
    recordings = [Recording(ids[p], p, p) for p in paths]
    columns = {}
    found = [labels_from_pattern(pattern, recordings)]
    if folders:
        found.append(labels_from_folders(folders, recordings))
    for labels, names in found:
        columns |= {name: [labels[p].get(name, "") for p in paths] for name in names}
    rows = {i: {"id": ids[p], "source": p} for i, p in enumerate(paths)}
    return prepare(columns, rows=rows, **options)


def test_the_folds_of_esc10(prepare):
    split = {"method": "column", "column": "fold", "folds": 5}
    task = from_folder(
        prepare, real_data("esc10"), "ogg", ["sound"], "{fold:d}-{clip}-{take}",
        target="sound", group="clip", split=split,
    )  # fmt: skip
    assert len(task) == 400 and len(task.classes) == 10
    for name in task.honest_folds:
        tested = task.rows(name, "test")
        assert {task.examples[i]["source"].split("/")[1][0] for i in tested} == {str(int(name) + 1)}
        assert (np.bincount(task.targets[tested]) == 8).all()
        assert task.facts["folds"][name]["valid"] == pytest.approx(0.15 * 320, abs=3)


def test_leaving_one_speaker_out(prepare):
    folder = real_data("fsdd") / "recordings"
    pattern = "{digit}_{speaker}_{take}"
    split = {"method": "leave_one_group_out", "folds": 6}
    task = from_folder(
        prepare, folder, "wav", None, pattern, target="digit", group="speaker", split=split
    )
    assert list(task.facts["tests"].values()) == sorted(
        ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
    )
    for name, speaker in task.facts["tests"].items():
        assert set(task.groups[task.rows(name, "test")]) == {speaker}
        assert task.facts["folds"][name] == {"train": 2000, "valid": 500, "test": 500, "unused": 0}
    official = {"method": "column", "column": "take", "test_values": list("01234")}
    task = from_folder(prepare, folder, "wav", None, pattern, target="digit", split=official)
    assert task.facts["folds"]["0"]["test"] == 300 and task.honest_folds == ["0"]

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from soundmill.corpus.labels import (
    Recording,
    compile_pattern,
    find_csv,
    labels_from_csv,
    labels_from_folders,
    labels_from_pattern,
    make_labels,
)
from soundmill.corpus.names import slug
from soundmill.corpus.options import LabelOptions
from soundmill.errors import InputError

PATHS = ["Rock/Live/Song A.mp3", "Rock/b.flac", "Jazz/été.wav", "c.wav"]
RECORDINGS = [Recording(slug(path), f"in/{path}", path) for path in PATHS]


@pytest.fixture
def write(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def csv_labels(path, key="file"):
    labels, columns = labels_from_csv(path, key, RECORDINGS)
    return {name.removeprefix("in/"): row for name, row in labels.items()}, columns


@pytest.mark.parametrize(
    "name",
    [
        "in/Rock/Live/Song A.mp3",
        "Rock/Live/Song A.mp3",
        "./Rock/Live/Song A.mp3",
        "Rock\\Live\\Song A.mp3",
        "rock-live-song-a",
        "Song A.mp3",
        "Song A",
        "Song A.wav",
        " Song A.mp3 ",
    ],
)
def test_a_csv_may_name_a_recording_in_any_usual_way(write, name):
    labels, columns = csv_labels(write(f"mood,file\ncalm,{name}\n"))
    assert labels == {"Rock/Live/Song A.mp3": {"mood": "calm"}} and columns == ["mood"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("file,mood,tempo\nété.wav,calm,60\n", "utf-8"),
        ("file,mood,tempo\r\nété.wav,calm,60\r\n", "utf-8-sig"),
        ("file;mood;tempo\nété.wav;calm;60\n", "cp1252"),
        ("file\tmood\ttempo\nété.wav\tcalm\t60\n", "utf-16"),
        ('"file","mood","tempo"\n\n"e\u0301te\u0301.wav","calm","60"\n\n', "utf-8"),
        ("file|mood|tempo\nété.wav|calm|60", "utf-8"),
        ("tempo,file,mood\n60,été.wav,calm", "utf-8"),
    ],
)
def test_a_csv_may_come_from_any_program(write, text, encoding):
    labels, _ = csv_labels(write(text, encoding))
    assert labels == {"Jazz/été.wav": {"mood": "calm", "tempo": "60"}}


def test_unknown_files_are_counted(write, caplog):
    labels, _ = csv_labels(write("file,mood\nc.wav,calm\nnobody.wav,sad\nnoone.wav,sad\n"))
    assert labels == {"c.wav": {"mood": "calm"}}
    assert "2 rows name no recording: 'nobody.wav', 'noone.wav'" in caplog.text
    assert "3 of 4 recordings have no row" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,mood\nx.wav,calm\n", "none of its 1 rows names a recording.*'x.wav'.*Song A"),
        (
            "c.wav,calm\nb.flac,sad\n",
            "has no header: its first line names a recording.*'file,label'",
        ),
        ("files,mood\nc.wav,calm\n", "no column 'file' in .*did you mean 'files'"),
        ("file,mood\nc.wav,calm\nc,sad\n", "lines 2 and 3: 'c' is labelled twice"),
        ("file,mood,mood\nc.wav,calm,sad\n", "two columns are named 'mood'"),
        ("file,mood\nc.wav,calm,sad\n", "line 2: 3 cells, but the header has 2"),
        ("", "is empty"),
    ],
)
def test_a_wrong_csv_is_one_clear_error(write, text, message):
    with pytest.raises(InputError, match=message):
        csv_labels(write(text))


def test_a_name_that_fits_two_recordings_is_an_error(write):
    twins = [Recording("a-x", "in/a/x.wav", "a/x.wav"), Recording("b-x", "in/b/x.wav", "b/x.wav")]
    with pytest.raises(InputError, match=r"'x.wav' fits 'a/x.wav' and 'b/x.wav'"):
        labels_from_csv(write("file,mood\nx.wav,calm\n"), "file", twins)


def test_equal_rows_and_missing_cells_are_no_error(write):
    labels, _ = csv_labels(write("file,mood,key\nc.wav,calm\nc,calm\n"))
    assert labels == {"c.wav": {"mood": "calm", "key": ""}}


def test_columns_named_like_the_manifests_are_renamed(write):
    labels, columns = csv_labels(write("file,seconds,id\nc.wav,9,hello\n"))
    assert labels == {"c.wav": {"label_seconds": "9", "label_id": "hello"}}
    assert columns == ["label_seconds", "label_id"]


def test_a_csv_is_found_in_the_working_folder_or_the_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/labels.csv").touch()
    assert str(find_csv("labels.csv", "in")) == "in/labels.csv"
    (tmp_path / "labels.csv").touch()
    assert str(find_csv("labels.csv", "in")) == "labels.csv"
    with pytest.raises(InputError, match=r"'label.csv' is not found in '.' and 'in'.*labels.csv"):
        find_csv("label.csv", "in")


def test_folders(caplog):
    labels, columns = labels_from_folders(["genre", "album"], RECORDINGS)
    assert columns == ["genre", "album"]
    assert labels["in/Rock/Live/Song A.mp3"] == {"genre": "Rock", "album": "Live"}
    assert labels["in/Rock/b.flac"] == {"genre": "Rock"} and labels["in/c.wav"] == {}
    assert "1 of 4 recordings lie in no sub-folder" in caplog.text
    assert labels_from_folders(True, RECORDINGS)[0]["in/Rock/Live/Song A.mp3"] == {
        "folder": "Rock/Live"
    }
    assert labels_from_folders(["_", "album"], RECORDINGS)[1] == ["album"]
    with pytest.raises(InputError, match="no recording lies in a sub-folder"):
        labels_from_folders(True, RECORDINGS[-1:])


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("{digit}_{speaker}_{take}", "0_jackson_12", dict(digit="0", speaker="jackson", take="12")),
        ("{a}_{b}", "x_y_z", dict(a="x", b="y_z")),
        ("{fold:d}-{_}-{take}", "1-100032-A", dict(fold="1", take="A")),
        ("{n:d}", "twelve", None),
        ("{a}-{a}", "x-x", dict(a="x")),
        ("{a}-{a}", "x-y", None),
        ("{{{a}}}.*", "{x}.*", dict(a="x")),
        ("{a}(b)", "xb", None),
        ("{artist}/{title}", "Ann/Song", dict(artist="Ann", title="Song")),
    ],
)
def test_patterns(pattern, name, expected):
    match = compile_pattern(pattern).fullmatch(name)
    assert (match and match.groupdict()) == expected


NAMES = st.text(st.characters(exclude_characters="_/", codec="utf-8"), min_size=1)


@given(st.lists(NAMES, min_size=1, max_size=5))
def test_a_pattern_gives_back_what_made_the_name(values):
    fields = [f"f{number}" for number in range(len(values))]
    pattern = compile_pattern("_".join(f"{{{field}}}" for field in fields))
    match = pattern.fullmatch("_".join(values))
    assert match and match.groupdict() == dict(zip(fields, values, strict=True))


def test_names_that_do_not_fit_the_pattern(caplog):
    labels, columns = labels_from_pattern("{word} {letter}", RECORDINGS)
    assert labels["in/Rock/Live/Song A.mp3"] == {"word": "Song", "letter": "A"}
    assert labels["in/c.wav"] == {} and columns == ["word", "letter"]
    assert "3 of 4 recordings do not fit" in caplog.text
    with pytest.raises(InputError, match=r"'{a}_{b}' fits none of 4 names, such as 'Song A'"):
        labels_from_pattern("{a}_{b}", RECORDINGS)


def test_ways_combine_unless_their_names_clash(write):
    rows = [{"id": item.id, "source": item.source} for item in RECORDINGS]
    rows.append({"id": "", "source": "in/cover.jpg"})
    path = str(write("file,mood\nc.wav,calm\n"))
    labels, columns = make_labels(rows, LabelOptions(csv=path, folders=["genre"]), "in/")
    assert columns == ["mood", "genre"] and "in/cover.jpg" not in labels
    assert labels["in/c.wav"] == {"mood": "calm", "genre": ""}
    assert labels["in/Rock/b.flac"] == {"mood": "", "genre": "Rock"}
    with pytest.raises(InputError, match="'mood' comes from two places"):
        make_labels(rows, LabelOptions(csv=path, folders=["mood"]), "in")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give csv, folders or pattern"),
        ({"pattern": "{id}_{x}"}, "'id' is a column of the manifest"),
        ({"pattern": "{a"}, "write fields as"),
        ({"pattern": "plain"}, "no label in it"),
        ({"pattern": "{a b}"}, "is no name"),
        ({"folders": ["a", "a"]}, "two levels alike"),
        ({"folders": ["status"]}, "'status' is a column"),
        ({"pattern": "{a:x}"}, "only ':d'"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValidationError, match=message):
        LabelOptions(**options)


def test_warnings_are_silent_when_all_is_well(caplog):
    caplog.set_level(logging.WARNING)
    labels_from_folders(True, RECORDINGS[:3])
    labels_from_pattern("{name}", RECORDINGS)
    assert caplog.text == ""


def test_a_file_name_with_spaces_around_finds_its_label(tmp_path):
    source = "songs/  Slow   Tide  .mp3"
    table = tmp_path / "labels.csv"
    table.write_text("file,style\n  Slow   Tide  .mp3,drone\n")
    rows = [{"id": "slow-tide", "source": source}]
    labels, _ = make_labels(rows, LabelOptions(csv=str(table)), "songs")
    assert labels[source] == {"style": "drone"}

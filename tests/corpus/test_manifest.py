import pytest

from soundmill.corpus.acceptance import accept_corpus
from soundmill.corpus.decode_options import MANIFEST_COLUMNS
from soundmill.corpus.manifest import reject_duplicates, write_manifest
from soundmill.corpus.options import CorpusOptions, LabelOptions
from soundmill.errors import InputError
from soundmill.files import read_json
from soundmill.status import read_table, write_table


def row(source, sha256="", status="ok", **values):
    name = source.rpartition("/")[2].partition(".")[0]
    return {
        **dict.fromkeys(MANIFEST_COLUMNS, ""), "id": name, "source": source, "status": status,
        "sha256": sha256 or name, **values,
    }  # fmt: skip


@pytest.fixture
def tables(tmp_path):
    """Two buckets with an equal recording in each."""
    write_table(
        tmp_path / "00.csv",
        [row("in/b/z 1.wav", "same"), row("in/b/y 2.wav", seconds="1.5"),
         row("in/b/empty.wav", status="rejected", reason="empty")],
        MANIFEST_COLUMNS,
    )  # fmt: skip
    ignored = row("in/cover.jpg", status="ignored", reason="not a recording") | {"id": ""}
    write_table(tmp_path / "01.csv", [row("in/a/x 3.wav", "same"), ignored], MANIFEST_COLUMNS)
    return [tmp_path / "00.csv", tmp_path / "01.csv"]


def test_the_manifest_joins_buckets_and_labels(tables, tmp_path):
    out = tmp_path / "manifest.csv"
    labels = LabelOptions(pattern="{letter} {number:d}", folders=["folder"])
    write_manifest(tables, out, labels, "in")
    rows = read_table(out)
    assert list(rows[0]) == [*MANIFEST_COLUMNS, "folder", "letter", "number"]
    assert [row["source"] for row in rows] == sorted(row["source"] for row in rows)
    by_source = {row["source"]: row for row in rows}
    assert by_source["in/a/x 3.wav"]["letter"] == "x"
    assert by_source["in/b/y 2.wav"]["folder"] == "b"
    assert by_source["in/b/y 2.wav"]["seconds"] == "1.5"
    assert by_source["in/cover.jpg"]["letter"] == ""
    assert by_source["in/b/empty.wav"]["reason"] == "empty"


def test_the_manifest_does_not_depend_on_the_order_of_the_tables(tables, tmp_path):
    write_manifest(tables, tmp_path / "one.csv", None)
    write_manifest(tables[::-1], tmp_path / "two.csv", None)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_of_equal_contents_the_first_by_source_stays():
    rows = [row(f"in/{name}.wav", "same") for name in "abc"]
    rows[0]["status"] = "rejected"  # what is rejected already is no original
    settled = reject_duplicates(rows)
    assert [row["status"] for row in settled] == ["rejected", "ok", "rejected"]
    assert settled[2]["reason"] == "same content as in/b.wav"


def test_accepting_counts_what_is_there(tables, tmp_path):
    out = tmp_path / "manifest.csv"
    write_manifest(tables, out)
    rows = read_table(out)
    assert len(rows) == 5
    with pytest.raises(InputError, match=r"2 of 4 recordings.*max_rejected: 0.25"):
        accept_corpus(out, tmp_path / "accepted.json", 0.25)
    for row in rows:
        row["seconds"] = row["seconds"] or "1.0"
    write_table(out, rows, list(rows[0]))
    figures = accept_corpus(out, tmp_path / "accepted.json", 0.5)
    assert read_json(tmp_path / "accepted.json") == figures
    assert figures == {"ok": 2, "rejected": 2, "ignored": 1, "seconds": 2.5, "max_rejected": 0.5}


def test_corpus_options():
    options = CorpusOptions(
        source=["a", "b"],
        labels={"csv": "labels.csv", "key": "file"},
        decode={"channels": "stereo", "loudness": -20},
    )
    assert options.buckets == 16 and options.labels.key == "file"
    assert CorpusOptions(source="demo:ambient").decode.sample_rate == 22050
    for wrong in ({"source": ""}, {"source": []}, {"source": "a", "max_rejected": 2}, {}):
        with pytest.raises(ValueError):
            CorpusOptions(**wrong)

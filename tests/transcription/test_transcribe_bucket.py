import csv

import numpy as np
import pytest
import soundfile
from note_seq.protobuf import music_pb2
from transcription import rendered

from soundmill.errors import InputError
from soundmill.notes import read_midi, read_notes_csv
from soundmill.records import read_records
from soundmill.status import read_table, write_table
from soundmill.transcription import bucket, posteriorgram
from soundmill.transcription.bucket import transcribe_bucket
from soundmill.transcription.options import TranscriberOptions

COLUMNS = (
    "id", "source", "bucket", "status", "reason", "seconds", "sample_rate", "channels", "sha256",
)  # fmt: skip
NAMES = {"first": "Première №1.mp3", "second": "b\udcff.MP3", "silent": "s.wav", "gone": "g.wav"}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wav")
    rendered.write(folder / "first.wav", rendered.melody(8))
    rendered.write(folder / "second.wav", rendered.melody(6, seed=5), program=46)
    soundfile.write(folder / "silent.wav", np.zeros(22050), 22050)
    (folder / "broken.wav").write_bytes(b"RIFF and nothing more")
    return folder


@pytest.fixture
def transcribe(sounds, tmp_path):
    """Return a function that transcribes the bucket into a folder of its own."""
    names = NAMES | {"broken": "x.wav"}
    rows = [
        {"id": name, "source": source, "status": "ok", "seconds": "5.0", "sha256": name * 2}
        for name, source in names.items()
    ]
    rows.append({"id": "refused", "source": "r.mp3", "status": "rejected", "reason": "empty"})
    write_table(tmp_path / "recordings.csv", rows, COLUMNS)

    def run(name="out", threads=1, options=None, code="1"):
        out = tmp_path / name
        transcribe_bucket(
            tmp_path / "recordings.csv", sounds, out / "midi", out / "00.tfrecord", out / "00.csv",
            cache=tmp_path / "cache", options=options or TranscriberOptions(), code=code,
            threads=threads,
        )  # fmt: skip
        return out

    return run


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_accepted_recording_gets_files_or_a_reason(transcribe):
    out = transcribe()
    rows = {row["id"]: row for row in read_table(out / "00.csv")}
    assert list(rows) == ["first", "second", "silent", "gone", "broken"]
    assert [row["status"] for row in rows.values()] == ["ok", "ok"] + ["rejected"] * 3
    assert "no note was found" in rows["silent"]["reason"]
    assert "gone.wav" in rows["gone"]["reason"]
    assert "broken.wav" in rows["broken"]["reason"]
    assert rows["first"]["sha256"] == "firstfirst" and rows["first"]["seconds"] == "5.0"
    names = {path.name for path in (out / "midi").iterdir()}
    assert names == {"first.mid", "first.csv", "second.mid", "second.csv"}
    notes = read_notes_csv(out / "midi" / "first.csv")
    assert len(notes) == int(rows["first"]["notes"])
    from_midi = read_midi(out / "midi" / "first.mid")
    assert (from_midi["pitch"] == notes["pitch"]).all()
    assert np.abs(from_midi["onset"] - notes["onset"]).max() < 2e-3
    with open(out / "midi" / "first.csv") as file:
        assert next(csv.reader(file)) == ["onset_s", "offset_s", "pitch", "velocity"]


def test_records_hold_one_note_sequence_a_recording_under_its_id_and_name(transcribe):
    out = transcribe()
    sequences = [
        music_pb2.NoteSequence.FromString(data) for data in read_records(out / "00.tfrecord")
    ]
    assert [s.id for s in sequences] == ["first", "second"]
    assert [s.filename for s in sequences] == ["Première №1.mp3", "b\ufffd.MP3"]
    notes = read_notes_csv(out / "midi" / "second.csv")
    assert [n.pitch for n in sequences[1].notes] == notes["pitch"].tolist()
    assert [n.start_time for n in sequences[1].notes] == notes["onset"].tolist()


def test_known_recordings_are_not_heard_again_and_bytes_are_the_same(transcribe, monkeypatch):
    first = contents(transcribe("first"))
    heard = []
    listen = bucket.transcribe_file

    def note(path, *arguments, **options):
        heard.append(path.stem)
        return listen(path, *arguments, **options)

    monkeypatch.setattr(bucket, "transcribe_file", note)
    assert contents(transcribe("second", threads=2)) == first
    assert heard == ["broken"]
    heard.clear()
    assert contents(transcribe("third", threads=2, code="2")) == first
    assert sorted(heard) == ["broken", "first", "second", "silent"]
    heard.clear()
    transcribe("fourth", options=TranscriberOptions(onset_threshold=0.4))
    assert len(heard) == 4


def test_a_defect_in_one_recording_stops_nothing(transcribe, monkeypatch):
    listen = bucket.transcribe_file

    def fail(path, *arguments, **options):
        if path.stem == "first":
            raise RuntimeError("out of luck")
        return listen(path, *arguments, **options)

    monkeypatch.setattr(bucket, "transcribe_file", fail)
    rows = {row["id"]: row for row in read_table(transcribe() / "00.csv")}
    assert rows["first"]["reason"] == "transcription failed (RuntimeError: out of luck)"
    assert rows["second"]["status"] == "ok"


def test_a_missing_model_stops_the_bucket(transcribe, monkeypatch):
    monkeypatch.setattr(posteriorgram, "PACKAGE", "a_package_nobody_has")
    with pytest.raises(InputError, match="pip install"):
        transcribe()


def test_an_empty_bucket_gives_empty_files(tmp_path):
    write_table(tmp_path / "recordings.csv", [], COLUMNS)
    transcribe_bucket(
        tmp_path / "recordings.csv", tmp_path, tmp_path / "midi", tmp_path / "00.tfrecord",
        tmp_path / "00.csv", cache=tmp_path / "cache", options=TranscriberOptions(), code="1",
    )  # fmt: skip
    assert list(read_records(tmp_path / "00.tfrecord")) == []
    assert read_table(tmp_path / "00.csv") == []
    assert (tmp_path / "midi").is_dir()

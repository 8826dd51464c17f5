"""A folder full of broken things goes through the DAG: rows with reasons, no stopped run."""

import numpy as np
import pytest
import soundfile
from harness import melody, write_recordings

from soundmill.status import read_table

HOSTILE = "<img src=x onerror=alert(1)> 'quotes' \"and\" $(rm -rf x); #&\n日本.wav"


@pytest.fixture(scope="module")
def broken(copy_checkout):
    workflow = copy_checkout()
    songs = workflow.folder / "songs"
    write_recordings(songs, 3, seconds=1.0)
    soundfile.write(songs / HOSTILE, *melody(1.0, 9))
    (songs / "empty.mp3").touch()
    (songs / "words.mp3").write_text("not music at all, just words\n" * 50)
    (songs / "folder.mp3").mkdir()
    (songs / "loop").symlink_to(songs)
    (songs / "self.wav").symlink_to(songs / "self.wav")
    (songs / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    soundfile.write(songs / "silence.wav", np.zeros(22_050), 22_050)
    soundfile.write(songs / "click.wav", np.ones(1_000) / 2, 22_050)
    workflow.configure(options(max_rejected=0.9))
    workflow.run("corpora")
    return workflow


def options(**corpus):
    return {"corpora": {"songs": {"source": "songs", "buckets": 3, **corpus}}}


def test_good_recordings_go_on_and_bad_ones_have_a_reason(broken):
    rows = {row["source"]: row for row in read_table(broken.folder / "results/songs/manifest.csv")}
    good = {source for source, row in rows.items() if row["status"] == "ok"}
    assert good == {f"songs/Pièce {n:04d}.wav" for n in range(3)} | {f"songs/{HOSTILE}"}
    bad = {
        source.removeprefix("songs/") for source, row in rows.items() if row["status"] == "rejected"
    }
    assert bad >= {"empty.mp3", "words.mp3", "folder.mp3", "self.wav", "silence.wav", "click.wav"}
    assert rows["songs/cover.jpg"]["status"] == "ignored"
    assert all(row["reason"] for row in rows.values() if row["status"] != "ok")
    for source in good:
        row = rows[source]
        path = broken.folder / "results/songs/wav" / row["bucket"] / f"{row['id']}.wav"
        assert soundfile.info(path).duration == pytest.approx(1.0, abs=0.01)


def test_too_many_rejections_stop_with_one_clear_error_and_keep_the_data(broken):
    broken.configure(options(max_rejected=0.1))
    done = broken.run("corpora", check=False)
    broken.configure(options(max_rejected=0.9))
    assert done.returncode == 1
    assert "max_rejected" in done.stderr and "manifest.csv" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(read_table(broken.folder / "results/songs/manifest.csv")) > 10
    assert any((broken.folder / "results/songs/wav").rglob("*.wav"))


def test_a_corpus_without_recordings_is_one_clear_error(broken):
    (broken.folder / "nothing").mkdir(exist_ok=True)
    broken.configure({"corpora": {"songs": {"source": "nothing"}}})
    done = broken.run("corpora", check=False)
    broken.configure(options(max_rejected=0.9))
    assert done.returncode == 1
    assert "corpora.songs.source" in done.stderr and "Traceback" not in done.stderr

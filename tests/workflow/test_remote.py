"""A corpus on an S3 server: how often the server is asked, and what is built again."""

import pytest
from harness import job_counts, write_recordings
from s3_server import KEYS, s3_server

from soundmill.corpus.names import bucket_of, slug
from soundmill.status import read_table

NOTHING: dict[str, int] = {}
BUCKETS = 2
REMOTE = "s3://recordings/my music"
ONE_BUCKET = {"fetch_recordings": 1, "normalise_names": 1, "decode_recordings": 1}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        running.client.create_bucket(Bucket="recordings")
        yield running


@pytest.fixture(scope="module")
def finished(copy_checkout, server):
    """Four recordings in two buckets, built once; tests go on from one another's state."""
    workflow = copy_checkout()
    write_recordings(workflow.folder / "folder", 4, seconds=0.5)
    server.upload("recordings", "my music", workflow.folder / "folder")
    server.put("recordings", **{"tables/labels.csv": b"file,mood\nPi\xc3\xa8ce 0003,calm\n"})
    labels = {"csv": "s3://recordings/tables/labels.csv"}
    options = {"source": REMOTE, "labels": labels, "buckets": BUCKETS}
    workflow.configure({"corpora": {"songs": options}})
    server.asked()
    workflow.first = workflow.run("corpora")
    workflow.asked = server.asked()
    return workflow


def moods(workflow):
    """Return the label of each usable recording."""
    rows = read_table(workflow.folder / "results/songs/manifest.csv")
    usable = [row for row in rows if row["status"] == "ok"]
    return {row["source"].removeprefix(f"{REMOTE}/"): row["mood"] for row in usable}


def test_one_listing_a_run_and_one_transfer_a_recording(finished, server):
    assert job_counts(finished.first.stderr)["fetch_recordings"] == BUCKETS
    assert finished.asked == (1, 4 + 1)
    names = [f"Pièce {n:04d}.wav" for n in range(4)]
    assert moods(finished) == dict.fromkeys(names, "") | {names[3]: "calm"}
    assert finished.planned("corpora") == NOTHING
    assert server.asked() == (1, 0)


def test_no_secret_is_written(finished):
    texts = [finished.first.stdout.encode(), finished.first.stderr.encode()]
    texts += [path.read_bytes() for path in finished.folder.rglob("*") if path.is_file()]
    assert any(b"fetch_recordings" in text for text in texts[2:])
    for value in KEYS.values():
        assert not any(value.encode() in text for text in texts)


def test_exactly_what_changed_is_fetched(finished, server):
    changed, removed, same, last = (finished.folder / f"folder/Pièce 000{n}.wav" for n in range(4))
    touched = [changed.name, removed.name, "Song #1?.wav"]
    assert len({bucket_of(slug(name), BUCKETS) for name in touched}) == 1
    key = "my music/{}".format
    server.put("recordings", **{key(last.name): last.read_bytes()})  # newer, and the same
    server.put("recordings", **{key(changed.name): removed.read_bytes()})
    server.client.delete_object(Bucket="recordings", Key=key(removed.name))
    server.put("recordings", **{key("Song #1?.wav"): changed.read_bytes()})
    server.put("recordings", **{"tables/labels.csv": b"file,mood\nSong #1?,wild\n"})
    server.asked()
    counts = job_counts(finished.run("corpora").stderr)
    assert server.asked() == (1, 2 + 1)
    assert {name: counts[name] for name in ONE_BUCKET} == ONE_BUCKET
    assert counts["fetch_labels"] == 1
    names = [changed.name, same.name, last.name, "Song #1?.wav"]
    assert moods(finished) == dict.fromkeys(names, "") | {names[-1]: "wild"}
    assert finished.planned("corpora") == NOTHING


def test_the_process_of_a_job_asks_for_no_listing(finished, server):
    server.asked()
    done = finished.run("results/songs/source/00.csv", "--force", "--mode", "remote", "--nolock")
    assert "fetching the recordings of songs, bucket 00" in done.stderr
    assert server.asked() == (0, 0)


def test_a_key_on_the_command_line_is_refused(finished):
    done = finished.run("corpora", "-n", "--storage-s3-secret-key", "mine", check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in said
    assert "--storage-s3-secret-key stands on the command line" in said and "mine" not in said


def test_a_server_that_is_away_is_one_clear_error(finished, monkeypatch):
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    done = finished.run("corpora", "-n", check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in said
    assert "corpora.songs.source" in said and "ENDPOINT_URL" in said

"""Remote sources without the workflow: listing, fetching, what can go wrong."""

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from s3_server import KEYS, s3_server
from snakemake_interface_common.plugin_registry.plugin import TaggedSettings
from snakemake_storage_plugin_s3 import StorageProviderSettings

from soundmill.config import load_config
from soundmill.corpus import fetching, remote_listing
from soundmill.corpus.decode import decode_bucket
from soundmill.corpus.decode_options import DecodeOptions
from soundmill.corpus.fetching import fetch_bucket, fetch_file
from soundmill.corpus.listing import list_source, normalise_bucket
from soundmill.corpus.manifest import write_manifest
from soundmill.corpus.names import bucket_names, bucket_of, slug
from soundmill.corpus.options import LabelOptions
from soundmill.corpus.remote_listing import (
    Listed,
    RemoteEntry,
    kept_digest,
    remote_digests,
    remote_file_digest,
    sort_objects,
)
from soundmill.corpus.store import share_settings
from soundmill.errors import InputError
from soundmill.status import read_table, write_table

BUCKETS = 3


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def server(running, monkeypatch, tmp_path):
    """The server with an empty bucket, its keys in the environment, an empty folder to work in."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    running.create("music")
    running.asked()
    return running


def digests(source="s3://music/p"):
    return remote_digests(source, BUCKETS, "state", "corpora.x.source")


def fetch_all(source="s3://music/p"):
    """List and fetch; return the counts summed over buckets, and all rows by path."""
    counts, rows = [], {}
    for bucket in digests(source):
        table = f"source/{bucket}.csv"
        counts.append(fetch_bucket(f"state/{bucket}.csv", f"source/{bucket}", table, "cache", "x"))
        rows.update((row["path"], row) for row in read_table(table))
    return tuple(map(sum, zip(*counts, strict=True))), rows


def bucket(path):
    return {bucket_of(slug(path), BUCKETS)}


def build(source, out, fetched):
    """Build a corpus in process and return its manifest."""
    tables = []
    for name in bucket_names(BUCKETS):
        names, table = f"{out}/names/{name}.csv", f"{out}/recordings/{name}.csv"
        here = f"source/{name}.csv" if fetched else None
        normalise_bucket(source, name, BUCKETS, names, f"{out}/{name}.csv", "x", here)
        decode_bucket(names, f"{out}/wav/{name}", table, f"{out}/cache", DecodeOptions(), "code")
        tables.append(table)
    write_manifest(tables, f"{out}/manifest.csv", LabelOptions(folders=True), source)
    return Path(out, "manifest.csv").read_text()


@pytest.fixture
def folder(tone):
    """A folder with good and bad recordings and other things."""
    for number, name in enumerate(["Été/a.wav", "Été/B c.flac", "x.wav/y.ogg", "Song #1?&%20.wav"]):
        tone(Path("folder", name), hertz=300 + 50 * number)
    files = {"Été/words.mp3": b"no music" * 99, "empty.wav": b"", "cover.jpg": b"1"}
    files |= {".t/a.wav": b"2", ".t/b": b"3", "Été/.DS_Store": b"4"}
    for name, data in files.items():
        Path("folder", name).parent.mkdir(exist_ok=True)
        Path("folder", name).write_bytes(data)
    return Path("folder")


def test_a_server_gives_what_a_folder_gives(server, folder):
    server.upload("music", "p", folder)
    server.put("music", **{"p/Été/": b"", "p/": b"", "pp/other.wav": b"5"})
    assert fetch_all("s3://music/p/")[0] == (6, 0, 0)
    assert server.asked() == (1, 6)
    here, there = build("folder", "a", False), build("s3://music/p/", "b", True)
    assert there.count("s3://music/p/") == here.count("folder/") > 8
    assert there.replace("s3://music/p/", "folder/") == here
    wav = [sorted(Path(out, "wav").rglob("*.wav")) for out in "ab"]
    assert len(wav[0]) == 4
    assert [path.read_bytes() for path in wav[0]] == [path.read_bytes() for path in wav[1]]


def test_folders_and_servers_mix_in_one_corpus(server, tone):
    data = tone("here/one.wav").read_bytes()
    server.put("music", **{"p/one.wav": data + b"1", "q/two.wav": data + b"2"})
    sources = ["here", "s3://music/p", "s3://music"]
    assert [entry.path for entry in list_source(sources)] == ["here/one.wav"]
    counts, rows = fetch_all(sources)
    assert counts == (3, 0, 0)
    assert set(rows) == {"p/one.wav", "music/p/one.wav", "music/q/two.wav"}
    text = build(sources, "out", True)
    assert "here/one.wav," in text and "s3://music/q/two.wav," in text


def test_digests_change_with_their_bucket_alone(server):
    server.put("music", **{f"p/song {n}.wav": bytes([n]) * 9 for n in range(9)})
    before = digests()
    stamps = {path: path.stat().st_mtime_ns for path in Path("state").iterdir()}
    server.put("music", **{"p/song 0.wav": bytes(9), "p/notes.txt": b"1"})
    assert {name for name, one in digests().items() if one != before[name]} == bucket("notes.txt")
    server.client.delete_object(Bucket="music", Key="p/notes.txt")
    server.put("music", **{"p/song 1.wav": b"otherwise"})
    assert {name for name, one in digests().items() if one != before[name]} == bucket("song 1.wav")
    server.put("music", **{"p/song 1.wav": bytes([1]) * 9})
    assert digests() == before
    server.client.delete_object(Bucket="music", Key="p/song 2.wav")
    assert {name for name, one in digests().items() if one != before[name]} == bucket("song 2.wav")
    touched = {path for path in stamps if path.stat().st_mtime_ns != stamps[path]}
    assert len(touched) < len(stamps)


def test_only_what_is_new_is_transferred(server):
    server.put("music", **{f"p/song {n}.wav": bytes([n]) * 9 for n in range(4)})
    assert fetch_all()[0] == (4, 0, 0)
    server.put("music", **{"p/song 1.wav": b"different", "p/song 9.wav": b"added"})
    server.client.delete_object(Bucket="music", Key="p/song 2.wav")
    server.asked()
    counts, rows = fetch_all()
    assert counts == (2, 2, 0) and server.asked() == (1, 2)
    assert set(rows) == {f"song {n}.wav" for n in (0, 1, 3, 9)}
    assert Path(rows["song 1.wav"]["file"]).read_bytes() == b"different"
    assert {str(path) for path in Path("source").glob("*/*")} == {
        row["file"] for row in rows.values()
    }


def test_more_than_a_page_is_listed(server, monkeypatch):
    monkeypatch.setattr(remote_listing, "PAGE", 2)
    server.put("music", **{f"p/{n}.wav": b"" for n in range(5)})
    digests()
    assert sum(len(read_table(path)) for path in Path("state").glob("*.csv")) == 5
    assert server.asked()[0] == 3


def test_an_object_that_is_gone_changed_or_forbidden_is_a_row_with_a_reason(server):
    server.put("music", **{f"p/{name}.wav": b"abc" for name in ("fine", "gone", "new", "secret")})
    digests()
    server.client.delete_object(Bucket="music", Key="p/gone.wav")
    server.put("music", **{"p/new.wav": b"xyz"})
    server.forbid("music", "p/secret.wav")
    rows = {}
    for name in bucket_names(BUCKETS):
        fetch_bucket(f"state/{name}.csv", f"source/{name}", f"source/{name}.csv", "cache")
        rows |= {row["path"]: row for row in read_table(f"source/{name}.csv")}
    assert {path: row["status"] for path, row in rows.items()} == {
        "fine.wav": "ok", "gone.wav": "rejected", "new.wav": "rejected", "secret.wav": "rejected"
    }  # fmt: skip
    assert "gone since it was listed" in rows["gone.wav"]["reason"]
    assert "changed since it was listed" in rows["new.wav"]["reason"]
    assert "may not be read" in rows["secret.wav"]["reason"]


@pytest.mark.parametrize(
    ("source", "variables", "said"),
    [
        ("s3://nowhere/p", {}, ["'nowhere'", "there is no bucket"]),
        ("s3://music/albms", {}, ["no recording", "did you mean 's3://music/albums'"]),
        ("s3://music/albums/a.wav", {}, ["is an object"]),
        ("s3://music/texts", {}, ["no recording", "1 x .txt"]),
        (["s3://music/albums", "s3://music/albums/"], {}, ["given twice"]),
        ("s3://music/albums", {"SNAKEMAKE_STORAGE_S3_ACCESS_KEY": ""},
         ["no credentials", "SNAKEMAKE_STORAGE_S3_ACCESS_KEY", "AWS_ACCESS_KEY_ID"]),
        ("s3://music/albums", {"SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": "http://127.0.0.1:9"},
         ["cannot be reached", "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", "--storage-s3-endpoint-url"]),
        ("s3://music/albums", {"SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": "127.0.0.1"},
         ["127.0.0.1", "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_remedy(
    server, monkeypatch, source, variables, said
):
    server.put("music", **{"albums/a.wav": b"1", "texts/a.txt": b"2"})
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if "SNAKEMAKE_STORAGE_S3_ACCESS_KEY" in variables:
        monkeypatch.delenv("SNAKEMAKE_STORAGE_S3_SECRET_KEY")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("HOME", ".")
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_RETRIES", "1")
    with pytest.raises(InputError) as error:
        digests(source)
    for words in ["corpora.x.source", *said]:
        assert words in str(error.value)


def test_refused_credentials_stop_listing_and_fetching(server):
    server.put("music", **{"p/a.wav": b"1"})
    name = next(iter(bucket("a.wav")))
    digests()
    server.require_credentials(True)
    try:
        with pytest.raises(
            InputError, match=r"refuses the credentials.*AWS_ACCESS_KEY_ID"
        ) as first:
            digests()
        with pytest.raises(InputError, match="refuses the credentials") as second:
            fetch_bucket(f"state/{name}.csv", f"source/{name}", f"source/{name}.csv", "cache")
    finally:
        server.require_credentials(False)
    for key in ("SNAKEMAKE_STORAGE_S3_ACCESS_KEY", "SNAKEMAKE_STORAGE_S3_SECRET_KEY"):
        assert server.environment[key] not in f"{first.value} {second.value}"
    assert not Path("source", name).exists()


def test_a_machine_without_the_plugin_is_told_what_to_install(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "snakemake_storage_plugin_s3", None)
    with pytest.raises(InputError, match=r"pip install snakemake-storage-plugin-s3==0\.3\.6"):
        digests()


def test_an_interrupted_run_goes_on_where_it_was(server, monkeypatch):
    server.put("music", **{f"p/{n}.wav": bytes([n]) for n in range(5)})
    transfer = fetching._transfer

    def stop_at_the_last(client, entry, *rest):
        if entry.path == "4.wav":
            raise KeyboardInterrupt
        transfer(client, entry, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "CONNECTIONS", 1)
        patch.setattr(fetching, "_transfer", stop_at_the_last)
        monkeypatch.setattr(f"{__name__}.BUCKETS", 1)
        with pytest.raises(KeyboardInterrupt):
            fetch_all()
    assert server.asked() == (1, 4) and not Path("source/00").exists()
    assert fetch_all()[0] == (1, 4, 0)


@pytest.fixture
def breaking(monkeypatch):
    """A server that ends each answer after four bytes, but tells the whole length."""
    body, ranges = b"0123456789", []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            start = int((self.headers["Range"] or "bytes=0-").split("=")[1].rstrip("-"))
            ranges.append(start)
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-9/10")
            self.send_header("ETag", '"x"')
            self.send_header("Content-Length", str(10 - start))
            self.end_headers()
            self.wfile.write(body[start : start + 4])
            self.close_connection = True

        def log_message(self, *_):
            """Say nothing."""

    monkeypatch.setattr(fetching.time, "sleep", lambda seconds: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ACCESS_KEY", "a")
        monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_SECRET_KEY", "b")
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", url)
        yield body, ranges
        server.shutdown()


def listed(size, etag):
    entry = RemoteEntry("a.wav", "s3://b/a.wav", size, etag)
    write_table("l.csv", [entry._asdict()], RemoteEntry._fields)


def test_a_transfer_that_breaks_off_is_taken_up_again(breaking, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    body, ranges = breaking
    listed(10, '"x"')
    assert fetch_bucket("l.csv", "out", "out.csv", "cache") == (1, 0, 0)
    assert Path("out/a.wav").read_bytes() == body and ranges == [0, 4, 8]


@pytest.mark.parametrize(("size", "etag"), [(10, '"y"'), (9, '"x"')])
def test_a_server_that_knows_no_conditions_gives_no_wrong_file(
    breaking, tmp_path, monkeypatch, size, etag
):
    monkeypatch.chdir(tmp_path)
    listed(size, etag)
    assert fetch_bucket("l.csv", "out", "out.csv", "cache") == (0, 0, 1)
    assert "changed since it was listed" in read_table("out.csv")[0]["reason"]


def test_a_partial_transfer_never_counts(breaking, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetching, "ATTEMPTS", 2)
    listed(10, '"x"')
    with pytest.raises(InputError, match="cannot be reached"):
        fetch_bucket("l.csv", "out", "out.csv", "cache")
    assert not Path("out").exists() and not list(Path("cache").rglob("*.wav"))


def test_keys_that_no_file_could_have_are_recordings_all_the_same():
    keys = ["a//b.wav", "..wav", "x/../y.wav", "n.wav", "n.wav/m.wav", "line\nbreak.wav", "e/"]
    entries = list(sort_objects((Listed(f"p/{key}", 1, "e") for key in keys), "s3://b/p"))
    assert {entry.path: entry.status for entry in entries} == {
        "a//b.wav": "ok", "..wav": "ignored", "x/..": "ignored", "n.wav": "ok", "n.wav/m.wav": "ok",
        "line\nbreak.wav": "ok",
    }  # fmt: skip


def test_settings_of_the_command_line_reach_jobs_but_keys_must_come_from_the_environment(
    server, monkeypatch
):
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", "set back when the test ends")
    settings = {"endpoint_url": server.url, "access_key": KEYS["SNAKEMAKE_STORAGE_S3_ACCESS_KEY"]}
    share_settings(tagged(**settings))
    assert os.environ["SNAKEMAKE_STORAGE_S3_ENDPOINT_URL"] == server.url
    with pytest.raises(InputError, match="--storage-s3-secret-key") as error:
        share_settings(tagged(secret_key="hidden"))
    assert "hidden" not in str(error.value)
    share_settings(None)


def tagged(**settings):
    gathered = TaggedSettings()
    gathered.register_settings(StorageProviderSettings(**settings))
    return gathered


def test_a_table_of_labels_is_fetched_and_its_digest_tells_versions(server):
    place = "corpora.x.labels.csv"
    with pytest.raises(InputError, match=r"corpora.x.labels.csv: there is no 's3://music/l.csv'"):
        remote_file_digest("s3://music/l.csv", "state.csv", place)
    server.put("music", **{"l.csv": b"one"})
    first = remote_file_digest("s3://music/l.csv", "state.csv", place)
    assert remote_file_digest("s3://music/l.csv", "state.csv", place) == first
    server.put("music", **{"l.csv": b"two"})
    with pytest.raises(InputError, match=r"corpora.x.labels.csv.*changed since it was listed"):
        fetch_file("state.csv", "labels.csv", place)
    second = remote_file_digest("s3://music/l.csv", "state.csv", place)
    assert second != first and kept_digest("state.csv") == second
    fetch_file("state.csv", "labels.csv", place)
    assert Path("labels.csv").read_bytes() == b"two"


@pytest.mark.parametrize(
    "options",
    [
        {"images": {"x": {"source": "s3://music/p"}}},
        {"images": {"x": {"source": "folder", "labels": {"csv": "s3://music/l.csv"}}}},
        {"corpora": {"x": {"source": "folder", "truth": "s3://music/midi"}}},
    ],
)
def test_what_cannot_lie_on_a_server_is_refused(options):
    with pytest.raises(InputError, match="only recordings and their labels"):
        load_config(options)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("https://host/songs", "s3://bucket/prefix"),
        ("gs://bucket/songs", "s3://bucket/prefix"),
        ("S3://bucket/songs", "s3://bucket/prefix"),
        ("s3:/bucket/songs", "s3://bucket/prefix"),
        ("s3://", "names no bucket"),
        ("s3://KEY:SECRET@bucket/prefix", "holds no credentials"),
        ("https://KEY:SECRET@host/prefix", "s3://bucket/prefix"),
        (["songs", "gs://bucket/songs"], "s3://bucket/prefix"),
    ],
)
def test_other_addresses_are_refused(source, said):
    with pytest.raises(InputError) as error:
        load_config({"corpora": {"x": {"source": source}}})
    assert said in str(error.value) and "corpora.x.source" in str(error.value)
    assert "SECRET@" not in str(error.value)

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soundmill.corpus import listing
from soundmill.corpus.listing import bucket_digests, list_source, normalise_bucket
from soundmill.corpus.names import bucket_names, bucket_of, slug
from soundmill.errors import InputError
from soundmill.status import read_table

BUCKETS = 4


def put(folder, **contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.wav").write_bytes(content)
    return folder


def digests(folder, state):
    return bucket_digests(list_source(str(folder)), BUCKETS, state)


def run_jobs(folder, state, only=None):
    for bucket in only or bucket_names(BUCKETS):
        normalise_bucket(
            str(folder), bucket, BUCKETS, state / f"n{bucket}.csv", state / f"{bucket}.csv"
        )


def changed(before, after):
    return {bucket for bucket in before if before[bucket] != after[bucket]}


def set_time(path, seconds):
    os.utime(path, (seconds, seconds))


@pytest.fixture
def corpus(tmp_path):
    """Eight recordings in four buckets, listed and named once."""
    folder = put(tmp_path / "in", **{f"song{n}": bytes([n]) * 100 for n in range(8)})
    state = tmp_path / "state"
    before = digests(folder, state)
    run_jobs(folder, state)
    return folder, state, before


def bucket(name):
    return {bucket_of(slug(name), BUCKETS)}


def test_digests_are_equal_before_and_after_the_jobs_wrote_their_index(corpus):
    folder, state, before = corpus
    assert digests(folder, state) == before
    run_jobs(folder, state)
    assert digests(folder, state) == before


def test_touching_a_recording_changes_nothing(corpus):
    folder, state, before = corpus
    set_time(folder / "song1.wav", 1_000_000)
    assert digests(folder, state) == before
    run_jobs(folder, state)
    assert digests(folder, state) == before


def test_a_changed_byte_changes_its_bucket(corpus):
    folder, state, before = corpus
    (folder / "song1.wav").write_bytes(b"x" * 100)
    set_time(folder / "song1.wav", 1_000_000)
    after = digests(folder, state)
    assert changed(before, after) == bucket("song1")
    assert digests(folder, state) == after  # also before the job ran
    run_jobs(folder, state)
    assert digests(folder, state) == after
    set_time(folder / "song1.wav", 2_000_000)  # and the new content is the one to compare with
    assert digests(folder, state) == after


def test_a_changed_size_an_added_and_a_removed_file_change_their_buckets(corpus):
    folder, state, before = corpus
    (folder / "song2.wav").write_bytes(b"longer" * 100)
    assert changed(before, digests(folder, state)) == bucket("song2")
    (folder / "song2.wav").write_bytes(bytes([2]) * 100)
    set_time(folder / "song2.wav", 3_000_000)
    assert digests(folder, state) == before
    put(folder, added=b"a")
    assert changed(before, digests(folder, state)) == bucket("added")
    (folder / "added.wav").unlink()
    (folder / "song3.wav").unlink()
    assert changed(before, digests(folder, state)) == bucket("song3")


def test_touched_files_beyond_the_budget_count_as_changed_now_and_later(corpus, monkeypatch):
    folder, state, before = corpus
    for number in range(8):
        set_time(folder / f"song{number}.wav", 1_000_000)
    monkeypatch.setattr(listing, "REHASH_BUDGET", 250)  # two of eight
    after = digests(folder, state)
    assert 0 < len(changed(before, after)) <= BUCKETS
    monkeypatch.undo()
    assert digests(folder, state) == after
    run_jobs(folder, state)
    assert digests(folder, state) == after


def test_known_contents_are_not_read_again(corpus, monkeypatch):
    folder, state, _ = corpus
    read = []
    real = listing.sha256_file
    monkeypatch.setattr(listing, "sha256_file", lambda path: read.append(path) or real(path))
    put(folder, added=b"a")
    run_jobs(folder, state)
    digests(folder, state)
    assert read == [f"{folder}/added.wav"]


def test_a_damaged_index_only_costs_a_new_look(corpus):
    folder, state, before = corpus
    for path in state.glob("0*.csv"):
        path.write_text("path,size,mtime_ns,stamp_ns,sha256\nsong1.wav,100\n\0\n")
    assert digests(folder, state) == before
    run_jobs(folder, state)
    assert digests(folder, state) == before


def test_an_unwritable_state_folder_does_no_harm(corpus, monkeypatch):
    folder, state, before = corpus
    set_time(folder / "song1.wav", 1_000_000)

    def refuse(*_):
        raise PermissionError("read-only")

    monkeypatch.setattr(listing, "write_table", refuse)
    assert digests(folder, state) == before


def test_every_path_lies_in_one_bucket_with_the_way_back(tmp_path):
    names = ["--x", "a b", "Ünï", "'q\"", "new\nline", "car\rriage", "semi;colon,comma", "🎵"]
    folder = put(tmp_path / "in", **{name: name.encode() for name in names})
    latin = os.fsencode(folder) + b"/caf\xe9.wav"
    Path(os.fsdecode(latin)).write_bytes(b"latin")
    state = tmp_path / "state"
    run_jobs(folder, state)
    rows = [row for bucket in bucket_names(BUCKETS) for row in read_table(state / f"n{bucket}.csv")]
    assert len({row["id"] for row in rows}) == len(rows) == 9
    assert {Path(row["source"]).read_bytes() for row in rows} == {
        b"latin", *(name.encode() for name in names)
    }  # fmt: skip


def test_ignored_files_have_a_row_with_a_reason_and_no_id(tmp_path):
    folder = put(tmp_path / "in", song=b"x")
    for name in ("cover.jpg", "LICENCES.md", "README", ".DS_Store", "._song.wav"):
        (folder / name).write_bytes(b"")
    put(folder / ".git", hidden=b"")
    rows = {entry.path: entry for entry in list_source(str(folder))}
    assert rows["song.wav"].status == "ok"
    assert ".jpg" in rows["cover.jpg"].reason and "none" in rows["README"].reason
    assert all(rows[name].status == "ignored" for name in rows if name != "song.wav")
    assert ".git/hidden.wav" not in rows and "hidden" in rows[".git"].reason
    before = digests(folder, tmp_path / "state")
    run_jobs(folder, tmp_path / "state")
    tables = [read_table(tmp_path / f"state/n{bucket}.csv") for bucket in bucket_names(BUCKETS)]
    assert [row["id"] for table in tables for row in table if row["id"]] == ["song"]
    (folder / "cover.jpg").write_bytes(b"another picture")
    assert digests(folder, tmp_path / "state") == before


def test_links_are_followed_once_and_never_in_circles(tmp_path):
    folder = put(tmp_path / "in", song=b"x")
    put(folder / "sub", deep=b"d")
    outside = put(tmp_path / "outside", far=b"y")
    (outside / "back").symlink_to(folder)
    (folder / "linked").symlink_to(outside)
    (folder / "again").symlink_to(outside)
    (folder / "sub/up").symlink_to("..")
    (folder / "world").symlink_to(tmp_path)
    (folder / "inner").symlink_to("sub")
    (folder / "file.wav").symlink_to(outside / "far.wav")
    (folder / "gone.wav").symlink_to("nowhere.wav")
    (folder / "self.wav").symlink_to("self.wav")
    (folder / "gone.txt").symlink_to("nowhere.txt")
    rows = {entry.path: entry for entry in list_source(str(folder))}
    found = {path for path, entry in rows.items() if entry.status == "ok"}
    assert found == {"song.wav", "sub/deep.wav", "file.wav", "again/far.wav"}
    for path in ("sub/up", "world"):
        assert rows[path].status == "rejected" and "loop" in rows[path].reason
    assert "loop" in rows["again/back"].reason or rows["again/back"].status == "ignored"
    assert rows["linked"].status == rows["inner"].status == "ignored"
    assert rows["gone.wav"].status == "rejected" and "nowhere.wav" in rows["gone.wav"].reason
    assert rows["self.wav"].status == "rejected" and rows["gone.txt"].status == "ignored"


def test_a_link_to_what_holds_another_source_is_not_followed(tmp_path):
    one = put(tmp_path / "one", song=b"1")
    two = put(tmp_path / "shelf/two", song=b"2")
    (one / "shelf").symlink_to(tmp_path / "shelf")
    rows = {entry.path: entry for entry in list_source([str(one), str(two)])}
    assert sorted(rows) == ["one/shelf", "one/song.wav", "two/song.wav"]
    assert rows["one/shelf"].status == "rejected"


def test_a_pipe_is_not_opened(tmp_path):
    folder = put(tmp_path / "in", song=b"x")
    os.mkfifo(folder / "pipe.wav")
    rows = {entry.path: entry for entry in list_source(str(folder))}
    assert rows["pipe.wav"].status == "rejected" and "pipe" in rows["pipe.wav"].reason


def test_several_folders_keep_their_files_apart(tmp_path):
    one, two = put(tmp_path / "one", song=b"1"), put(tmp_path / "two", song=b"2")
    paths = [entry.path for entry in list_source([str(one), f"{two}/"])]
    assert paths == ["one/song.wav", "two/song.wav"]
    three = put(tmp_path / "sub" / "one", song=b"3")
    assert len({entry.path for entry in list_source([str(one), str(three)])}) == 2
    with pytest.raises(InputError, match="are one folder"):
        list_source([str(one), f"{tmp_path}/two/../one"])


def test_sources_are_named_as_the_user_named_the_folder(tmp_path, monkeypatch):
    put(tmp_path / "in", song=b"1")
    monkeypatch.chdir(tmp_path)
    assert [entry.source for entry in list_source("in/")] == ["in/song.wav"]


def test_listing_imports_nothing_heavy():
    code = (
        "import sys, soundmill.corpus.listing;"
        "print([m for m in ('numpy', 'pandas', 'pydantic', 'soundfile') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

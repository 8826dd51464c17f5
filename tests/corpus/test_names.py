import random
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soundmill.corpus.names import audio_suffix, bucket_names, bucket_of, normalise_names, slug

# every character, lone surrogates too: they stand for bytes that are not UTF-8
ANY_NAME = st.text(st.characters(codec=None), min_size=1, max_size=40)
# few letters, so that names collide, also with each other's ids
TIGHT_NAME = st.text("aA-_. é", min_size=1, max_size=4)
PATHS = st.lists(
    st.one_of(ANY_NAME, TIGHT_NAME, st.lists(TIGHT_NAME, max_size=3).map("/".join)), max_size=20
)
FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


def normalise_by_bucket(paths, buckets):
    """As the pipeline does it: each bucket alone."""
    ids = {}
    for bucket in bucket_names(buckets):
        ids |= normalise_names(path for path in paths if bucket_of(slug(path), buckets) == bucket)
    return ids


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("01 - Été à la mer.MP3", "01-ete-a-la-mer"),
        ("Artist/Album (Live)/03_Song #1 & more.flac", "artist-album-live-03-song-1-more"),
        ("Let's Go Fishin'.mp3", "lets-go-fishin"),
        ("夜の音.wav", "yenoyin"),
        ("🎵.ogg", "musical-note"),
        ("--help.mp3", "help"),
        ("../../etc/passwd.wav", "etc-passwd"),
        ("two\nlines.wav", "two-lines"),
        ("caf\udce9.mp3", "cafe"),  # Latin-1 bytes
        ("cafe\u0301.mp3", "cafe"),  # decomposed, as macOS stores it
        ("'\"&.mp3", "untitled"),
        ("CON.mp3", "con-file"),
        ("song.v2", "song-v2"),
        ("take--0123abcd.wav", "take--0123abcd"),
        ("Take--0123ABCD.wav", "take-0123abcd"),
    ],
)
def test_slug(path, expected):
    assert slug(path) == expected


def test_long_names_are_cut_and_stay_apart():
    paths = ["x" * 300 + ".mp3", "x" * 301 + ".mp3", "x" * 71]
    ids = normalise_names(paths)
    assert len(set(ids.values())) == 3
    assert all(len(name) == 80 for name in ids.values())
    assert len({bucket_of(slug(path), 1000) for path in paths}) == 1
    assert slug(paths[0]) == ids[paths[0]]  # whether or not there are others


def test_each_attempt_draws_another_hash():
    from soundmill.corpus.names import _with_hash

    assert len({_with_hash("a", "path", attempt) for attempt in range(1, 9)}) == 8


def test_colliding_names_all_get_a_suffix():
    ids = normalise_names(["Song.mp3", "song.MP3", "söng.wav", "other.mp3"])
    assert ids["other.mp3"] == "other"
    assert len(set(ids.values())) == 4
    assert all(re.fullmatch("song--[0-9a-f]{8}", ids[name]) for name in ids if name[0] in "Ss")


def test_a_file_that_is_called_like_anothers_id():
    taken = normalise_names(["Song.mp3", "song.mp3"])["Song.mp3"]
    paths = ["Song.mp3", "song.mp3", f"{taken}.wav"]
    for buckets in (1, 7):
        assert len(set(normalise_by_bucket(paths, buckets).values())) == 3


@given(PATHS)
@example(["", "/", ".", "..", "con", "con-file", "CON", "nul.wav"])
def test_ids_are_safe_file_names(paths):
    for path, name in normalise_names(paths).items():
        assert FILE_NAME.fullmatch(name), (path, name)
        assert not re.fullmatch(r"con|prn|aux|nul|com\d|lpt\d", name)


@given(PATHS, st.integers(1, 40), st.randoms(use_true_random=False))
def test_ids_are_unique_over_all_buckets_and_independent_of_order(paths, buckets, random_order):
    ids = normalise_by_bucket(paths, buckets)
    assert len(set(ids.values())) == len(ids) == len(set(paths))
    shuffled = list(paths)
    random_order.shuffle(shuffled)
    assert normalise_by_bucket(shuffled, buckets) == ids == normalise_names(paths)


@given(PATHS)
def test_ids_normalise_to_themselves(paths):
    ids = normalise_names(paths).values()
    assert normalise_names(ids) == {name: name for name in ids}
    assert all(bucket_of(name, 16) == bucket_of(slug(path), 16) for path, name in
               normalise_names(paths).items())  # fmt: skip


def test_hash_collisions_are_settled(monkeypatch):
    from soundmill.corpus import names

    def weak(base, path, attempt=1):  # two digits: among 60 names some collide
        digest = random.Random(f"{attempt}:{path}").randrange(256)
        return f"{base}--{digest:08x}"

    monkeypatch.setattr(names, "_with_hash", weak)
    paths = ["!" * n + "a.mp3" for n in range(60)]
    ids = normalise_names(paths)
    assert len(set(ids.values())) == 60
    assert ids == normalise_names(reversed(paths))


def test_buckets_are_stable_and_even():
    assert bucket_names(16)[-1] == "15" and bucket_names(1000)[7] == "007"
    assert bucket_of("song", 16) == bucket_of("song--0123abcd", 16) == "14"
    counts = [0] * 16
    for number in range(8000):
        counts[int(bucket_of(f"piece-{number}", 16))] += 1
    assert min(counts) > 400 and max(counts) < 600


def test_audio_suffix():
    assert audio_suffix("a.MP3") == "mp3"
    assert audio_suffix(".mp3") == audio_suffix("mp3") == audio_suffix("cover.jpg") == ""

"""The cache: hits, misses, damage, rejections, several writers."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from soundmill.cache import Cache, summarise

CONTENT = "0" * 64


def writer(text, calls):
    def build(path):
        calls.append(text)
        path.write_text(text)
        return {"status": "ok", "said": text}

    return build


def test_the_second_fetch_computes_nothing(tmp_path):
    calls = []
    for turn in range(2):
        cache = Cache(tmp_path / "cache", "decode", {"rate": 1}, "code")
        meta = cache.fetch(CONTENT, tmp_path / f"{turn}.txt", writer("a", calls))
        assert meta == {"status": "ok", "said": "a"}
        assert (tmp_path / f"{turn}.txt").read_text() == "a"
    assert calls == ["a"]
    assert (cache.hits, cache.misses) == (1, 0)


@pytest.mark.parametrize(
    "other",
    [
        ("decode", {"rate": 2}, "code"),
        ("decode", {"rate": 1}, "edited"),
        ("other", {"rate": 1}, "code"),
    ],
)
def test_stage_options_and_code_are_part_of_the_key(tmp_path, other):
    calls = []
    Cache(tmp_path, "decode", {"rate": 1}, "code").fetch(
        CONTENT, tmp_path / "a", writer("a", calls)
    )
    Cache(tmp_path, *other).fetch(CONTENT, tmp_path / "b", writer("b", calls))
    assert calls == ["a", "b"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "meta", "meta_type"])
def test_a_damaged_entry_is_computed_again(tmp_path, damage):
    cache = Cache(tmp_path / "cache", "decode", {}, "code")
    calls = []
    cache.fetch(CONTENT, tmp_path / "a.txt", writer("abc", calls))
    (payload,) = (tmp_path / "cache").rglob("*.txt")
    (entry,) = (tmp_path / "cache").rglob("*.json")
    content = {"flip": b"abd", "truncate": b"ab"}
    if damage == "remove":
        payload.unlink()
    elif damage.startswith("meta"):
        entry.write_text("{" if damage == "meta" else "[]")
    else:
        payload.unlink()
        payload.write_bytes(content[damage])
    cache.fetch(CONTENT, tmp_path / "b.txt", writer("abc", calls))
    assert calls == ["abc", "abc"]
    assert (tmp_path / "b.txt").read_text() == "abc"
    assert cache.fetch(CONTENT, tmp_path / "c.txt", writer("abc", calls))
    assert len(calls) == 2


def test_a_rejection_is_kept_without_a_payload(tmp_path):
    cache = Cache(tmp_path / "cache", "decode", {}, "code")
    for _ in range(2):
        meta = cache.fetch(CONTENT, tmp_path / "a.txt", lambda path: {"status": "rejected"})
        assert meta == {"status": "rejected"}
    assert (cache.hits, cache.misses) == (1, 1)
    assert not (tmp_path / "a.txt").exists()


def test_a_failure_stores_nothing(tmp_path):
    cache = Cache(tmp_path / "cache", "decode", {}, "code")

    def fail(path):
        path.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        cache.fetch(CONTENT, tmp_path / "a.txt", fail)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_many_writers_of_one_entry(tmp_path):
    cache = Cache(tmp_path / "cache", "decode", {}, "code")

    def fetch(turn):
        return cache.fetch(CONTENT, tmp_path / f"{turn}.txt", writer("x" * 10_000, []))

    with ThreadPoolExecutor(8) as pool:
        assert len({str(meta) for meta in pool.map(fetch, range(40))}) == 1
    assert all((tmp_path / f"{turn}.txt").stat().st_size == 10_000 for turn in range(40))
    assert summarise(tmp_path / "cache")[0]["entries"] == 1

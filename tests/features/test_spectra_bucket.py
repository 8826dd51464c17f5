"""Buckets of spectra: cached, joined on disk, read through the store; the same for copies."""

import pickle
import re

import numpy as np
import pytest
from features import sounds

from soundmill.audio.perturbation_options import Gain, Noise, TimeStretch
from soundmill.errors import InputError
from soundmill.features import augmented_bucket, spectra_bucket
from soundmill.features.augmented_bucket import augment_bucket
from soundmill.features.spectra import spectrum
from soundmill.features.spectra_bucket import compute_spectra_bucket
from soundmill.features.spectra_options import SpectraOptions
from soundmill.features.spectra_store import SpectraStore
from soundmill.status import read_table

SOUNDS = {
    "long": sounds.music(1.3, 1),
    "silent": np.zeros(9000, np.float32),
    "gone": None,
    "nan": np.full(9000, np.nan, np.float32),
    "empty": np.zeros(0, np.float32),
    "short": sounds.music(0.01, 2),
}
GOOD = ["long", "silent", "short"]


@pytest.fixture
def bucket(tmp_path):
    """Return functions that compute spectra, or copies, of recordings into a named folder."""

    class Bucket:
        def run(
            self, folder="out", sounds_=SOUNDS, *, options=None, threads=1, code="1", **changes
        ):
            sounds.write_bucket(tmp_path / "wav", sounds_, tmp_path / "recordings.csv")
            out = tmp_path / folder
            work = augment_bucket if changes else compute_spectra_bucket
            work(
                tmp_path / "recordings.csv", tmp_path / "wav", out / "00.npy", out / "00.csv",
                cache=tmp_path / "cache", options=options or SpectraOptions(), code=code,
                threads=threads, **changes,
            )  # fmt: skip
            assert sorted(path.name for path in out.iterdir()) == ["00.csv", "00.npy"]
            return out / "00.npy", out / "00.csv"

    return Bucket()


def contents(pair):
    return [path.read_bytes() for path in pair]


def computed(caplog):
    """Return (computed, known) as the last line of the log says."""
    found = re.findall(r"(\d+) (?:recordings|copies) computed, (\d+) known", caplog.text)
    return tuple(map(int, found[-1]))


def test_every_recording_has_a_spectrum_or_a_reason(bucket):
    pair = bucket.run()
    rows = {row["id"]: row for row in read_table(pair[1])}
    assert list(rows) == list(SOUNDS)
    assert [name for name, row in rows.items() if row["status"] == "ok"] == GOOD
    assert "gone.wav" in rows["gone"]["reason"]
    assert "not finite" in rows["nan"]["reason"]
    assert "no samples" in rows["empty"]["reason"]
    store = SpectraStore([pair])
    assert list(store) == GOOD and len(store) == 3 and store.bands == 64
    assert "gone" not in store and store.copies("long") == []
    for name in GOOD:
        wanted = spectrum(SOUNDS[name], SpectraOptions()).astype(np.float16)
        assert store[name].dtype == np.float16
        np.testing.assert_allclose(store[name], wanted, atol=0.07)  # a step of float16
        assert store.frames(name) == len(wanted)
        assert float(rows[name]["seconds"]) == pytest.approx(
            len(SOUNDS[name]) / sounds.RATE, abs=1e-6
        )


@pytest.mark.parametrize("kind", ["mfcc", "cqt", "waveform"])
def test_other_kinds_are_stored_alike(bucket, kind):
    options = SpectraOptions(kind=kind)
    store = SpectraStore([bucket.run(options=options)])
    wanted = spectrum(SOUNDS["long"], options)
    np.testing.assert_allclose(store["long"], wanted, rtol=1e-3, atol=0.01)


def test_one_added_recording_is_one_computed(bucket, caplog, monkeypatch):
    caplog.set_level("INFO")
    few = {name: SOUNDS[name] for name in ("long", "silent")}
    first = contents(bucket.run("a", few))
    assert computed(caplog) == (2, 0)
    heard = []
    listen = spectra_bucket.stream_audio
    monkeypatch.setattr(
        spectra_bucket, "stream_audio",
        lambda path, **options: heard.append(path.stem) or listen(path, **options),
    )  # fmt: skip
    added = contents(bucket.run("b", few | {"short": SOUNDS["short"]}))
    assert computed(caplog) == (1, 2) and heard == ["short"]
    assert contents(bucket.run("c", few, threads=3)) == first != added
    bucket.run("d", few, options=SpectraOptions(hop=400))
    assert computed(caplog) == (2, 0)
    assert contents(bucket.run("e", few, code="2")) == first
    assert computed(caplog) == (2, 0)


def test_a_bucket_without_recordings(bucket):
    store = SpectraStore([bucket.run(sounds_={})])
    assert len(store) == 0 and store.bands == 64


def test_many_buckets_are_one_store_and_no_recording_is_in_two(bucket):
    pairs = [
        bucket.run("a", {"long": SOUNDS["long"]}), bucket.run("b", {"short": SOUNDS["short"]})
    ]  # fmt: skip
    store = SpectraStore(pairs)
    assert list(store) == ["long", "short"] and len(store["short"]) == 1
    with pytest.raises(InputError, match="once more"):
        SpectraStore([*pairs, pairs[0]])
    with pytest.raises(KeyError):
        store["unknown"]


def test_a_store_maps_its_arrays_and_travels_without_them(bucket):
    store = SpectraStore([bucket.run("a", {"long": sounds.music(20)})])
    part = store["long"]
    assert not part.flags.owndata and not part.flags.writeable
    travelled = pickle.dumps(store)
    assert len(travelled) < 2000 < part.nbytes
    assert np.array_equal(pickle.loads(travelled)["long"], part)


def test_copies_differ_and_depend_on_seed_id_and_number_alone(bucket, caplog):
    caplog.set_level("INFO")
    noise = Noise(copies=2)
    pair = bucket.run("a", name="noise", augmentation=noise)
    rows = read_table(pair[1])
    assert [row["copy"] for row in rows if row["id"] == "long"] == ["1", "2"]
    assert [row["id"] for row in rows if row["status"] == "ok"] == ["long"] * 2 + [
        "silent"] * 2 + ["short"] * 2  # fmt: skip
    store = SpectraStore([pair])
    first, second = store.copies("long")
    assert first.shape == second.shape and np.abs(first - second).max() > 1
    assert "long" not in store and store.copies("gone") == []
    # another order, other neighbours, more threads, one copy more: the same copies
    order = dict(reversed([(name, SOUNDS[name]) for name in GOOD]))
    again = bucket.run("b", order, threads=3, code="2", name="noise", augmentation=Noise(copies=3))
    copies = SpectraStore([again]).copies("long")
    assert len(copies) == 3
    assert np.array_equal(copies[0], first) and np.array_equal(copies[1], second)
    for changes in ({"name": "hiss", "augmentation": noise},
                    {"name": "noise", "augmentation": Noise(seed=2)}):  # fmt: skip
        other = SpectraStore([bucket.run("c", {"long": SOUNDS["long"]}, **changes)])
        assert not np.array_equal(other.copies("long")[0], first)


def test_one_copy_more_is_one_computed(bucket, caplog, monkeypatch):
    caplog.set_level("INFO")
    only = {"long": SOUNDS["long"], "short": SOUNDS["short"]}
    bucket.run("a", only, name="gain", augmentation=Gain())
    assert computed(caplog) == (2, 0)
    bucket.run("b", only, name="gain", augmentation=Gain(copies=2))
    assert computed(caplog) == (2, 2)
    monkeypatch.setattr(augmented_bucket, "perturb", None)
    bucket.run("c", only, name="gain", augmentation=Gain(copies=2))


def test_the_index_says_how_long_a_copy_is(bucket):
    stretch = TimeStretch(low=0.5, high=0.5)
    _, index = bucket.run(name="slow", augmentation=stretch, sounds_={"long": SOUNDS["long"]})
    assert float(read_table(index)[0]["seconds"]) == pytest.approx(2.6, abs=0.01)

"""Descriptors of a bucket: two Parquet tables and a status table, cached by recording."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from features import sounds

from soundmill.features import descriptor_bucket
from soundmill.features.bank import describe_file
from soundmill.features.columns import SCHEMA_VERSION, columns
from soundmill.features.descriptor_bucket import describe_bucket
from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.status import read_table

OPTIONS = DescriptorOptions(segment_seconds=1.0, families=("spectral", "energy"))
NAMES = [column.name for column in columns(OPTIONS)]
SOUNDS = {
    "long": sounds.music(3, 1),
    "silent": np.zeros(30_000, np.float32),
    "gone": None,
    "nan": np.full(9000, np.nan, np.float32),
    "short": sounds.music(0.3, 2),
}


@pytest.fixture
def describe(tmp_path):
    """Return a function that describes recordings into a named folder."""

    def run(name="out", sounds_=SOUNDS, options=OPTIONS, threads=1, code="1"):
        sounds.write_bucket(tmp_path / "wav", sounds_, tmp_path / "recordings.csv")
        out = SimpleNamespace(
            features=tmp_path / name / "00.parquet",
            segments=tmp_path / name / "segments.parquet",
            table=tmp_path / name / "00.csv",
        )
        describe_bucket(
            tmp_path / "recordings.csv", tmp_path / "wav", **vars(out), cache=tmp_path / "cache",
            options=options, code=code, threads=threads,
        )  # fmt: skip
        out.wav = tmp_path / "wav"
        assert len(list((tmp_path / name).iterdir())) == 3
        return out

    return run


def test_tables_hold_what_the_bank_says_of_each_recording(describe, monkeypatch):
    monkeypatch.setattr(descriptor_bucket, "BATCH", 2)
    out = describe()
    rows = {row["id"]: row for row in read_table(out.table)}
    assert list(rows) == list(SOUNDS)
    assert "gone.wav" in rows["gone"]["reason"] and "finite" in rows["nan"]["reason"]
    good = [name for name, row in rows.items() if row["status"] == "ok"]
    assert good == ["long", "silent", "short"]
    features, segments = pd.read_parquet(out.features), pd.read_parquet(out.segments)
    assert list(features.columns) == ["id", *NAMES] and list(features["id"]) == good
    assert list(segments.columns) == ["id", "segment", "start", "seconds", *NAMES]
    assert {str(features[name].dtype) for name in NAMES} == {"float32"}
    for number, name in enumerate(good):
        wanted = describe_file(out.wav / f"{name}.wav", OPTIONS)
        np.testing.assert_array_equal(features.loc[number, NAMES].to_numpy("f4"), wanted.recording)
        part = segments[segments["id"] == name]
        np.testing.assert_array_equal(part[NAMES].to_numpy("f4"), wanted.segments)
        assert list(part["segment"]) == list(range(len(wanted.segments)))
        assert len(part) == int(rows[name]["segments"])
        np.testing.assert_allclose(part["start"], wanted.starts)
        np.testing.assert_allclose(part["seconds"], wanted.seconds)
    assert (segments["id"] == "long").sum() > 2


def test_tables_tell_their_options_units_and_version(describe):
    out = describe(sounds_={"short": SOUNDS["short"]})
    for path in (out.features, out.segments):
        schema = pq.read_schema(path)
        assert schema.metadata[b"soundmill.schema_version"] == str(SCHEMA_VERSION).encode()
        told = json.loads(schema.metadata[b"soundmill.options"])
        assert DescriptorOptions(**told) == OPTIONS
        for column in columns(OPTIONS):
            said = schema.field(column.name).metadata
            assert said[b"unit"].decode() == column.unit
            assert said[b"family"].decode() == column.family


def test_one_added_recording_is_one_described(describe, caplog):
    caplog.set_level("INFO")

    def computed():
        found = re.findall(r"(\d+) recordings computed, (\d+) known", caplog.text)
        return tuple(map(int, found[-1]))

    def contents(out):
        return [path.read_bytes() for path in (out.features, out.segments, out.table)]

    few = {name: SOUNDS[name] for name in ("long", "short")}
    first = contents(describe("a", few))
    assert computed() == (2, 0)
    describe("b", few | {"silent": SOUNDS["silent"]})
    assert computed() == (1, 2)
    assert contents(describe("c", few, threads=2)) == first
    assert computed() == (0, 2)
    assert contents(describe("d", few, threads=2, code="2")) == first
    assert computed() == (2, 0)
    describe("e", few, OPTIONS.model_copy(update={"hop": 256}))
    assert computed() == (2, 0)


def test_a_defect_in_one_recording_stops_nothing(describe, monkeypatch):
    def fail(path, options):
        if path.stem == "long":
            raise RuntimeError("out of luck")
        return describe_file(path, options)

    monkeypatch.setattr(descriptor_bucket, "describe_file", fail)
    rows = {row["id"]: row for row in read_table(describe().table)}
    assert rows["long"]["reason"] == "description failed (RuntimeError: out of luck)"
    assert rows["short"]["status"] == "ok"


def test_a_bucket_without_recordings(describe):
    out = describe(sounds_={})
    assert list(pd.read_parquet(out.features).columns) == ["id", *NAMES]
    assert len(pd.read_parquet(out.segments)) == 0

"""Recordings made for the tests, and the corpus line as one call."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundmill.corpus.decode import decode_bucket
from soundmill.corpus.decode_options import DecodeOptions
from soundmill.corpus.listing import list_source, normalise_bucket
from soundmill.corpus.manifest import write_manifest
from soundmill.corpus.names import bucket_names


@pytest.fixture
def tone():
    """Write a sine and return its path: tone(path, hertz=440, seconds=0.5, ...)."""

    def write(path, hertz=440.0, seconds=0.5, rate=22050, channels=1, level=0.5, **options):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(round(seconds * rate)) / rate
        wave = (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
        soundfile.write(path, np.repeat(wave[:, None], channels, axis=1), rate, **options)
        return path

    return write


@pytest.fixture
def run_corpus(tmp_path):
    """Run names, decoding and manifest over a folder; return rows by relative path."""

    def run(source, labels=None, buckets=2, threads=1, **decode):
        out = tmp_path / "out"
        list_source(source)
        tables = []
        run.counts = []
        for bucket in bucket_names(buckets):
            names, table = out / f"names/{bucket}.csv", out / f"recordings/{bucket}.csv"
            normalise_bucket(source, bucket, buckets, names, out / f"state/{bucket}.csv")
            options, wav = DecodeOptions(**decode), out / f"wav/{bucket}"
            run.counts.append(
                decode_bucket(names, wav, table, out / "cache", options, "code", threads)
            )
            tables.append(table)
        run.out = out
        rows = write_manifest(tables, out / "manifest.csv", labels, source)
        return {row["source"].removeprefix(f"{source}/"): row for row in rows}

    run.wav = lambda row: run.out / "wav" / row["bucket"] / f"{row['id']}.wav"
    return run

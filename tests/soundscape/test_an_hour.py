"""An hour of sound, streamed: as long as asked, in little memory, without seams or repetitions."""

import json
import subprocess
import sys

import pytest

MEASURE = """
import sys
from pathlib import Path
from soundmill.soundscape.evaluation_options import SoundscapeEvaluationOptions
from soundmill.soundscape.generation_options import SamplingOptions
from soundmill.soundscape.long_piece import measure_long_piece
folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
measure_long_piece(
    folder / "model", folder / "recordings.csv", folder / f"{seconds:g}.json",
    SoundscapeEvaluationOptions(long_seconds=seconds), SamplingOptions(), seed=1, threads=1,
)
"""


def long_piece(tiny, seconds):
    """Return the figures of a long piece made in a process of its own."""
    subprocess.run([sys.executable, "-c", MEASURE, tiny.folder, str(seconds)], check=True)
    return json.loads((tiny.folder / f"{seconds:g}.json").read_text())


@pytest.mark.slow
def test_an_hour_is_as_long_as_asked_and_takes_no_more_memory_than_minutes(tiny):
    minutes, hour = long_piece(tiny, 120), long_piece(tiny, 3600)
    assert hour["seconds"] == 3600
    assert hour["peak_memory_mb"] < minutes["peak_memory_mb"] + 60 < 1500
    assert not hour["seams"]["detected"]
    assert not hour["repetition"]["beyond_real"]
    assert hour["real_time_factor"] > 1

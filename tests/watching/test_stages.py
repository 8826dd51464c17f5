"""Stages: counts, sound, pace and time left."""

import time

import pytest

from soundmill.status import write_table
from soundmill.watching.job_logs import JobLog
from soundmill.watching.jobs import Job
from soundmill.watching.sound import Sound
from soundmill.watching.stages import add_up
from soundmill.watching.states import Seen, State


def decode(bucket, **more):
    table = f"results/songs/recordings/{bucket}.csv"
    return Job("decode_recordings", {"corpus": "songs", "bucket": bucket},
               (f"results/songs/wav/{bucket}", table), None, None, **more)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Buckets of 100, 200 and 300 seconds; one recording in three cannot be used."""
    for bucket, seconds in (("00", 50), ("01", 100), ("02", 150)):
        rows = [
            {"id": "a", "status": "ok", "seconds": f"{seconds}.000"},
            {"id": "b", "status": "ok", "seconds": f"{seconds}.000"},
            {"id": "c", "status": "rejected", "seconds": ""},
        ]
        path = tmp_path / f"results/songs/recordings/{bucket}.csv"
        write_table(path, rows, list(rows[0]))
    return tmp_path


def jobs(*names, rule="transcribe"):
    return [Job(rule, {"corpus": "songs", "bucket": name}, (), None, None, True) for name in names]


def of(progress, rule):
    return next(stage for stage in progress.stages if stage.rule == rule)


def paths(job):
    from dataclasses import replace
    from pathlib import Path

    return replace(job, outputs=tuple(map(Path, job.outputs)))


def test_sound_pace_and_time_left(folder):
    decoded = [paths(decode(bucket, needed=False)) for bucket in ("00", "01", "02")]
    first, second, third = jobs("00", "01", "02")
    seen = [
        *(Seen(job, State.DONE, seconds=10.0) for job in decoded),
        Seen(first, State.DONE, seconds=50.0),  # 100 s of sound: twice as fast as it plays
        Seen(second, State.RUNNING, seconds=30.0),
        Seen(third, State.WAITING, queued=True),
    ]
    progress = add_up(seen, Sound(decoded, folder))
    stage = of(progress, "decode_recordings")
    assert (stage.done, stage.recordings, stage.rejected) == (3, 6, 3)
    assert (stage.sound_seconds, stage.realtime_factor) == (600, 20)
    stage = of(progress, "transcribe")
    assert (stage.done, stage.running, stage.waiting, stage.queued) == (1, 1, 1, 1)
    assert (stage.sound_seconds, stage.realtime_factor) == (100, 2)
    # 200 s at that pace less the 30 s spent, and 300 s; one after the other
    assert stage.work_left_seconds == stage.left_seconds == 70 + 150
    assert (progress.all.jobs, progress.all.work_seconds) == (6, 80)
    assert progress.all.left_seconds == 220 and not progress.unknown


def test_a_training_tells_its_own_time_and_what_never_ran_is_unknown(folder):
    now = time.time()
    log = JobLog(now - 50, now, {}, "", "epoch 3 of 9, 40 s left", 40.0)
    train, page = Job("train", {}, (), None, None, True), Job("page", {}, (), None, None, True)
    seen = [Seen(train, State.RUNNING, log, seconds=50.0), Seen(page, State.WAITING)]
    progress = add_up(seen, Sound([], folder))
    assert of(progress, "train").left_seconds == pytest.approx(40, abs=5)
    assert of(progress, "page").left_seconds is None and progress.unknown == ["page"]
    assert progress.all.left_seconds == pytest.approx(40, abs=5)


def test_where_nothing_runs_there_is_work_but_no_time(folder):
    done, waits = Job("a", {}, (), None, None, False), Job("a", {}, (), None, None, True)
    seen = [Seen(done, State.DONE, seconds=8.0), Seen(waits, State.WAITING)]
    stage = add_up(seen, Sound([], folder)).stages[0]
    assert (stage.work_left_seconds, stage.left_seconds) == (8, None)


def test_pieces_that_were_made_are_sound_and_primers_are_not(tmp_path):
    from pathlib import Path

    folder = Path("results/music/dreams")
    rows = [{"id": n, "kind": k, "seconds": "30"} for n, k in (("a", "new"), ("b", "primer"))]
    write_table(tmp_path / folder / "generated/pieces.csv", rows, list(rows[0]))
    sound = Sound([], tmp_path)
    for name in ("generated", "rendered"):
        made = Job("make", {"model": "dreams"}, (folder / name,), None, None, False)
        assert sound.seconds(made) == 30
    assert sound.seconds(Job("shards", {}, (folder / "shards",), None, None, False)) is None

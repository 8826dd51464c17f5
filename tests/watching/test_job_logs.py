"""What `job_log` writes is what the status and the cost table read."""

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from soundmill.errors import InputError
from soundmill.log import job_log
from soundmill.watching.job_logs import read_job_log

JOB = """
import os, signal
from soundmill.log import job_log, logger
with job_log({log!r}):
    logger.info("halfway, 60 s left")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def job(tmp_path):
    return SimpleNamespace(
        log=[tmp_path / "job.log"], threads=4, resources={"mem_mb": 900, "runtime": 30}
    )


def test_where_a_job_ran_and_what_it_asked_for_is_read_back(tmp_path, monkeypatch):
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\necho 2026-11-21T10:00:00 2026-11-21T10:02:05\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    with job_log(job(tmp_path)):
        pass
    log = read_job_log(tmp_path / "job.log")
    assert log.facts["pid"] == str(os.getpid())
    assert (log.facts["slurm_job"], log.number("queued_s")) == ("77", 125)
    assert (log.number("threads"), log.number("mem_mb"), log.number("runtime")) == (4, 900, 30)
    assert log.end == "ended" and log.number("gpu") is None
    assert abs(log.began - time.time()) < 60


def test_a_slurm_that_does_not_answer_costs_only_the_queue_time(tmp_path, monkeypatch):
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\nexit 1\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    with job_log(job(tmp_path)):
        pass
    log = read_job_log(tmp_path / "job.log")
    assert log.facts["slurm_job"] == "77" and log.number("queued_s") is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("a.wav is empty;\ncopy it again"), "a.wav is empty; copy it again"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_why_a_job_failed_is_its_last_line(tmp_path, error, said, capsys):
    with pytest.raises(SystemExit), job_log(job(tmp_path)):
        raise error
    log = read_job_log(tmp_path / "job.log")
    assert (log.end, log.last) == ("failed", said)


def test_a_job_that_is_interrupted_has_not_failed(tmp_path):
    with pytest.raises(KeyboardInterrupt), job_log(job(tmp_path)):
        raise KeyboardInterrupt
    assert read_job_log(tmp_path / "job.log").end == "interrupted"


def test_the_log_of_a_killed_job_has_no_end_but_how_far_it_was(tmp_path):
    path = tmp_path / "job.log"
    subprocess.run([sys.executable, "-c", JOB.format(log=str(path))], check=False)
    log = read_job_log(path)
    assert (log.end, log.last) == ("", "halfway, 60 s left")
    assert 55 <= log.left <= 60


def test_time_left_is_that_of_the_last_line(tmp_path):
    path = tmp_path / "job.log"
    path.write_text(
        "2026-11-21 10:00:00,000 INFO soundmill: started: host=a pid=1\n"
        "2026-11-21 10:00:10,000 INFO soundmill: fold, 100 s left\n"
        "2026-11-21 10:00:40,000 WARNING py.warnings: a library has a word\nof two lines\n"
    )
    log = read_job_log(path)
    assert (log.left, log.last) == (70, "fold, 100 s left")


def test_what_is_no_log_is_none(tmp_path):
    (tmp_path / "empty.log").touch()
    assert read_job_log(tmp_path / "empty.log") is None
    assert read_job_log(tmp_path / "missing.log") is None

"""Done, running, waiting or failed: nothing that is dead is shown as running."""

import os
import socket
import subprocess
import sys
import time

import pytest

from soundmill.watching.job_logs import JobLog
from soundmill.watching.jobs import Job
from soundmill.watching.last_run import Run
from soundmill.watching.slurm import Queue
from soundmill.watching.states import State, duration, judge

HERE, NOW = socket.gethostname(), time.time()
BEGAN = NOW - 1000
"""When the run began, after this process."""


def run(pid=None, began=BEGAN):
    return Run(pid or os.getpid(), HERE, began, "local", 2, "Snakefile")


@pytest.fixture(scope="module")
def dead():
    """Number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture(autouse=True)
def old_process(monkeypatch):
    """The tests' own process, which stands for jobs and Snakemake, is as old as the run."""
    import psutil

    monkeypatch.setattr(psutil.Process, "create_time", lambda self: BEGAN - 1)


def log(end="", age=500.0, silent=5.0, last="", **facts):
    return JobLog(NOW - age, NOW - silent, facts, end, last, None)


def state(tmp_path, log=None, *, run=None, queue=None, outputs=(), needed=True, **given):
    job = Job("decode", {}, outputs, None, None, needed, **given)
    return judge(job, log, tmp_path, run, queue, NOW)


def test_what_is_not_needed_is_done_and_what_has_no_log_waits(tmp_path):
    assert state(tmp_path, needed=False).state == State.DONE
    assert state(tmp_path).state == State.WAITING


def test_a_process_of_this_host_is_asked(tmp_path, dead):
    alive = state(tmp_path, log(host=HERE, pid=str(os.getpid())), run=run())
    assert (alive.state, alive.note, round(alive.seconds)) == (State.RUNNING, "", 500)
    killed = state(tmp_path, log(host=HERE, pid=str(dead)), run=run())
    assert killed.state == State.FAILED and f"process {dead} is gone" in killed.note


def test_a_number_that_another_process_has_now_is_not_taken_for_the_job(tmp_path):
    earlier = log(age=5000, host=HERE, pid=str(os.getpid()))  # this process began later
    assert state(tmp_path, earlier).state == State.FAILED


def test_silence_is_said_and_where_nobody_can_be_asked_it_ends_in_lost(tmp_path):
    stuck = state(tmp_path, log(silent=400, host=HERE, pid=str(os.getpid())), run=run())
    assert (stuck.state, stuck.note) == (State.RUNNING, "silent for 7 min")
    there = log(silent=200, host="elsewhere", pid="1")
    assert state(tmp_path, there, run=run()).note == "silent for 3 min"
    lost = state(tmp_path, log(silent=400, host="elsewhere", pid="1"), run=run())
    assert (lost.state, lost.note) == (State.FAILED, "lost: silent for 7 min on elsewhere")


def test_slurm_is_asked_about_its_jobs(tmp_path):
    on_slurm = log(host="node1", pid="1", slurm_job="7", silent=400)

    def seen(**states):
        return state(tmp_path, on_slurm, run=run(), queue=Queue(states))

    assert seen(**{"7": "RUNNING"}).state == State.RUNNING
    assert seen(**{"7": "PENDING"}).queued
    assert seen().state == State.FAILED and "Slurm job 7 is gone" in seen().note
    assert state(tmp_path, on_slurm, run=run()).note.startswith("lost")  # Slurm does not answer


def test_a_job_given_away_waits_in_the_queue_or_starts(tmp_path, dead):
    given = {"submitted": NOW - 60, "slurm_job": "7"}
    waits = state(tmp_path, run=run(), queue=Queue({"7": "PENDING"}), **given)
    assert (waits.state, waits.queued) == (State.WAITING, True)
    starts = state(tmp_path, run=run(), queue=Queue({"7": "RUNNING"}), **given)
    assert (starts.state, starts.note) == (State.RUNNING, "starting as Slurm job 7")
    assert state(tmp_path, run=run(), queue=Queue(), **given).state == State.WAITING
    assert state(tmp_path, run=run(), submitted=NOW - 60).note == "starting"
    # marks that a killed run left say nothing
    assert state(tmp_path, run=run(), submitted=NOW - 2000).state == State.WAITING
    assert state(tmp_path, run=run(pid=dead), submitted=NOW - 60).state == State.WAITING


def test_a_failure_is_told_until_the_next_run(tmp_path):
    failed = log("failed", last="a.wav is empty")
    assert state(tmp_path, failed, run=run()).note == "a.wav is empty"
    assert state(tmp_path, failed, run=run(began=NOW - 100)).state == State.WAITING
    assert state(tmp_path, failed).state == State.FAILED  # of no run anything is known


def test_an_end_that_snakemake_has_not_noticed_is_done_when_all_is_there(tmp_path, dead):
    there, missing = tmp_path / "there", tmp_path / "missing"
    there.touch()
    ended = log("ended")
    assert state(tmp_path, ended, run=run(), outputs=(there,)).state == State.DONE
    assert state(tmp_path, ended, run=run(), outputs=(there, missing)).state == State.WAITING
    # out of date, and no run is on its way to renew it
    assert state(tmp_path, ended, run=run(pid=dead), outputs=(there,)).state == State.WAITING
    assert state(tmp_path, log("interrupted"), run=run()).state == State.WAITING


def test_lengths_are_for_people():
    seconds = (3, 720, 3 * 3600 + 300, 52 * 3600)
    assert [duration(s) for s in seconds] == ["3 s", "12 min", "3 h 05", "2 d 4 h"]

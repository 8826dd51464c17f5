"""The heartbeat: a long job is never silent, a short one never says more than it has to."""

import itertools
import logging
import os
import re
import threading
import time
from datetime import datetime
from types import SimpleNamespace

import pytest

from soundmill import heartbeat
from soundmill.heartbeat import Heartbeat, doing
from soundmill.log import job_log, logger, progress


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """One beat in 0.1 s; pytest's own handlers stay as they are."""
    beat = Heartbeat.__init__
    monkeypatch.setattr(Heartbeat, "__init__", lambda self, handler: beat(self, handler, 0.1))
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)
    logging.captureWarnings(False)


def beats(log):
    return [line for line in log.read_text().splitlines() if "still busy" in line]


def test_a_silent_job_says_what_it_is_at(tmp_path):
    log = tmp_path / "job.log"
    place = "still busy: decoding, 1 of 2 files; reading long.wav, 300 of 3600 s; "
    with job_log(log):
        for number in progress(range(2), total=2, label="decoding"):
            with doing("reading long.wav") as tell:
                tell("300 of 3600 s")
                if number == 1:
                    until(lambda: any(place in beat for beat in beats(log)))
    said = next(beat for beat in beats(log) if place in beat)
    assert re.search(r"\d+ s of CPU in the last \d+ s, \d+ MB$", said)
    assert heartbeat._busy == {}


def test_the_heartbeat_is_heard_only_after_a_silence(tmp_path):
    log = tmp_path / "job.log"
    with job_log(log):
        for _ in range(20):
            logger.info("a word")
            time.sleep(0.02)
    lines = log.read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if "still busy" in line:  # a busy machine may well pause for a beat
            times = [datetime.fromisoformat(text[:23].replace(",", ".")) for text in (before, line)]
            assert (times[1] - times[0]).total_seconds() > 0.09
    assert not [t for t in threading.enumerate() if t.name == "heartbeat"]


def test_a_long_call_that_says_nothing_is_named(tmp_path):
    log = tmp_path / "job.log"
    from soundmill import seeds

    long_call = seeds.__class__("soundmill.toy")  # a module of the package, for this test
    exec("def bootstrap(wait):\n    wait()\n", long_call.__dict__)
    with job_log(log):
        long_call.bootstrap(lambda: until(lambda: any("in toy." in beat for beat in beats(log))))
    assert "in toy.bootstrap; " in beats(log)[-1]


def test_the_first_line_says_where_and_what_was_asked_for_the_last_how_it_ended(tmp_path):
    job = SimpleNamespace(
        log=[tmp_path / "job.log"], threads=2, resources={"mem_mb": 4000, "runtime": 60}
    )
    with job_log(job):
        pass
    first, last = (tmp_path / "job.log").read_text().splitlines()
    assert re.search(r"started: host=\S+ pid=\d+ threads=2 mem_mb=4000 runtime=60$", first)
    assert re.search(r"ended after \d+\.\d s$", last)


def test_a_forked_child_works_in_silence_and_its_parent_goes_on(tmp_path):
    log = tmp_path / "job.log"
    with job_log(log):
        child = os.fork()
        if not child:  # threads do not outlive a fork: no heartbeat, and none that hangs
            logger.info("the child was here")
            os._exit(len([t for t in threading.enumerate() if t.name == "heartbeat"]))
        until(lambda: beats(log))
        assert os.waitpid(child, 0)[1] == 0
    assert "the child was here" in log.read_text()


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)

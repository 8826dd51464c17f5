"""The heartbeat: a long job is never silent, a short one never says more than it has to."""

import logging
import re
import threading
import time
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
    with job_log(log):
        for number in progress(range(2), total=2, label="decoding"):
            with doing("reading long.wav") as tell:
                tell("300 of 3600 s")
                if number == 1:
                    until(lambda: len(beats(log)) >= 2)
    first = beats(log)[0]
    assert "decoding, 1 of 2 files; reading long.wav, 300 of 3600 s; " in first
    assert re.search(r"\d+ s of CPU in the last \d+ s, \d+ MB$", first)
    assert heartbeat._busy == {}


def test_a_job_that_speaks_has_no_heartbeat(tmp_path):
    log = tmp_path / "job.log"
    with job_log(log):
        for _ in range(20):
            logger.info("a word")
            time.sleep(0.02)
    assert not beats(log) or len(beats(log)) < 2  # a busy machine may pause for a beat
    assert not [t for t in threading.enumerate() if t.name == "heartbeat"]


def test_a_long_call_that_says_nothing_is_named(tmp_path):
    log = tmp_path / "job.log"
    from soundmill import seeds

    long_call = seeds.__class__("soundmill.toy")  # a module of the package, for this test
    exec("def bootstrap(wait):\n    wait()\n", long_call.__dict__)
    with job_log(log):
        long_call.bootstrap(lambda: until(lambda: beats(log)))
    assert "in toy.bootstrap; " in beats(log)[0]


def test_the_first_line_says_where_and_what_was_asked_for_the_last_how_it_ended(tmp_path):
    job = SimpleNamespace(
        log=[tmp_path / "job.log"], threads=2, resources={"mem_mb": 4000, "runtime": 60}
    )
    with job_log(job):
        pass
    first, last = (tmp_path / "job.log").read_text().splitlines()
    assert re.search(r"started: host=\S+ pid=\d+ threads=2 mem_mb=4000 runtime=60$", first)
    assert re.search(r"ended after \d+\.\d s$", last)


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)

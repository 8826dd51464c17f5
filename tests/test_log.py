"""Job logs: the traceback goes to the file, the last word is for people."""

import subprocess
import sys

import pytest

SCRIPT = """
from soundmill.errors import InputError
from soundmill.log import job_log, progress
import logging
with job_log({log!r}):
    for _ in progress(range(3), total=3, unit="files", label="counting"):
        pass
    {action}
"""


def run(tmp_path, action):
    log = tmp_path / "logs" / "job.log"
    code = SCRIPT.format(log=str(log), action=action)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done, log.read_text()


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (
            'raise InputError("a.mp3 is empty; copy it again")',
            "error: a.mp3 is empty; copy it again",
        ),
        ('raise KeyError("x")', "error: KeyError: 'x'"),
    ],
)
def test_a_failure_names_the_log_and_keeps_the_traceback_there(tmp_path, action, said):
    done, log = run(tmp_path, action)
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.strip().endswith("job.log")
    assert "Traceback" in log and "counting: 3 of 3 files" in log


def test_success_is_quiet(tmp_path):
    done, log = run(tmp_path, 'logging.getLogger("x").info("well")')
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "well" in log

"""Failures that only Snakemake's own log tells."""

from datetime import datetime

from soundmill.watching.jobs import Job
from soundmill.watching.main_log import Failure, read_failures
from soundmill.watching.states import Seen, State, with_failure

LOG = """\
host: login
Building DAG of jobs...
[Sat Nov 21 21:41:31 2026]
Error in rule transcribe_recordings:
    message: SLURM sbatch failed. The error message was 'Requested time limit is invalid'.
    sbatch call:
        sbatch --parsable --job-name a48e5b38
For further error details see the cluster/cloud log and the log files of the involved rule(s).
    jobid: 14
    input: results/songs/wav/03
    output: results/songs/midi/03, results/songs/notes/03.csv
    log: logs/songs/transcribe/03.log (check log file(s) for error details)
{after}
[Sat Nov 21 21:41:40 2026]
Error in rule decode:
    message: None
    jobid: 3
    log: logs/songs/decode/00.log (check log file(s) for error details)
"""


def test_a_job_that_could_not_be_submitted_is_known_by_its_log(tmp_path):
    path = tmp_path / "snakemake.log"
    path.write_text(LOG.format(after=""))
    found = read_failures(path)
    first = found["logs/songs/transcribe/03.log"]
    assert first.message.endswith("'Requested time limit is invalid'.")
    assert datetime.fromtimestamp(first.time) == datetime(2026, 11, 21, 21, 41, 31)
    assert set(found) == {"logs/songs/transcribe/03.log", "logs/songs/decode/00.log"}


def test_what_is_tried_again_has_not_failed(tmp_path):
    path = tmp_path / "snakemake.log"
    path.write_text(LOG.format(after="Trying to restart job 14.\n"))
    assert list(read_failures(path)) == ["logs/songs/decode/00.log"]
    assert read_failures(tmp_path / "gone.log") == {}


def test_a_later_attempt_makes_a_failure_history():
    waits = Job("a", {}, (), None, None, True)
    again = Job("a", {}, (), None, None, True, submitted=2000.0)
    assert with_failure(Seen(waits, State.WAITING), Failure(1000.0, "why")).note == "why"
    assert with_failure(Seen(again, State.WAITING), Failure(1000.0)).state == State.WAITING
    assert with_failure(Seen(waits, State.WAITING), None).state == State.WAITING

"""The cost of one more file does not depend on how many there are."""

import pytest
import soundfile
from harness import job_counts, melody, write_recordings

from soundmill.status import read_table


@pytest.mark.slow
def test_one_file_more_in_a_thousand_is_one_bucket_a_stage_and_one_decode(copy_checkout):
    workflow = copy_checkout()
    write_recordings(workflow.folder / "songs", 1000, seconds=0.5)
    workflow.configure(
        {
            "corpora": {"songs": {"source": "songs", "max_rejected": 0.9}},
            "music": {"tiny": {"corpus": "songs"}},
        }
    )
    workflow.run("corpora", "transcripts")
    assert len(read_table(workflow.folder / "results/songs/manifest.csv")) == 1000

    soundfile.write(workflow.folder / "songs/one more.wav", *melody(0.5, 5000))
    done = workflow.run("corpora", "transcripts")
    stages = ("normalise_names", "decode_recordings", "transcribe_recordings")
    counts = job_counts(done.stdout + done.stderr)
    assert {stage: counts[stage] for stage in stages} == dict.fromkeys(stages, 1)
    assert len(read_table(workflow.folder / "results/songs/manifest.csv")) == 1001

    assert "1 decoded, " in changed_log(workflow, "decode_recordings")
    assert "1 recordings heard, " in changed_log(workflow, "transcribe_recordings")


def changed_log(workflow, rule):
    """Return the log of the one job of a rule that ran last."""
    logs = (workflow.folder / f"logs/songs/{rule}").rglob("*.log")
    return max(logs, key=lambda path: path.stat().st_mtime).read_text()

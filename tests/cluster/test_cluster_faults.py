"""What a cluster does to jobs: results have the bytes of an undisturbed local run, and nothing
that was finished is computed again.
"""

import re
from collections import Counter

from slurm_cluster import wait_until
from slurm_runs import METRICS, SHARDS, TRAINING, read, same_contents

TRAINED = "logs/music/tiny/train_transformer.log"
EPOCH = TRAINING["validation_interval"]
HEARING = {"transcribe_recordings": 2, "build_shards": 1}
LEARNING = {"train_transformer": 1}


def known(folder):
    """Return when each recording that was transcribed was written to the cache."""
    files = (folder / "results/.cache/transcribe").rglob("*.csv")
    return {path.name: path.stat().st_mtime_ns for path in files}


def half_heard(run):
    """Wait until some recordings are transcribed and a job is at others; return number and node."""
    return run.wait_for(
        lambda: run.job_of("transcribe_recordings") if known(run.folder) else None,
        "a transcription under way",
    )


def assert_as_undisturbed(begun, undisturbed, jobs):
    """All results have the same bytes, and each job was finished just once."""
    same_contents(begun.folder / "results", undisturbed.folder / "results")
    assert begun.finished() == jobs


def assert_kept(before, folder):
    """No recording that was transcribed before is transcribed again."""
    assert before and before.items() <= known(folder).items()


def test_a_cancelled_job_is_run_again_and_a_second_snakemake_disturbs_nothing(cluster, hearing):
    begun, undisturbed = hearing
    run = begun.slurm(cluster, SHARDS)
    number, _ = half_heard(run)
    before = known(begun.folder)
    second = begun.slurm(cluster, SHARDS).end(1)
    assert "Directory cannot be locked" in second.text
    cluster.command("scancel", number)
    run.end()
    assert_as_undisturbed(begun, undisturbed, HEARING)
    assert_kept(before, begun.folder)
    assert begun.submitted(cluster) == {**HEARING, "transcribe_recordings": 3}


def test_a_node_that_dies_in_a_transcription_costs_only_what_it_was_at(cluster, hearing):
    begun, undisturbed = hearing
    run = begun.slurm(cluster, SHARDS)
    number, node = half_heard(run)
    before = known(begun.folder)
    cluster.crash(node)
    run.end()
    assert_as_undisturbed(begun, undisturbed, HEARING)
    assert_kept(before, begun.folder)
    # Slurm itself ran the job again, under its old number, on the other node
    job = cluster.job(number)
    assert job["Restarts"] == "1" and job["BatchHost"] != node
    assert begun.submitted(cluster) == HEARING


def test_a_training_outlives_the_daemon_of_its_node(cluster, learning):
    begun, undisturbed = learning
    run = begun.slurm(cluster, METRICS)
    _, node = run.wait_for_job("train_transformer", TRAINED, "step 20 of")
    cluster.kill_daemon(node)
    run.end()
    assert_as_undisturbed(begun, undisturbed, LEARNING)


def test_a_training_killed_three_times_goes_on_where_it_was(cluster, learning):
    begun, undisturbed = learning
    run = begun.slurm(cluster, METRICS, "--retries", "3")
    log = begun.folder / TRAINED
    for step in (40, 100, 160):
        number, _ = run.wait_for_job("train_transformer", TRAINED, f"step {step} of")
        cluster.command("scancel", "--signal=KILL", "--full", number)
        killed = read(log)
        wait_until(lambda n=number: n not in {job[0] for job in cluster.jobs()}, 60, "its end")
        reached = max(int(found) for found in re.findall(r"step (\d+) of", killed))

        def resumed(killed=killed):
            said = read(log).removeprefix(killed)
            return re.findall(r"resuming after epoch \d+ \(step (\d+)\)", said)

        assert reached - int(run.wait_for(resumed, "a training that goes on")[0]) <= EPOCH
    run.end()
    assert_as_undisturbed(begun, undisturbed, LEARNING)
    assert begun.submitted(cluster) == {**LEARNING, "train_transformer": 4}


def test_a_job_over_its_memory_is_run_again_with_more(cluster, learning):
    begun, undisturbed = learning
    little = "train_transformer:mem_mb=350 if attempt == 1 else 3000"
    run = begun.slurm(cluster, METRICS, "--set-resources", little).end()
    assert "FAILED" in run.text or "OUT_OF_MEMORY" in run.text
    assert_as_undisturbed(begun, undisturbed, LEARNING)
    assert begun.submitted(cluster) == {**LEARNING, "train_transformer": 2}


def test_an_interrupted_run_leaves_no_jobs_and_goes_on(cluster, hearing):
    begun, undisturbed = hearing
    run = begun.slurm(cluster, SHARDS)
    half_heard(run)
    before = known(begun.folder)
    run.stop()
    wait_until(lambda: not cluster.jobs(), 60, "an empty queue")
    begun.slurm(cluster, SHARDS).end()
    assert_as_undisturbed(begun, undisturbed, HEARING)
    assert_kept(before, begun.folder)


def test_after_snakemake_itself_was_killed_its_jobs_are_found_and_nothing_is_lost(cluster, hearing):
    begun, undisturbed = hearing
    run = begun.slurm(cluster, SHARDS)
    number, _ = half_heard(run)
    run.kill()
    # so that it has not ended by itself when it is looked for
    cluster.command("scontrol", "suspend", number)
    assert "Directory cannot be locked" in begun.slurm(cluster, SHARDS).end(1).text
    begun.run("--unlock")
    refused = begun.slurm(cluster, SHARDS).end(1)
    assert "jobs of an earlier run still work in" in refused.text
    assert number in re.findall(r"\d+", refused.text.partition("scancel")[2])
    assert number in {job[0] for job in cluster.jobs()}
    cluster.command("scancel", *(job[0] for job in cluster.jobs()))
    wait_until(lambda: not cluster.jobs(), 60, "an empty queue")
    before = known(begun.folder)
    begun.slurm(cluster, SHARDS).end()
    same_contents(begun.folder / "results", undisturbed.folder / "results")
    assert_kept(before, begun.folder)
    # what a job finished after Snakemake's end is not done again either, nor seen to finish
    assert begun.finished() <= Counter(HEARING)

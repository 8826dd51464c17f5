import pytest

from soundmill.report.costs import read_costs, tabulate_costs

STAGES = ["decode_recordings", "transcribe_recordings", "train_transformer", "render_music"]


@pytest.fixture
def costs(run, songs, dreams, tmp_path):
    tabulate_costs(
        run / "benchmarks",
        tmp_path / "costs.html",
        tmp_path / "costs.csv",
        manifests={"songs": str(songs / "manifest.csv")},
        pieces={"dreams": str(dreams / "generated/pieces.csv")},
        stages=STAGES,
    )
    return tmp_path


def test_jobs_of_a_rule_are_added_up(costs):
    rows = {row.rule: row for row in read_costs(costs / "costs.csv")}
    assert list(rows) == STAGES  # an_old_rule is left out
    decode = rows["decode_recordings"]
    assert (decode.jobs, decode.wall, decode.memory) == (2, 2.0, 180.75)
    assert decode.cpu == pytest.approx(1.8)


def test_real_time_factor_is_sound_by_work(costs):
    rows = {row.rule: row for row in read_costs(costs / "costs.csv")}
    assert rows["transcribe_recordings"].variant == "basic_pitch"
    assert rows["transcribe_recordings"].speed == pytest.approx(48 / 12)
    assert rows["render_music"].speed == pytest.approx(32 / 3.5, rel=1e-3)  # primers do not count
    assert rows["train_transformer"].speed is None


def test_unsampled_memory_is_no_zero(costs):
    rows = {row.rule: row for row in read_costs(costs / "costs.csv")}
    assert rows["transcribe_recordings"].memory == 410.0
    page = (costs / "costs.html").read_text()
    assert "410 MB" in page and "24.0 ×" in page


def test_what_was_used_stands_beside_what_was_asked_for(run, songs, tmp_path):
    stage = run / "logs/songs/decode_recordings"
    stage.mkdir(parents=True)
    for bucket, asked in (
        ("00", "slurm_job=7 queued_s=90 threads=2 mem_mb=1500 runtime=60"),
        ("01", "slurm_job=8 queued_s=30 threads=2 mem_mb=3000 runtime=120"),  # a second attempt
    ):
        line = f"2026-11-21 10:00:00,000 INFO soundmill: started: host=node1 pid=1 {asked}\n"
        (stage / f"{bucket}.log").write_text(line)
    tabulate_costs(
        run / "benchmarks", tmp_path / "costs.html", tmp_path / "costs.csv", logs=run / "logs",
        manifests={"songs": str(songs / "manifest.csv")}, pieces={}, stages=STAGES,
    )  # fmt: skip
    rows = {row.rule: row for row in read_costs(tmp_path / "costs.csv")}
    decode, transcribe = rows["decode_recordings"], rows["transcribe_recordings"]
    assert (decode.queue, decode.longest, decode.load) == (60, 1.5, 0.9)
    assert (decode.threads, decode.asked_memory, decode.asked_minutes) == (2, 3000, 120)
    assert (transcribe.queue, transcribe.asked_memory) == (None, None)  # its log is gone
    page = (tmp_path / "costs.html").read_text()
    assert "181 of 3,000 MB" in page and "0.9 of 2<" in page
    assert "1.5\u202fs of 2\u202fh" in page and "in the queue</th>" in page


def test_a_local_run_has_no_column_for_a_queue(costs):
    assert "in the queue" not in (costs / "costs.html").read_text()

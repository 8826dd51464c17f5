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

import re

from soundmill.files import read_json, write_json
from soundmill.report.results import read_columns
from soundmill.report.scores import likelihoods
from soundmill.report.training import plot_training, points


def plot(folder, name=""):
    figure, table = folder / f"figures/training{name}.svg", folder / f"figures/training{name}.html"
    plot_training(folder / "curves.csv", folder / "metrics.json", figure, table, name="dreams")
    return figure.read_bytes(), table.read_text()


def test_figure_has_floors_and_the_same_bytes_each_time(dreams):
    first, second = plot(dreams), plot(dreams, "-again")
    assert first == second
    assert b"knowing the event before, 3.02" in first[0]
    assert b"knowing how often events occur, 3.91" in first[0]


def test_table_gives_intervals_of_model_and_floors(dreams):
    _, page = plot(dreams)
    assert page.count("2.040 [1.990, 2.090]") == 2  # validation and test
    assert page.count("3.910 [3.860, 3.960]") == 2
    assert re.search(r"905,000 parameters", page)


def test_split_without_pieces_is_said_and_not_drawn(dreams):
    metrics = read_json(dreams / "metrics.json")
    metrics.update(test=None, test_reason="the test split has no piece")
    write_json(dreams / "metrics.json", metrics)
    _, page = plot(dreams)
    assert "the test split has no piece" in page
    assert likelihoods(metrics)[0][1].value == 2.04  # from the validation split


def test_empty_cells_are_left_out(tmp_path):
    (tmp_path / "c.csv").write_text("step,validation_nll\n1,\n2,3.5\n3,nan\n")
    assert points(read_columns(tmp_path / "c.csv"), "validation_nll") == ([2.0], [3.5])

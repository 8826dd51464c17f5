"""The page of a fusion task: what it says is what the evaluation says, and no more."""

import copy
import html
import re
import shutil

import pytest
from fusion.toy_judged import write_toy_evaluation, write_toy_folds
from report.fusion_run import HOSTILE, write_fusion_run
from report.test_browser import CONTRAST, DESK, PHONE

from soundmill.files import read_json, write_json
from soundmill.fusion.predictions import read_predictions
from soundmill.report import fusion_results as results
from soundmill.report.fusion_figures import grid_of, read_curves
from soundmill.report.fusion_page import write_fusion_page
from soundmill.report.fusion_samples import choose_pairs, percent_words
from soundmill.report.results import Measure

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A page with one pair: its folder, its text, and the evaluation behind it."""
    root = tmp_path_factory.mktemp("fusion_page")
    folder = write_fusion_run(root, samples=1)
    return folder, (folder / "index.html").read_text(), read_json(root / "evaluation.json")


def text_of(markup):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def test_the_table_of_named_cases_is_that_of_the_file(run):
    _, page, data = run
    body = page[page.index("<tbody>") : page.index("</tbody>")]
    rows = [re.findall(r"<td.*?</td>", row, re.DOTALL) for row in body.split("<tr>")[1:]]
    assert len(rows) == len(data["named"]) == 9
    entries = results.named_entries(data)
    assert entries[:3] == ["audio alone", "image alone", "gate"]
    for cells, key in zip(rows, data["named"].values(), strict=True):
        measures = [results.accuracy(data, key, entry) for entry in entries]
        top = max(m.value for m in measures if m.value is not None)
        for cell, measure in zip(cells, measures, strict=True):
            shown = text_of(cell).split()
            assert ("★" in shown) == (measure.value == top)
            value = "–" if measure.value is None else results.share(measure.value)
            assert shown[shown[0] == "★"] == value


def test_the_page_needs_nothing_outside_and_escapes_what_people_wrote(run):
    folder, page, _ = run
    assert "<img src=x" not in page and html.escape(HOSTILE)[:12] in page
    named = re.findall(r'(?:src|href)="([^"#][^"]*)"', page)
    assert len(named) > 20
    for file in named:
        assert file.startswith("data:") or (folder / file).is_file()
    assert "Σ" in page and "None" not in text_of(page) and "nan" not in text_of(page).split()


def test_damaged_and_lying_sounds_are_others(run):
    folder, page, _ = run
    heard = {p.name: p.read_bytes() for p in folder.glob("pair-01-audio-*.mp3")}
    assert set(heard) == {f"pair-01-audio-{c}.mp3" for c in ("clean", "noise_0", "lying")}
    assert len(set(heard.values())) == 3
    seen = {p.read_bytes() for p in folder.glob("pair-01-image-*.png")}
    assert len(seen) == 3
    assert page.count("<article") == 1 and page.count("<h4>") == 6
    assert page.count("It leans on audio") == 6


def test_words_are_not_stronger_than_the_figures(run):
    data = copy.deepcopy(run[2])
    said = results.hidden_words(data)
    assert "97.0" in said[0] and "27.0 points less" in said[1]
    honest = data["answers"]["random_split"]["honest"]
    honest["interval"] = [0.55, 0.96]
    assert "not shown" in results.hidden_words(data)[1]
    data["answers"]["random_split"] = None
    assert "not measured" in results.hidden_words(data)[0]
    data["answers"]["reliable"]["flips"] = False
    assert "was not shown" in results.reliable_words(data)[-1]
    for row in data["comparisons"]:
        row["p_holm"] = 1.0
    for line in results.gain_words(data)[:2]:
        assert "better in 0 of 9" in line and "not told apart in 9" in line


def test_what_fails_is_said(run):
    data = copy.deepcopy(run[2])
    assert not any("asked was" in line for line in results.remarks(data))
    assert any("Only 3 groups" in line for line in results.remarks(data))
    data["checks"][0] |= {"holds": False, "reached": 0.5, "margin": -0.1, "wanted": 0.6}
    assert "reaches 0.500, asked was 0.600" in results.remarks(data)[0]
    assert results.check_rows(data)[0][-1] == "no, 0.100 short"
    assert "things asked of it, 7 hold" in results.lead(data)
    row = next(row for row in data["comparisons"] if (row["name"], row["b"]) == (
        "both damaged", "product"))  # fmt: skip
    row |= {"p_holm": 0.01, "difference": {"value": -0.2, "interval": [-0.3, -0.1], "n": 9}}
    assert any("product does better" in r for r in results.remarks(data))


def test_numbers_in_words():
    assert results.points(Measure(-0.00001, -0.01, 0.02)) == "0.0 points [-1.0, +2.0]"
    assert [results.share(v) for v in (1, 0.99996, 0.5)] == ["1", ".999", ".500"]
    assert percent_words(0.9999).startswith("> 99") and percent_words(0.994).startswith("99")


def test_heat_holds_every_case_and_leaves_out_what_was_not_tested(run):
    data = run[2]
    rows, columns, found = grid_of(data, (0, 1), lambda c: c["accuracy"]["gate"]["value"])
    assert rows == ["clean", "noise_10", "noise_0", "missing", "lying"]
    assert columns == ["clean", "energy_25", "noise", "missing", "lying"]
    for case in data["cases"]:
        at = rows.index(case["case"][0]), columns.index(case["case"][1])
        assert found[at] == case["accuracy"]["gate"]["value"]
    assert (found == found).sum() == len(data["cases"])


def test_curves_are_told_apart(run):
    found = read_curves(run[0].parent / "curves-0.csv")
    assert set(found) == {"loss", "accuracy"}
    assert found["loss"]["gate, seed 1, train"] == ([1, 2, 3, 4, 5], [1, 0.5, 1 / 3, 0.25, 0.2])
    assert "early, seed 2, valid" in found["accuracy"]


def test_shown_pairs_are_random_and_wrong_by_turns(tmp_path):
    predictions, _ = write_toy_folds(tmp_path, folds=2, skill={"gate": 3})
    folds = {name: read_predictions(path) for name, path in predictions.items()}
    chosen = choose_pairs(folds, {"both clean": "clean/clean"}, "gate", 4, seed=1)
    assert len(set(chosen)) == 4 and chosen == choose_pairs(
        folds, {"both clean": "clean/clean"}, "gate", 4, seed=1
    )
    fold = folds["0"]
    row = next(i for i, entry in enumerate(fold.entries) if entry.name == "gate")
    number = fold.cases.index(("clean", "clean"))
    for name, pair in chosen[1::2]:
        found = folds[name].probabilities[row, number, pair].argmax()
        assert found != folds[name].targets[pair]
    assert len(choose_pairs(folds, {}, "gate", 1000, seed=1)) == 80


def test_a_page_without_practical_samples_and_curves(tmp_path):
    evaluation = write_toy_evaluation(tmp_path, practical=None)
    data = read_json(evaluation)
    for case in data["cases"]:
        case["weight"] = {}
    write_json(evaluation, data)
    write_fusion_page(tmp_path / "report", name="bare", evaluation=evaluation)
    page = (tmp_path / "report/index.html").read_text()
    assert 'id="practical"' not in page and 'id="samples"' not in page
    assert 'id="weights"' not in page and "was not trained here" in page
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")
def test_phone_and_contrast_and_pictures(run):
    api = pytest.importorskip("playwright.sync_api", reason="needs the playwright package")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_context(viewport=PHONE, color_scheme=scheme).new_page()
            page.goto((run[0] / "index.html").as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            page.set_viewport_size(DESK)
            ratios = page.evaluate(CONTRAST)
            assert len(ratios) > 100
            assert not {text: ratio for text, ratio in ratios if ratio < 4.5}
        page.evaluate("document.querySelectorAll('img').forEach(e => e.loading = 'eager')")
        page.wait_for_function("[...document.images].every(image => image.naturalWidth > 0)")
        browser.close()

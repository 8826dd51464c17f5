"""The page of a classification task: what it says is what the files say, whatever is missing."""

import html
import itertools
import json
import re
import runpy
import shutil
from types import SimpleNamespace

import pytest
from paths import ROOT
from report.conftest import HOSTILE
from report.task_run import NAMES, write_studies, write_task_run
from report.test_browser import CONTRAST, DESK, PHONE

from soundmill.files import read_json
from soundmill.report.pages import readable
from soundmill.report.results import Measure
from soundmill.report.task_figures import _are_shares, short
from soundmill.report.task_results import best_learner, fold_counts, learner_rows

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
KINDS = ("single", "multi", "regression")


class Named(list):
    """What a script sees as its inputs: a list whose items also have names."""

    def __init__(self, items=(), **named):
        super().__init__(items)
        self.__dict__.update(named)


def write_page(root, group="artist", studies=(), wav=True):
    """Run the rule's script on result files, and return the page's text."""
    runpy.run_path(
        str(ROOT / "scripts/report/report_task.py"),
        {"snakemake": SimpleNamespace(
            log=[str(root / "log.txt")],
            input=Named(
                task=str(root / "task"), evaluation=str(root / "evaluation.json"),
                mistakes=str(root / "mistakes.json"), card=str(root / "model_card.json"),
                studies=list(studies), wav=[str(root / "wav/00")] if wav else [],
            ),
            output=[str(root / "report")],
            params=SimpleNamespace(corpus="songs_2", group=group),
            wildcards=SimpleNamespace(task="style_of_it"), threads=1, resources={},
        )},
    )  # fmt: skip
    return (root / "report/index.html").read_text()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A full page of each kind, made once: (folder, text)."""
    made = {}
    for kind in KINDS:
        root = tmp_path_factory.mktemp(kind)
        task = write_task_run(root, kind, source=HOSTILE)
        made[kind] = (root, write_page(root, studies=write_studies(root, kind)), task)
    return made


def texts(page, tag="td"):
    cells = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", " ", cell)).strip() for cell in cells]


def table(page, caption):
    """The rows of a table of the page, as text."""
    place = page.index(html.escape(caption, quote=False))
    body = page[page.index("<tbody>", place) : page.index("</tbody>", place)]
    return [texts(row, "t[hd]") for row in body.split("<tr")[1:]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_of_the_table_is_that_of_the_file(pages, kind):
    root, page, _ = pages[kind]
    data = read_json(root / "evaluation.json")
    shown = {row[0]: row[1:] for row in table(page, "All learners on held-out recordings")}
    assert set(shown) == set(data["learners"])
    assert list(shown)[-1] == "majority"  # the floor stands last
    for name, cells in shown.items():
        entry = data["learners"][name]
        for metric, cell in zip(data["metrics"], cells, strict=False):
            measure = entry["recording"][metric]
            if measure["value"] is None:
                assert cell == "–"
                continue
            assert cell.split()[0] == f"{measure['value']:,.3f}"
            if measure["interval"]:
                low, high = measure["interval"]
                assert " ".join(cell.split()[1:]) == f"[{low:,.3f}, {high:,.3f}]"
        assert (cells[-1] == "–") == (entry["segment"] is None)
    best = data["learners"][data["best"]["overall"]]["recording"][data["main_metric"]]["value"]
    assert f"{best:.3f}" in page[page.index('class="lead"') :].split("</p>")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_folds_and_classes_are_counted_in_columns(pages, kind):
    _, page, task = pages[kind]
    rows = table(page, "Recordings in each part")
    assert [row[0] for row in rows] == ["train", "valid", "test"]
    wanted = [str(len(task.rows(fold, "test"))) for fold in task.honest_folds]
    assert rows[2][1:] == wanted and len(wanted) == 3
    word = {"single": "class", "multi": "tag", "regression": "range of values"}[kind]
    counted = table(page, f"Recordings by {word}, in the first fold")
    if kind != "regression":
        assert [row[0] for row in counted] == list(NAMES[kind])
    assert ["no label", "3"] in table(page, "Recordings left out")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_users_write_becomes_markup(pages, kind):
    root, page, _ = pages[kind]
    for words in ("<img src=x", "<b>", "<i>", "<u>", "\u202e"):
        assert words not in page
    assert html.escape(readable(HOSTILE).split("/")[-1][:20], quote=False)[:10] in page
    for path in (root / "report").glob("*.svg"):
        text = path.read_text()
        assert "<b>" not in text and "<u>" not in text and "\u202e" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_contents_lead_to_chapters_and_every_file_is_there(pages, kind):
    root, page, _ = pages[kind]
    linked = re.findall(r'href="#(\w+)"', page)
    assert linked == re.findall(r'<section id="(\w+)"', page)
    assert {"robustness", "transfer", "ablation", "prediction", "importance"} <= set(linked)
    assert ("trust" in linked) == (kind != "regression")
    files = set(re.findall(r'<(?:img|audio)[^>]* src="([^"]+)"', page))
    assert files == {path.name for path in (root / "report").iterdir()} - {"index.html"}
    assert ("prior.svg" in files) == (kind != "regression")  # means are no shares


def test_a_mistake_is_put_into_the_words_of_its_kind(pages):
    said = {}
    for kind in KINDS:
        root, page, _ = pages[kind]
        facts = [
            " ".join(text.replace("\u202f", "~").split())
            for text in texts(page, "p")
            if "Labelled" in text
        ]
        said[kind] = facts[0].replace(" ;", ";").replace(" .", ".").replace(" ,", ",")
        first = read_json(root / "mistakes.json")["rows"][0]
        assert len(facts) == 4
        assert page.count("<audio") == 4 and "Nearest in training" in page
        if kind == "single":
            assert f"Labelled {first['true']};" in said[kind]
            assert (
                f"says {first['top'][0]['class']} {100 * first['confidence']:.0f}~%" in said[kind]
            )
        elif kind == "multi":
            given = first["tag"] not in first["true"].split(";")
            share = first["confidence"] if given else 1 - first["confidence"]
            word = "wrongly adds" if given else "wrongly leaves out"
            assert f"{word} {first['tag']} {100 * share:.0f}~%." in said[kind]
        else:
            true = first["true"].split(";")
            assert f"Labelled valence {true[0]}, <u>arousal</u> {true[1]};" in said[kind]
            assert f"says valence {first['top'][0]['value']:.3g}," in said[kind]
            assert "%" not in said[kind]


def test_the_gap_is_shown_with_its_group_and_without_one(pages, tmp_path):
    root, page, _ = pages["single"]
    data = read_json(root / "evaluation.json")
    rows = {row[0]: row[1:] for row in table(page, "Honest and leaky accuracy")}
    gap = data["leaky"]["learners"]["forest"]["accuracy"]["gap"]
    assert rows["forest"][2].startswith(f"{gap['value']:.3f}")
    assert "recognition of the artist" in page
    bare = write_page(root, group="")
    assert "recognition of the ." not in bare and "the same  in" not in bare


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_task_has_a_page_without_the_missing_parts(tmp_path, kind):
    write_task_run(tmp_path, kind, leaky=False, network=False, sound=False)
    page = write_page(tmp_path, wav=False)
    for words in ("careless", "by segment", "of each seed", "<audio", "Listen:", "Model of"):
        assert words not in page
    assert "What the decisions rest on" not in page
    for body in re.findall(r"<section[^>]*>(.*?)</section>", page, re.DOTALL):
        assert len(texts(body, "p")) or "<table" in body or "<img" in body
    if kind == "single":
        assert "confusion.svg" in page


def test_a_class_without_examples_is_a_dash(tmp_path):
    task = write_task_run(tmp_path, "single", network=False)
    data = read_json(tmp_path / "evaluation.json")
    for learner in data["learners"].values():
        name = task.classes[0]
        learner["per_class"][name] = dict.fromkeys(learner["per_class"][name]) | {"support": 0}
        learner["roc"].pop(name), learner["pr"].pop(name)
        learner["confusion"][0] = [0] * len(task.classes)
    (tmp_path / "evaluation.json").write_text(json.dumps(data))
    rows = table(write_page(tmp_path), "Each class")
    assert rows[0] == [task.classes[0], "0", *["–"] * 5]


def test_learners_are_ranked_whatever_is_better():
    def entry(value, family="classical"):
        return {"family": family, "kind": "k", "recording": {"mae": {"value": value}}}

    data = {
        "main_metric": "mae", "metrics": ["mae"], "lower_is_better": ["mae"],
        "best": {"overall": "b"},
        "learners": {"a": entry(3.0), "b": entry(1.0), "c": entry(None), "d": entry(0.5, "floor")},
    }  # fmt: skip
    assert [row.name for row in learner_rows(data)] == ["b", "a", "c", "d"]
    assert best_learner(data) == "b"


def test_folds_are_named_by_what_they_test():
    facts = {"folds": {"0": {"train": 4, "valid": 0, "test": 2}, "all": {"train": 6},
                       "random-0": {"test": 3}}, "tests": {"0": "george"}}  # fmt: skip
    assert fold_counts(facts) == (["0: george"], [("train", 4), ("valid", 0), ("test", 2)])


def test_names_in_figures_are_short_and_no_formulas():
    assert short("rock") == "rock"
    assert len(short("x" * 50)) == 24 and short("x" * 50).endswith("…")
    assert short("$a_1$") == r"\$a_1\$"
    assert short("a\u202eb\n") == "a�b␊"


def test_an_axis_from_0_to_1_is_for_shares_alone():
    assert _are_shares([Measure(0.5, 0.0, 1.0), Measure(None)])
    assert not _are_shares([Measure(0.05, -0.1, 0.2)])
    assert not _are_shares([Measure(1.3)])


@pytest.fixture(params=KINDS)
def open_page(request, pages):
    """Return a function that opens the page of a kind; nothing may have gone wrong in it."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium (Debian: apt install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="needs the playwright package")
    trouble = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def start(viewport=DESK, **options):
            page = browser.new_context(viewport=viewport, **options).new_page()
            page.on("console", lambda message: trouble.append(message.text))
            page.on("dialog", lambda dialog: trouble.append(dialog.message))
            page.on("request", lambda one: trouble.append(one.url)
                    if not one.url.startswith(("file:", "data:")) else None)  # fmt: skip
            page.goto((pages[request.param][0] / "report/index.html").as_uri())
            return page

        yield start
        browser.close()
    assert trouble == []


@pytest.mark.browser
def test_the_page_reads_well_on_a_desk_a_phone_and_at_night(open_page):
    page = open_page(DESK)
    page.evaluate("document.querySelectorAll('img').forEach(each => each.loading = 'eager')")
    page.wait_for_function("[...document.images].every(image => image.naturalWidth > 0)")
    page.wait_for_function("[...document.querySelectorAll('audio')].length === 4")
    inner = "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth)"
    assert page.evaluate(f"{inner}.map(e => e.getAttribute('aria-label'))") == []
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(e => +e.tagName[1])")
    assert levels[0] == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert page.evaluate("[...document.images].every(image => image.alt)")
    for scheme in ("light", "dark"):
        phone = open_page(PHONE, color_scheme=scheme)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 360
        poor = {text: ratio for text, ratio in phone.evaluate(CONTRAST) if ratio < 4.5}
        assert not poor

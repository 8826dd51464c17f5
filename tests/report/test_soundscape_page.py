"""The page of a soundscape model: what it says is what the files say, whatever is missing."""

import html
import itertools
import re
import runpy
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from paths import ROOT
from report.conftest import HOSTILE
from report.soundscape_run import LABELS, write_soundscape_run
from report.test_browser import CONTRAST, DESK, PHONE

from soundmill.files import write_json
from soundmill.report.soundscape_figures import AXES
from soundmill.report.soundscape_results import figures

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
INPUTS = {
    "evaluation": "evaluation.json", "metrics": "metrics.json", "curves": "curves.csv",
    "generated": "generated", "clips": "clips", "recordings": "recordings.csv",
}  # fmt: skip


def write_page(root, output="report", **more):
    """Run the rule's script on result files, and return the page's text."""
    files = {name: str(root / path) for name, path in (INPUTS | more).items()}
    inputs = SimpleNamespace(**files, get=files.get)
    runpy.run_path(
        str(ROOT / "scripts/report/report_soundscape.py"),
        {"snakemake": SimpleNamespace(log=[str(root / "log.txt")], input=inputs,
                                      output=[str(root / output)], threads=1, resources={})},
    )  # fmt: skip
    return (root / output / "index.html").read_text()


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A full page, made once: folder, text, evaluation."""
    root = tmp_path_factory.mktemp("full")
    data = write_soundscape_run(root, source=HOSTILE)
    return root, write_page(root), data


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The result files of a model with one label and no pieces: folder, evaluation."""
    root = tmp_path_factory.mktemp("small")
    return root, write_soundscape_run(root, labels=("rain",), pieces=(), each=1, clip_seconds=0.2)


@pytest.fixture
def change(small, tmp_path):
    """Return a function that writes the page of a changed evaluation."""
    shutil.copytree(small[0], tmp_path, dirs_exist_ok=True)

    def write(more=(), **changed):
        write_json(tmp_path / "evaluation.json", {**small[1], **changed})
        return write_page(tmp_path, **dict(more))

    write.root = tmp_path
    return write


def texts(page, tag="td"):
    cells = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in cells]


def table(page, caption):
    """The rows of a table of the page, by their first cell."""
    place = page.index(f"<caption>{html.escape(caption, quote=False)}")
    body = page[page.index("<tbody>", place) : page.index("</tbody>", place)]
    return {row[0]: row[1:] for row in (texts(row, "t[hd]") for row in body.split("<tr")[1:])}


def shown(measure):
    if measure["value"] is None:
        return f"– {measure['reason']}"
    low, high = map(figures, measure["interval"])
    return f"{figures(measure['value'])} [{low}, {high}]"


def test_every_figure_of_the_tables_is_that_of_the_file(full):
    _, page, data = full
    rows = table(page, "Reconstruction of held-out clips")
    kinds = ("phase", "reconstruction", "variation", "noise")
    entry = data["reconstruction"]["log_spectral_distance"]
    assert rows["log-spectral distance (dB)"] == [shown(entry[kind]) for kind in kinds]
    assert len(rows) == 4
    kinds = ("floor", "phase", "reconstruction", "variation", "sample", "granular", "noise")
    rows = table(page, "Distances")
    for embedding, name in (
        ("texture", "texture statistics"),
        ("judge", "a classifier's embedding"),
    ):
        for key in ("fad", "kad"):
            entry = data["distribution"][embedding][key]
            assert rows[f"{key.upper()}, {name}"] == [shown(entry[kind]) for kind in kinds]
    places = table(page, "Where they lie")["FAD, texture statistics"]
    assert places == ["1 %", "13 %", "18 %", "25 %", "17 %"]
    rows = table(page, "Distance to what was learned from")
    assert rows["share nearer than 95 % of the real ones"][1:] == [
        shown(data["copying"]["share_nearer_than_real"][kind]) for kind in ("sample", "granular")
    ]
    assert table(page, "The model and its recordings")["recordings"] == [
        "train 12, valid 3, test 3"
    ]
    assert table(page, "Clips that")["real, learned from"] == [str(data["clips"]["train"])]


def test_what_came_out_stands_before_what_it_is_worth(full):
    page = full[1]
    anchors = ["pieces", "side", "quality", "learning", "facts"]
    assert re.findall(r'<section id="(\w+)"', page) == anchors
    assert re.findall(r'href="#(\w+)"', page) == anchors


def test_every_file_is_there_and_none_is_left_over(full):
    root, page, _ = full
    files = set(re.findall(r'<(?:img|audio)[^>]* src="([^"]+)"', page))
    assert files == {p.name for p in (root / "report").iterdir()} - {"index.html", "pieces.json"}
    rows = 4 + len(LABELS)  # few labels: more than one held-out clip of some
    assert page.count("<audio") == 6 + 4 * rows


def test_nothing_that_users_write_becomes_markup(full):
    root, page, _ = full
    for words in ("<img src=x", "<b>", "<i>", "<x>", "\u202e"):
        assert words not in page
    assert "&lt;b&gt;surf&lt;/b&gt; &amp; $s_1$" in page and "&lt;img src=x" in page
    for path in (root / "report").glob("*.svg"):
        text = path.read_text()
        assert "<b>" not in text and "\u202e" not in text


def test_the_same_files_give_the_same_bytes(small):
    root, _ = small
    assert write_page(root) == write_page(root, "again")
    for path in (root / "report").iterdir():
        assert path.read_bytes() == (root / "again" / path.name).read_bytes(), path.name


def test_what_was_held_out_is_said_and_warned_of(full, change):
    assert "has heard nothing of those" in full[1] and "Read the figures with care" not in full[1]
    page = change(held_out="ends")
    assert page.count("heard the beginning of the very same recordings") == 2  # and in the facts
    assert "Read the figures with care" in page


def test_collapsed_latents_are_a_warning(full, change):
    assert "collapsed" not in full[1]
    latents = full[2]["latents"] | {"collapsed": True, "active": 1}
    assert "The latents have collapsed.</strong> Only 1 of 16" in change(latents=latents)


def test_parts_that_are_missing_are_dashes_with_their_reason(change, small):
    distribution = small[1]["distribution"] | {"judge": {"reason": "no <i>judge</i> & none"}}
    page = change(
        fidelity=None, fidelity_reason="no labels", distribution=distribution, long=None,
        diversity={"reason": "one clip"}, copying=None, controls=[], latents={},
    )  # fmt: skip
    reasons = [text for text in texts(page, "p") if text.startswith("– Not measured")]
    assert reasons == [
        "– Not measured on a classifier's embedding: no <i>judge</i> & none",
        "– Not measured: no labels", "– Not measured: one clip", "– Not measured",
        "– Not measured",
    ]  # fmt: skip
    for name in ("confusion.svg", "controls.svg", "fidelity.svg"):
        assert name not in page
    assert "An independent classifier" not in page


def test_the_long_piece_is_read_from_its_own_file_where_the_evaluation_has_none(change):
    write_json(change.root / "long.json", {"factor": 7.5})
    page = change(more={"long": "long.json"}, long=None)
    assert table(page, "A long piece") == {"real-time factor": ["7.50 ×"]}


def test_a_model_without_labels_and_pieces_has_a_page(tmp_path):
    data = write_soundscape_run(tmp_path, labels=(), pieces=(), judge=False, fidelity=False, each=1)
    assert data["labels"] == []
    page = write_page(tmp_path)
    assert "asked for no pieces" in page and "without a label" in page
    assert table(page, "The model and its recordings")["labels"] == ["none"]


def test_recordings_left_out_are_named(change):
    path = change.root / "recordings.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"{head},reason", *(f"{row}," for row in rows),
                               "z,quiet.ogg,00,x.wav,left out,0,1,,silence"]) + "\n")  # fmt: skip
    assert table(change(), "Recordings left out") == {"quiet.ogg": ["silence"]}


def test_the_moving_line_knows_where_the_axes_are():
    style = (ROOT / "src/soundmill/report/templates/soundscape.css").read_text()
    left, bottom, width, height = AXES
    assert f"calc(({left:g} + var(--at) * {width:g}) * 100%)".replace("0.", ".") in style
    assert f"bottom: {100 * bottom:g}%" in style
    assert f"top: {100 * (1 - bottom - height):.0f}%" in style


def test_the_page_needs_no_torch():
    code = "import sys, soundmill.report.soundscape_page; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.fixture
def open_page(full):
    """Return a function that opens the page; nothing may have gone wrong in it."""
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
            page.goto((full[0] / "report/index.html").as_uri())
            return page

        yield start
        browser.close()
    assert trouble == []


@pytest.mark.browser
def test_the_page_reads_and_plays_on_a_desk_a_phone_and_at_night(open_page):
    page = open_page(DESK)
    page.evaluate("document.querySelectorAll('img').forEach(each => each.loading = 'eager')")
    page.wait_for_function("[...document.images].every(image => image.naturalWidth > 0)")
    inner = "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth)"
    assert page.evaluate(f"{inner}.map(e => e.getAttribute('aria-label'))") == []
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => +e.tagName[1])")
    assert levels[0] == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert page.evaluate("[...document.images].every(image => image.alt)")
    page.locator("audio").nth(0).evaluate("audio => audio.play()")
    line = "Number(document.querySelector('.roll').style.getPropertyValue('--at'))"
    page.wait_for_function(f"{line} > 0.02")
    page.locator("audio").nth(7).evaluate("audio => audio.play()")
    page.wait_for_function("document.querySelectorAll('audio')[7].currentTime > 0.05")
    assert page.evaluate("document.querySelectorAll('audio')[0].paused")
    for scheme in ("light", "dark"):
        phone = open_page(PHONE, color_scheme=scheme)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 360
        poor = {text: ratio for text, ratio in phone.evaluate(CONTRAST) if ratio < 4.5}
        assert not poor

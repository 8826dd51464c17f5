"""The chapters of soundscape models on the listening page."""

import re
import shutil

import pytest
from report.conftest import HOSTILE
from report.soundscape_run import write_soundscape_run
from report.test_listening_page import Outline

from soundmill.files import read_json, write_json
from soundmill.report.listening import SoundscapeResults, write_listening_page
from soundmill.report.soundscape_sounds import show_pieces

PIECES = (("new", "rain", 1.0), ("loop", "wind", 1.0), ("new", "all night", 190.0))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The results of a soundscape model with a short piece, a loop and a long piece."""
    root = tmp_path_factory.mktemp("made")
    write_soundscape_run(root, labels=("wind",), pieces=PIECES, rate=8000, source=HOSTILE, each=1)
    show_pieces(root / "report", root / "generated")
    return root


@pytest.fixture
def publish(site, run, made):
    """Return a function that writes the page with a soundscape model and some music models."""
    folder = run / "results/soundscapes/weather_1"
    shutil.copytree(made, folder)
    weather = SoundscapeResults("weather_1", folder / "evaluation.json", folder / "report")

    def write(*models, soundscapes=(weather,)):
        page = site()
        results = page.parent
        write_listening_page(
            models, page, results / "listen", costs=results / "costs.csv", soundscapes=soundscapes
        )
        return page

    return write


def plain(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.read_text()).replace("&nbsp;", " "))


def test_pieces_are_beside_the_page_and_the_report_is_linked(publish):
    page = publish()
    names = [name for name in Outline(page.read_text()).references if name != "report.zip"]
    report = "soundscapes/weather_1/report/index.html"
    assert names.count(report) == 1
    sounds = [name for name in names if name != report]
    assert len(sounds) == 2 * 2 + 1 + 2 * 3  # of the long piece a picture and three excerpts
    assert all(name.startswith("listen/soundscapes/weather_1/") for name in sounds)
    assert all((page.parent / name).stat().st_size > 0 for name in sounds)


def test_one_sentence_says_how_good_it_is(publish):
    text = plain(publish()).replace("\u202f", " ")
    assert "New soundscapes from 18 recordings" in text and "nothing to hear" not in text
    assert "learned from 12 recordings of “field 1”" in text
    assert text.count("new samples lie 25 % of the way") == 1
    assert "rain · 1.0 s · seed 7 · made at 8.25 × real time" in text


def test_music_and_soundscapes_share_the_page(publish, model):
    page = publish(model)
    text = plain(page)
    assert "New music and soundscapes from 26 recordings" in text
    outline = Outline(page.read_text())
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {"model-dreams", "soundscape-weather_1"} <= set(ids)
    anchors = [a["href"][1:] for a in outline.all("a") if a["href"].startswith("#")]
    assert set(anchors) <= set(ids)
    assert all(audio["aria-label"] for audio in outline.all("audio"))
    assert not any("onerror" in attributes for _, attributes in outline.tags)


def test_a_shared_corpus_counts_once(publish, model, run):
    path = run / "results/soundscapes/weather_1/evaluation.json"
    write_json(path, {**read_json(path), "corpus": "songs"})
    assert "from 8 recordings" in plain(publish(model))


def test_without_soundscapes_the_page_is_as_it_was(publish, site, model):
    before = site(model).read_text()
    assert publish(model, soundscapes=()).read_text() == before
    assert "soundscape" not in before

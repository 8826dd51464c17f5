import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest

from soundmill.errors import InputError
from soundmill.files import read_json, write_json
from soundmill.report.gallery import arrange, build_gallery, read_gallery
from soundmill.report.listening import TaskResults
from soundmill.status import read_table, write_table


class Outline(HTMLParser):
    """Collects what a page refers to and its tags."""

    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]

    @property
    def references(self):
        found = [a.get("src") or a.get("href") for a in self.all("a", "img", "audio", "link")]
        return [unquote(name) for name in found if name and not name.startswith(("#", "data:"))]


def only_new(model, tmp_path):
    """Return the same model without primers and continuations, under another name."""
    generated = tmp_path / "new/generated"
    rows = [row for row in read_table(model.generated / "pieces.csv") if row["kind"] == "new"]
    for row in rows:
        name = f"{row['id']}.mid"
        generated.mkdir(parents=True, exist_ok=True)
        (generated / name).write_bytes((model.generated / name).read_bytes())
    write_table(generated / "pieces.csv", rows, list(rows[0]))
    gallery = tmp_path / "new/gallery"
    build_gallery(generated, model.rendered, model.manifest, gallery, name="plain")
    return replace(model, name="plain", gallery=gallery, generated=generated, transcription=None)


def test_everything_the_page_names_is_beside_it(site, model):
    page = site(model)
    outline = Outline(page.read_text())
    names = [name for name in outline.references if name != "report.zip"]
    assert len(names) == 1 + 5 * (2 + 1 + 3)  # header; two pictures, a player, three downloads
    assert all((page.parent / name).stat().st_size > 0 for name in names)
    assert not any(Path(name).is_absolute() or ".." in name or ":" in name for name in names)


def test_file_names_are_text_not_markup(site, model):
    page = site(model).read_text()
    gallery = (model.gallery / "index.html").read_text()
    for text in (page, gallery):
        assert "&lt;img src=x onerror=alert(1)&gt;&#34;&#39;&amp;amp;" in text
        assert not any("onerror" in attributes for _, attributes in Outline(text).tags)


def test_page_is_accessible(site, model, tmp_path):
    page = site(model, only_new(model, tmp_path)).read_text()
    outline = Outline(page)
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))  # none is left out
    for landmark in ("header", "nav", "main", "footer"):
        assert len(outline.all(landmark)) == 1
    assert outline.all("html")[0]["lang"] == "en"
    assert all("alt" in image for image in outline.all("img"))
    assert all(audio["aria-label"] and "controls" in audio for audio in outline.all("audio"))
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = [a["aria-labelledby"] for _, a in outline.tags if "aria-labelledby" in a]
    anchors = [a["href"][1:] for a in outline.all("a") if a["href"].startswith("#")]
    assert set(labelled + anchors) <= set(ids)


def test_page_says_how_it_came_about(site, model):
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", site(model).read_text()))
    assert "New music from 8&nbsp;recordings" in text
    assert "its note F1 is 0.83 over 8 pieces" in text
    assert "this model 2.04 knowing the event before 3.02" in text
    assert "this model 0.74 floor: a Markov chain 0.51" in text
    assert "1 could not be used" in text
    assert "All steps together took 14.0 s of work" in text


def test_without_continuations_and_truth(site, model, tmp_path):
    page = site(only_new(model, tmp_path)).read_text()
    assert "Continued" not in page and "primer-01" not in page
    assert "has no score here" in page


def test_shared_corpus_counts_once(site, model, tmp_path):
    assert "New music from 8&nbsp;recordings" in site(model, only_new(model, tmp_path)).read_text()


def test_no_model_at_all(site):
    assert "nothing to hear yet" in site().read_text()


def test_tasks_are_linked_with_their_best_learner_beside_the_floors(site, model, run):
    folder = run / "results/classification/style"
    measures = {"forest": 0.8125, "mix": 0.8333, "majority": 0.125}
    learners = {
        name: {"recording": {"accuracy": {"value": value, "interval": [0.1, 0.9], "items": 96}}}
        for name, value in measures.items()
    }
    evaluation = {"kind": "single", "items": 96, "classes": ["a", "b"], "learners": learners,
                  "main_metric": "accuracy", "floors": ["majority"],
                  "best": {"learner": "forest", "overall": "mix"}}  # fmt: skip
    write_json(folder / "evaluation.json", evaluation)
    task = TaskResults("style", folder / "evaluation.json", folder / "report")
    for models, heading in (((model,), "New music from"), ((), "What recordings tell")):
        page = site(*models, tasks=[task]).read_text()
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
        assert heading in text and "nothing to hear yet" not in text
        assert "Accuracy on 96 recordings it did not learn from" in text
        assert "mix 0.83 majority 0.12" in text and "forest" not in text
        assert "classification/style/report/index.html" in Outline(page).references


def test_same_bytes_again(model, tmp_path):
    again = tmp_path / "again"
    build_gallery(model.generated, model.rendered, model.manifest, again, name="dreams")
    files = sorted(path.name for path in again.iterdir())
    assert files == sorted(path.name for path in model.gallery.iterdir())
    for name in files:
        assert (again / name).read_bytes() == (model.gallery / name).read_bytes(), name


def test_gallery_puts_continuations_under_their_primer(model):
    programme = read_gallery(model.gallery)
    assert [piece.title for piece in programme.new] == ["New piece 1", "New piece 2"]
    [(primer, continuations)] = programme.continued
    assert primer.id == "primer-01"
    assert [piece.title for piece in continuations] == ["Continuation 1a", "Continuation 1b"]


def test_continuation_without_primer_is_an_error(model):
    pieces = read_gallery(model.gallery).continued[0][1]
    with pytest.raises(InputError, match="continued-01a continues 'primer-01'"):
        arrange(pieces)


def test_pieces_know_their_length_and_range(model):
    first = read_json(model.gallery / "pieces.json")[0]
    assert first["seconds"] == 8.0 and first["range"] == "C3 to E5"

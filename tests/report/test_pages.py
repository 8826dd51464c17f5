import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.report.corpus import describe_corpus
from soundmill.report.pages import clock, duration, environment, number, readable
from soundmill.report.results import split_folder


@given(st.text())
def test_readable_names_hold_nothing_that_moves_or_breaks_text(name):
    shown = readable(name)
    assert len(shown) == len(name)
    shown.encode("utf-8")  # no lone surrogates
    assert not any(ord(c) < 32 or c in "\u202e\u2028\u200f" for c in shown)


def test_readable_keeps_ordinary_names():
    assert readable("Été à l'ombre #3 (音楽) 👩‍🎤.mp3") == "Été à l'ombre #3 (音楽) 👩‍🎤.mp3"
    assert readable("a\nb\udcff\u202egpj") == "a␊b��gpj"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00"), (75.2, "1:15"), (119.7, "2:00"), (3723, "1:02:03")]
)
def test_clock(seconds, shown):
    assert clock(seconds) == shown


def test_durations_and_numbers():
    assert [duration(x).replace("\u202f", "_") for x in (4.21, 725, 11_040)] == [
        "4.2_s",
        "12_min 5_s",
        "3_h 4_min",
    ]
    assert [number(x) for x in (None, float("nan"), 12_345, 0.12345)] == [
        "–",
        "–",
        "12,345",
        "0.123",
    ]


def test_missing_values_are_errors():
    with pytest.raises(jinja2.UndefinedError):
        environment().from_string("{{ missing }}").render()


def test_corpus_page_lists_reasons_and_escapes(songs, tmp_path):
    describe_corpus(songs / "manifest.csv", tmp_path / "corpus.html", name="songs")
    page = (tmp_path / "corpus.html").read_text()
    assert "<img" not in page and "&lt;img src=x onerror=alert(1)&gt;&#34;&#39;" in page
    assert "no audio found in &#39;&lt;b&gt;x&lt;/b&gt;&#39;" in page
    assert "8 recordings were accepted, 48.0\u202fs in all." in page
    assert "Rejected: 1; ignored: 1." in page
    assert "cover␊.jpg" in page


def test_long_tables_say_where_the_rest_is(songs, tmp_path):
    describe_corpus(songs / "manifest.csv", tmp_path / "corpus.html", name="songs", longest=3)
    page = (tmp_path / "corpus.html").read_text()
    assert "The first 3 of 8 are shown; all are in" in page and str(songs / "manifest.csv") in page
    assert page.count("<code>piece-") + page.count("<code>hostile") == 3


def test_folder_all_recordings_share_is_named_once():
    assert split_folder(["/m/a/x.mp3", "/m/b/x.mp3"]) == ("/m", ["a/x.mp3", "b/x.mp3"])
    assert split_folder(["/m/x.mp3"]) == ("/m", ["x.mp3"])
    assert split_folder(["x.mp3", "y.mp3"]) == ("", ["x.mp3", "y.mp3"])
    assert split_folder(["/m/x.mp3", "n/y.mp3"]) == ("", ["/m/x.mp3", "n/y.mp3"])
    assert split_folder(["s3://b/m/x.mp3", "s3://b/y.mp3"]) == ("s3://b", ["m/x.mp3", "y.mp3"])
    assert split_folder(["/x.mp3"]) == ("/", ["x.mp3"]) and split_folder([]) == ("", [])

import re

import numpy as np
import pytest
from matplotlib.image import imread

from soundmill.errors import InputError
from soundmill.files import read_json, write_json
from soundmill.notes import make_notes
from soundmill.report.music_evaluation import plot_music_evaluation
from soundmill.report.rolls import BINS_PER_SEMITONE, LOWEST, pitch_name, spectrum, write_roll
from soundmill.report.scores import copy_rows
from soundmill.report.transcription import choose, plot_transcription
from soundmill.report.transcription_scores import plot_transcription_scores

NOTHING = make_notes([], [], [], [])


@pytest.mark.parametrize("pitch", [33, 60, 84])
def test_spectrum_puts_a_tone_at_its_pitch(pitch):
    time = np.arange(22_050) / 22_050
    tone = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time).astype(np.float32)
    middle = spectrum(tone)[:, 10]
    assert LOWEST + middle.argmax() / BINS_PER_SEMITONE == pytest.approx(pitch, abs=0.5)


def test_spectrum_of_silence_is_flat():
    assert (spectrum(np.zeros(1000, np.float32)) == -72).all()


def test_pitch_names():
    assert [pitch_name(p) for p in (21, 60, 61, 108)] == ["A0", "C4", "C♯4", "C8"]


def test_roll_tells_primer_from_music(tmp_path):
    notes = make_notes([0, 2, 6], [1, 3, 7], [60, 64, 67], [100, 100, 100])
    write_roll(tmp_path / "roll.svg", notes, 12.0, primer_seconds=5)
    svg = (tmp_path / "roll.svg").read_text()
    # 1200 units are 12 s: the third note begins at 600, the primer ends at 500
    assert re.search(r'class="n" [^>]*d="M600\.0 [\d.]+h100\.0"', svg)
    assert re.search(r'class="n p" [^>]*d="M0\.0 [\d.]+h100\.0M200\.0 [\d.]+h100\.0"', svg)
    assert 'class="edge" d="M500.0 0V220"' in svg
    low, high = re.search(r'"M0\.0 ([\d.]+)h100\.0M200\.0 ([\d.]+)h', svg).groups()
    assert float(high) < float(low)  # higher pitch, higher up


def test_roll_of_nothing_is_still_a_picture(tmp_path):
    write_roll(tmp_path / "roll.svg", NOTHING, 0.0)
    assert (tmp_path / "roll.svg").read_text().endswith("</svg>\n")


def test_choose_spreads_evenly():
    rows = [{"id": str(i)} for i in range(9)]
    assert [row["id"] for row in choose(rows, 3)] == ["0", "4", "8"]
    assert choose(rows[:2], 3) == rows[:2] and choose([], 3) == []


def test_recordings_are_plotted_with_and_without_truth(songs, tmp_path):
    arguments = (songs / "manifest.csv", songs / "wav", songs / "midi/basic_pitch")
    pictures = [tmp_path / f"{name}.png" for name in ("plain", "truth", "again")]
    plot_transcription(*arguments, pictures[0], recordings=2)
    for picture in pictures[1:]:
        plot_transcription(
            *arguments, picture, truth=songs / "demo/truth", recordings=2, seconds=4.0
        )
    assert imread(pictures[0]).shape == imread(pictures[1]).shape
    assert pictures[0].read_bytes() != pictures[1].read_bytes() == pictures[2].read_bytes()


def test_no_transcription_is_one_clear_error(songs, tmp_path):
    with pytest.raises(InputError, match="no transcription"):
        plot_transcription(songs / "manifest.csv", songs / "wav", tmp_path, tmp_path / "t.png")


def test_scores_show_means_both_ways_and_each_recording(songs, tmp_path):
    scores = songs / "transcription/basic_pitch.json"
    figure, table = tmp_path / "scores.svg", tmp_path / "scores.html"
    plot_transcription_scores(scores, figure, table, corpus="songs", transcriber="basic_pitch")
    assert ">0.83</text>" in figure.read_text()
    page = table.read_text()
    assert "0.830 [0.780, 0.880]" in page and "0.860 [0.810, 0.910]" in page
    assert page.count('<th scope="row"><bdi>Pièce ') == 8
    assert "0.823" in page and "12.0 ms late" in page


def test_music_is_shown_between_floor_and_ceiling(dreams, tmp_path):
    figure, table = tmp_path / "e.svg", tmp_path / "e.html"
    plot_music_evaluation(dreams / "evaluation.json", figure, table, name="dreams")
    assert "scale consistency" in figure.read_text()
    page = table.read_text()
    for value in ("0.740 [0.690, 0.790]", "0.510 [0.460, 0.560]", "0.860 [0.810, 0.910]"):
        assert page.count(value) == 14  # seven features, overlap and divergence
    assert "may be copies: 1." in page and page.count("possible copy") == 1
    assert copy_rows(read_json(dreams / "evaluation.json"))[1].primer == [3, 5]


def test_figures_that_could_not_be_measured_are_dashes(dreams, tmp_path):
    data = read_json(dreams / "evaluation.json")
    nothing = {"value": None, "interval": None, "items": 1}
    for row in data["similarity"].values():
        row["overlap_area"] = row["kl"] = {**nothing, "floor": nothing, "ceiling": nothing}
    data["histograms"]["pitch_class"]["generated"] = None
    write_json(dreams / "evaluation.json", data)
    table = tmp_path / "e.html"
    plot_music_evaluation(dreams / "evaluation.json", tmp_path / "e.svg", table, name="dreams")
    assert table.read_text().count('<td class="n">–</td>') >= 42

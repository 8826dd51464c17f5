"""The picture of a recording: sound where it sounds, at its frequency, on named axes."""

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread

from soundmill.errors import InputError
from soundmill.features.spectra import spectrum
from soundmill.features.spectra_options import SpectraOptions
from soundmill.report.recording_pictures import draw_mel, draw_recording, draw_waveform
from soundmill.report.style import canvas

RATE = 22_050


@pytest.fixture
def sound():
    """Two seconds of silence, two of a tone of 1 kHz, at 12 s a click."""
    out = np.zeros(14 * RATE, np.float32)
    out[2 * RATE : 4 * RATE] = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)
    out[12 * RATE] = -0.9
    return out


def test_the_waveform_keeps_extremes_and_times(sound):
    with canvas(4, 3) as figure:
        axes = figure.subplots()
        draw_waveform(axes, sound, RATE)
        outline = axes.collections[0].get_paths()[0].vertices
        assert outline[:, 1].min() == pytest.approx(-0.9)
        assert outline[np.argmin(outline[:, 1]), 0] == pytest.approx(12, abs=0.02)
        loud = outline[outline[:, 1] > 0.4, 0]
        assert loud.min() == pytest.approx(2, abs=0.02) and loud.max() < 4.02
        assert axes.get_ylabel().startswith("amplitude")


def test_the_spectrogram_has_the_tone_at_its_time_and_frequency(sound):
    options = SpectraOptions(bands=96, hop=128)  # more frames than columns
    with canvas(4, 3) as figure:
        axes = figure.subplots()
        image = draw_mel(axes, spectrum(sound, options), options)
        levels, (left, right, bottom, _) = image.get_array(), image.get_extent()
        band, column = np.unravel_index(np.argmax(levels), levels.shape)
        step = (right - left) / levels.shape[1]
        assert right == pytest.approx(14, abs=0.05)
        assert 2 < left + (column + 0.5) * step < 4
        names = [label.get_text() for label in axes.get_yticklabels()]
        ticks = dict(zip(names, axes.get_yticks(), strict=True))
        assert bottom + band + 0.5 == pytest.approx(ticks["1000"], abs=1)
        click = int((12 - left) / step)
        assert levels[:, click - 1 : click + 2].max(1).min() > -60 > levels[:, click - 10].max()


@pytest.mark.parametrize("seconds", [3 / RATE, 0.3, 3])
def test_any_length_and_silence_give_a_picture(tmp_path, seconds):
    for name, factor in (("loud", 0.1), ("silent", 0)):
        noise = np.random.default_rng(0).standard_normal((round(seconds * RATE), 2))
        soundfile.write(tmp_path / f"{name}.wav", factor * noise, RATE)
        draw_recording(tmp_path / f"{name}.wav", tmp_path / f"{name}.png")
    pictures = [imread(tmp_path / f"{name}.png")[..., :3] for name in ("loud", "silent")]
    right = [picture[100:-100, 700:1050] for picture in pictures]
    assert right[0].mean() > 0.2 > 0.05 > right[1].mean()  # silence is dark
    draw_recording(tmp_path / "loud.wav", tmp_path / "again.png", title="loud")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "loud.png").read_bytes()


def test_what_cannot_be_read_is_said(tmp_path):
    (tmp_path / "x.wav").write_bytes(b"RIFF and nothing more")
    with pytest.raises(InputError, match=r"x\.wav"):
        draw_recording(tmp_path / "x.wav", tmp_path / "x.png")

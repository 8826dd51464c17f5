import numpy as np
import pytest
from pydantic import ValidationError

from soundmill.audio.files import read_audio
from soundmill.audio.levels import loudness, peak_dbfs
from soundmill.errors import InputError
from soundmill.notes import make_notes, write_midi
from soundmill.status import write_table
from soundmill.synthesis.options import RenderOptions
from soundmill.synthesis.presets import PRESETS, preset
from soundmill.synthesis.render import (
    Layer,
    render_file,
    render_layers,
    render_notes,
    render_pieces,
)

RATE = 44100


def tune(seconds=4.0, pitches=(60, 64, 67, 72), velocity=80):
    onset = np.arange(0, seconds, 0.25)
    pitch = np.resize(pitches, len(onset))
    return make_notes(onset, onset + 0.4, pitch, np.full(len(onset), velocity))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_finished_audio(name):
    samples = render_notes(tune(), RenderOptions(preset=name, instrument="harp"))
    assert samples.dtype == np.float32
    assert loudness(samples, RATE) == pytest.approx(-16, abs=0.1)
    assert peak_dbfs(samples) <= -0.99
    assert np.abs(samples.mean(axis=1)).max() < 1e-4
    assert np.abs(samples[:, 0]).max() < 1e-6
    assert np.abs(samples[:, -1]).max() < 1e-6
    assert np.abs(samples[:, -RATE // 20 :]).max() < 1e-3


def test_the_peak_wins_over_the_loudness():
    options = RenderOptions(instrument="woodblock", preset="dry", loudness=-6, peak=-3)
    samples = render_notes(tune(), options)
    assert peak_dbfs(samples) == pytest.approx(-3, abs=0.01)
    assert loudness(samples, RATE) < -6


def test_same_options_same_samples():
    options = RenderOptions(preset="night", instrument="pad")
    np.testing.assert_array_equal(render_notes(tune(), options), render_notes(tune(), options))


def test_sample_zero_is_time_zero():
    late = tune()
    late["onset"] += 1.5
    late["offset"] += 1.5
    samples = render_notes(late, RenderOptions(preset="dry", instrument="marimba"))
    first = np.flatnonzero(np.abs(samples).max(axis=0) > 0.01)[0]
    assert first / RATE == pytest.approx(1.5, abs=0.002)


def test_a_piece_without_notes_is_a_second_of_silence():
    samples = render_notes(make_notes([], [], [], []), RenderOptions())
    assert samples.shape == (2, RATE)
    assert not samples.any()


def test_further_effects_follow_the_preset():
    echo = {"effect": "delay", "time": 1.0, "wet": 0.0}
    plain = render_notes(tune(1), RenderOptions(preset="dry"))
    longer = render_notes(tune(1), RenderOptions(preset="dry", effects=(echo,)))
    assert longer.shape[1] > plain.shape[1] + RATE


def test_layers_sound_together_at_their_levels():
    low, high = tune(pitches=(48,)), tune(pitches=(84,))

    def balance(level):
        layers = [Layer(low, "piano"), Layer(high, "vibraphone", level)]
        samples = render_layers(layers, RenderOptions(preset="dry")).mean(axis=0)
        power = np.abs(np.fft.rfft(samples)) ** 2
        border = round(700 * len(samples) / RATE)
        return 10 * np.log10(power[border:].sum() / power[:border].sum())

    assert balance(6) - balance(-6) == pytest.approx(12, abs=3)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac"])
def test_render_file_by_suffix(tmp_path, suffix):
    write_midi(tmp_path / "a.mid", tune())
    render_file(tmp_path / "a.mid", tmp_path / f"a{suffix}", RenderOptions())
    samples, rate = read_audio(tmp_path / f"a{suffix}", channels="keep")
    assert (rate, len(samples)) == (RATE, 2)
    assert loudness(samples, rate) == pytest.approx(-16, abs=0.3)


def make_pieces(folder):
    rows = [("new-01", ""), ("primer-01", ""), ("continued-01a", "primer-01"), ("new-02", "")]
    for identifier, _ in rows:
        write_midi(folder / f"{identifier}.mid", tune(1.0))
    table = [{"id": identifier, "primer": primer} for identifier, primer in rows]
    write_table(folder / "pieces.csv", table, ("id", "primer"))
    return [identifier for identifier, _ in rows]


def test_pieces_take_turns_and_primers_lead_their_continuations(tmp_path):
    pieces = make_pieces(tmp_path)
    options = RenderOptions(instrument=("piano", "harp"), preset="dry")
    out = tmp_path / "rendered"
    render_pieces(tmp_path, out, options, threads=2)
    assert {p.name for p in out.iterdir()} == {f"{p}{s}" for p in pieces for s in (".wav", ".mp3")}
    sound = {piece: (out / f"{piece}.wav").read_bytes() for piece in pieces}
    assert sound["primer-01"] == sound["continued-01a"]
    assert sound["new-01"] == sound["new-02"] != sound["primer-01"]


def test_threads_do_not_change_the_bytes(tmp_path):
    make_pieces(tmp_path)
    for threads in (1, 2):
        render_pieces(tmp_path, tmp_path / str(threads), RenderOptions(), threads=threads)
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"instrument": "paino"}, "nearest: piano"),
        ({"instrument": ["piano", "hrp"]}, "nearest: harp"),
        ({"instrument": 128}, "0 to 127"),
        ({"instrument": []}, "name at least one"),
        ({"preset": "cathedrall"}, "nearest: cathedral"),
        ({"effects": [{"effect": "reverb", "second": 3}]}, "second"),
        ({"effects": [{"effect": "flanger"}]}, "flanger"),
        ({"peak": 3}, "peak"),
    ],
)
def test_wrong_options_say_what_is_wrong(wrong, message):
    with pytest.raises(ValidationError, match=message):
        RenderOptions(**wrong)


def test_unknown_preset_is_an_input_error():
    with pytest.raises(InputError, match="nearest: meadow"):
        preset("medow")


def test_options_survive_a_round_trip():
    options = RenderOptions(instrument=("pad", 46), effects=({"effect": "width", "factor": 0.5},))
    assert RenderOptions(**options.model_dump(mode="json")) == options

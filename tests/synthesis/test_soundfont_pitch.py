import numpy as np
import pytest

from soundmill.errors import InputError
from soundmill.notes import make_notes
from soundmill.synthesis.soundfont import default_soundfont, play

RATE = 44100


def one_note(pitch, instrument, seconds=1.5, velocity=100):
    return play(make_notes([0], [seconds], [pitch], [velocity]), instrument)


def fundamental(samples, low, high):
    """Harmonic sum (Hermes 1988) over candidates from two octaves below to two above."""
    n = len(samples)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(n), 4 * n))
    frequency = np.fft.rfftfreq(4 * n, 1 / RATE)
    candidates = np.geomspace(low, high, 6000)
    score = sum(
        np.sqrt(np.interp(candidates * h, frequency, spectrum)) / h**0.3 for h in range(1, 7)
    )
    return candidates[np.argmax(score)]


@pytest.mark.parametrize("pitch", [48, 60, 72])
@pytest.mark.parametrize(
    "instrument",
    ["piano", "electric piano", "harp", "vibraphone", "marimba", "guitar", "organ", "strings",
     "pad", "choir pad", "flute", "music box"],
)  # fmt: skip
def test_sounds_at_the_pitch_of_the_midi_note(instrument, pitch):
    samples = one_note(pitch, instrument).mean(axis=0)[RATE // 5 : RATE + RATE // 5]
    expected = 440 * 2 ** ((pitch - 69) / 12)
    cents = 1200 * np.log2(fundamental(samples, expected / 4.2, expected * 4.2) / expected)
    assert abs(cents) < 20


@pytest.mark.parametrize("onset", [0.0, 0.1, 0.123456, 1.0 + 1 / 44100])
def test_onsets_fall_on_their_own_sample(onset):
    at_zero = play(make_notes([0], [0.5], [60], [90]), "marimba")
    moved = play(make_notes([onset], [onset + 0.5], [60], [90]), "marimba")
    shift = round(onset * RATE)
    assert not moved[:, :shift].any()
    # envelopes advance in blocks of 64 samples from the onset on: the same sound, moved
    np.testing.assert_allclose(moved[:, shift : shift + 9000], at_zero[:, :9000], atol=1e-6)


def test_a_repeated_pitch_keeps_sounding_when_the_first_one_ends():
    notes = make_notes([0, 0.5], [0.6, 3.0], [60, 60], [90, 90])
    samples = play(notes, "organ")
    second = samples[:, 2 * RATE : 2 * RATE + 4410]
    assert np.abs(second).max() > 0.2 * np.abs(samples).max()


def test_louder_velocity_is_louder():
    soft, loud = one_note(60, "piano", velocity=40), one_note(60, "piano", velocity=110)
    assert np.abs(loud).max() > 2 * np.abs(soft).max()


def test_the_last_note_rings_out_but_never_for_ever():
    harp = one_note(48, "harp", seconds=0.2)
    assert harp.shape[1] > 0.5 * RATE
    assert np.abs(harp[:, -100:]).max() < 1e-3 * np.abs(harp).max()
    bell = one_note(60, "glockenspiel", seconds=0.2)  # its sample loops on after the note's end
    assert bell.shape[1] <= round(8.3 * RATE)


def test_no_notes_is_no_music():
    silence = play(make_notes([], [], [], []), "piano")
    assert silence.shape[0] == 2
    assert not silence.any()


def test_missing_soundfont_names_the_file(tmp_path):
    with pytest.raises(InputError, match=r"gone\.sf2 does not exist"):
        play(make_notes([0], [1], [60], [90]), "piano", tmp_path / "gone.sf2")


@pytest.mark.parametrize("size", [0, 100, 400_000])
def test_damaged_soundfont_is_an_input_error(tmp_path, size):
    damaged = tmp_path / "damaged.sf2"
    damaged.write_bytes(default_soundfont().read_bytes()[:size])
    with pytest.raises(InputError, match="not a readable SoundFont"):
        play(make_notes([0], [1], [60], [90]), "piano", damaged)


def test_a_soundfont_of_ones_own_offers_its_own_names(tmp_path):
    own = tmp_path / "own.sf2"
    own.write_bytes(default_soundfont().read_bytes())
    notes = make_notes([0], [0.3], [60], [90])
    np.testing.assert_array_equal(play(notes, "warm pad", own), play(notes, 89))
    with pytest.raises(InputError, match="unknown instrument"):
        play(notes, "no such thing", own)

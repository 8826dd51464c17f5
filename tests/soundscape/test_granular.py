"""Granular resynthesis."""

import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import real_data

from soundmill.audio.files import read_audio, write_audio
from soundmill.errors import InputError
from soundmill.soundscape.condition_options import ConditionOptions
from soundmill.soundscape.conditions import Script, learn_vocabulary
from soundmill.soundscape.grain_sources import open_sources
from soundmill.soundscape.granular import Granular
from soundmill.soundscape.granular_options import GranularOptions
from soundmill.soundscape.source_weights import SourceWeights

RATE = 11_025
LABEL = {"label": ConditionOptions()}
LABEL_AND_HOUR = {**LABEL, "hour": ConditionOptions(kind="circle")}


def tone(frequency, seconds, rate=RATE, channels=1):
    time = np.arange(round(seconds * rate)) / rate
    return np.tile(0.2 * np.sin(2 * np.pi * frequency * time), (channels, 1)).astype(np.float32)


def row(folder, name, sound, rate=RATE, **more):
    path = folder / f"{name}.wav"
    write_audio(path, sound, rate)
    return {"wav": str(path), "start": "", "stop": "", "source": name, "label": name, **more}


def make(rows, conditions=LABEL, channels=1, **options):
    vocabulary = learn_vocabulary(rows, conditions)
    return Granular(rows, vocabulary, GranularOptions(**options), RATE, channels)


def sound_of(maker, seconds, wish=None, seed=1, script=None):
    script = script or Script(maker.vocabulary, [(0, wish or {})])
    return np.concatenate(list(maker.stream(script, seconds, seed)), axis=1)


def strongest(sound):
    return np.argmax(np.abs(np.fft.rfft(sound[0]))) * RATE / sound.shape[1]


@pytest.fixture
def three(tmp_path):
    """Three tones of different lengths."""
    return [
        row(tmp_path, "low", tone(300, 8), hour="2"),
        row(tmp_path, "middle", tone(900, 2), hour="12:30"),
        row(tmp_path, "high", tone(2700, 5), hour="22"),
    ]


def test_exact_length_and_determinism(three):
    maker = make(three)
    for seconds in (0.0001, 0.1, 3.33333, 20):
        sound = sound_of(maker, seconds)
        assert sound.shape == (1, round(seconds * RATE))
        assert sound.dtype == np.float32
    first = sound_of(maker, 20)
    assert np.array_equal(first, sound_of(make(three), 20))
    assert not np.array_equal(first, sound_of(maker, 20, seed=2))
    assert np.array_equal(first[:, : 10 * RATE], sound_of(maker, 10))


def test_the_label_asked_for_is_what_sounds(three):
    maker = make(three)
    for name, frequency in (("low", 300), ("middle", 900), ("high", 2700)):
        sound = sound_of(maker, 6, {"label": {name: 1}})
        assert strongest(sound) == pytest.approx(frequency, abs=2)
    with pytest.raises(InputError, match="never heard 'lowe'; did you mean 'low'"):
        sound_of(maker, 1, {"label": {"lowe": 1}})


def test_a_tone_goes_on_without_a_seam(three):
    # grains that do not fit in phase would cancel in the crossfade, or click
    sound = sound_of(make(three), 30, {"label": {"low": 1}})[0]
    level = np.sqrt(np.mean(np.square(sound[: RATE * 29].reshape(-1, 441)), axis=1))
    assert np.ptp(20 * np.log10(level)) < 1.5
    assert np.abs(np.diff(sound, 2)).max() < 1.6 * np.abs(np.diff(tone(300, 1)[0], 2)).max()


def test_a_script_takes_turns_from_one_label_to_another(three):
    maker = make(three, dwell=2, mix="turns")
    wishes = [(0, {"label": {"low": 1}}), (30, {"label": {"low": 1}}), (90, {"label": {"high": 1}})]
    sound = sound_of(maker, 120, script=Script(maker.vocabulary, wishes))
    share = [
        np.mean([strongest(second) > 1500 for second in np.split(part, 30, axis=1)])
        for part in np.split(sound, 4, axis=1)
    ]
    assert share[0] == 0
    assert 0.02 < share[1] < 0.6
    assert share[2] > 0.4
    assert share[3] > 0.9


def test_what_is_no_longer_asked_for_is_left_at_once(three):
    maker = make(three, dwell=1e6, mix="turns")
    wishes = [(0, {"label": {"low": 1}}), (4, {"label": {"low": 1}}), (5, {"label": {"high": 1}})]
    sound = sound_of(maker, 14, script=Script(maker.vocabulary, wishes))
    assert strongest(sound[:, : 4 * RATE]) == pytest.approx(300, abs=1)
    assert strongest(sound[:, 9 * RATE :]) == pytest.approx(2700, abs=1)


def test_grains_go_on_as_the_one_before_would_have(tmp_path):
    # one tone for four seconds, then the other: what changes more often was put together badly
    sound = np.concatenate([tone(300, 4), tone(2700, 4)] * 5, axis=1)
    made = sound_of(make([row(tmp_path, "a", sound)]), 80)
    high = [strongest(part) > 1500 for part in np.split(made, 400, axis=1)]
    changes = np.count_nonzero(np.diff(high))
    assert 4 <= changes <= 30
    assert 0.2 < np.mean(high) < 0.8


def test_layers_sound_together_at_their_weights(three):
    maker = make(three)
    wishes = [(0, {"label": {"low": 9, "high": 1}}), (20, {"label": {"high": 1}})]
    sound = sound_of(maker, 30, script=Script(maker.vocabulary, wishes))

    def power(second, frequency):
        part = sound[0, round(second * RATE) :][:RATE]
        return np.abs(np.fft.rfft(part * np.hanning(RATE)))[frequency] ** 2

    assert 10 * np.log10(power(0, 300) / power(0, 2700)) == pytest.approx(8.6, abs=1.5)
    assert 10 * np.log10(power(9, 300) / power(9, 2700)) == pytest.approx(-1, abs=1.5)
    assert power(22, 300) < 1e-6 * power(22, 2700)
    level = np.sqrt(np.mean(np.square(sound[0].reshape(30, RATE)), axis=1))
    assert level == pytest.approx(0.2 / np.sqrt(2), rel=0.05)


def test_from_nothing_asked_to_a_label(three):
    maker = make(three)
    wishes = [(0, {}), (10, {"label": {"middle": 1}})]
    sound = sound_of(maker, 20, seed=3, script=Script(maker.vocabulary, wishes))
    assert strongest(sound[:, 10 * RATE :]) == pytest.approx(900, abs=1)
    assert np.abs(sound).max() < 0.45


def test_a_weighted_mix_and_nothing_asked(three):
    vocabulary = learn_vocabulary(three, LABEL)
    weights = SourceWeights(three, [8, 2, 5], vocabulary, 8)
    vector = vocabulary.vector
    assert weights.probabilities(vector({})) == pytest.approx([8 / 15, 2 / 15, 5 / 15])
    mixed = weights.probabilities(vector({"label": {"low": 3, "middle": 1}}))
    assert mixed == pytest.approx([0.75, 0.25, 0])
    # half way between asking for nothing and asking for middle
    half = weights.probabilities(vector({"label": {"middle": 1}}) / 2)
    assert half == pytest.approx([4 / 15, 1 / 15 + 1 / 2, 2.5 / 15], abs=1e-6)


def test_the_hour_is_round(three):
    vocabulary = learn_vocabulary(three, LABEL_AND_HOUR)
    weights = SourceWeights(three, [1, 1, 1], vocabulary, 8)
    midnight = weights.probabilities(vocabulary.vector({"hour": 0}))
    assert midnight == pytest.approx([0.5, 0, 0.5], abs=1e-3)
    assert np.argmax(weights.probabilities(vocabulary.vector({"hour": 13}))) == 1


def test_recordings_without_a_label_are_used_only_when_nothing_is_asked(three):
    three.append({**three[0], "label": "", "hour": ""})
    vocabulary = learn_vocabulary(three, LABEL_AND_HOUR)
    weights = SourceWeights(three, [1, 1, 1, 1], vocabulary, 8)
    assert weights.probabilities(vocabulary.vector({})) == pytest.approx([0.25] * 4)
    assert weights.probabilities(vocabulary.vector({"label": {"low": 1}}))[3] == 0
    assert weights.probabilities(vocabulary.vector({"hour": 3}))[3] == 0
    # nobody has both: rain without an hour stands in
    three[0]["hour"] = ""
    weights = SourceWeights(three, [1, 1, 1, 1], vocabulary, 8)
    asked = weights.probabilities(vocabulary.vector({"label": {"low": 1}, "hour": 2}))
    assert asked[0] > 0.9


@settings(max_examples=40)
@given(st.data())
def test_probabilities_are_probabilities(data):
    names = st.sampled_from(["rain", "wind", ""])
    hours = st.sampled_from(["", "0", "6.5", "23:59"])
    rows = [{"label": "rain", "hour": "1"}, {"label": "wind", "hour": "2"}]
    rows += data.draw(st.lists(st.fixed_dictionaries({"label": names, "hour": hours}), max_size=5))
    lengths = data.draw(st.lists(st.floats(0.01, 1e5), min_size=len(rows), max_size=len(rows)))
    vocabulary = learn_vocabulary(rows, LABEL_AND_HOUR)
    wishes = [(0, {}), (1, {"label": {"rain": 1}}), (2, {"label": {"wind": 2}, "hour": 18})]
    vector = Script(vocabulary, wishes).at(data.draw(st.floats(0, 3)))
    chances = SourceWeights(rows, lengths, vocabulary, 8).probabilities(vector)
    assert chances.sum() == pytest.approx(1)
    assert (chances >= 0).all()


@pytest.mark.parametrize("seconds", [1 / RATE, 0.01, 0.2, 1.0])
def test_one_short_recording(tmp_path, seconds):
    maker = make([row(tmp_path, "a", tone(440, seconds))])
    sound = sound_of(maker, 5)
    assert sound.shape == (1, 5 * RATE)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() < 0.4


def test_silence(tmp_path):
    sound = sound_of(make([row(tmp_path, "a", np.zeros((2, 3 * RATE), np.float32))]), 5)
    assert not sound.any()


@pytest.mark.parametrize("rate", [8000, 44_100])
@pytest.mark.parametrize(("have", "wanted"), [(1, 2), (2, 1), (2, 2), (4, 2)])
def test_other_rates_and_channels(tmp_path, rate, have, wanted):
    maker = make([row(tmp_path, "a", tone(440, 4, rate, have), rate)], channels=wanted)
    sound = sound_of(maker, 5)
    assert sound.shape == (wanted, 5 * RATE)
    assert strongest(sound) == pytest.approx(440, abs=1)
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(0.2 / np.sqrt(2), rel=0.05)


def test_only_the_part_of_a_recording_is_used(tmp_path):
    sound = np.concatenate([tone(300, 4), tone(2700, 4), tone(300, 4)], axis=1)
    part = row(tmp_path, "a", sound) | {"start": "4", "stop": "8"}
    assert strongest(sound_of(make([part]), 10)) == pytest.approx(2700, abs=1)
    source = open_sources([part])[0]
    assert source.seconds == 4
    read = source.read(1.0, RATE, RATE, 1)
    assert np.abs(read - sound[:, 5 * RATE : 6 * RATE]).max() < 2**-14
    with pytest.raises(InputError, match="no recording to take grains from"):
        make([part | {"start": "30", "stop": ""}])


def test_a_recording_that_is_gone(tmp_path):
    with pytest.raises(InputError, match=r"gone\.wav cannot be read"):
        open_sources([{"wav": str(tmp_path / "gone.wav")}])


def test_resampled_reads_keep_their_place(tmp_path):
    # a click in the middle stays where it was
    sound = np.zeros((1, 44_100), np.float32)
    sound[0, 22_050] = 0.9
    source = open_sources([row(tmp_path, "a", sound, 44_100)])[0]
    for start in (0.0, 0.1234, 0.49):
        read = source.read(start, RATE // 2, RATE, 1)
        assert np.argmax(np.abs(read)) / RATE + start == pytest.approx(0.5, abs=2 / RATE)


def test_what_was_just_used_is_not_used_again(tmp_path):
    # a slow sweep tells where each grain comes from
    seconds = 60
    time = np.arange(seconds * RATE) / RATE
    sweep = 0.2 * np.sin(2 * np.pi * (200 * time + 30 * time**2))[None].astype(np.float32)
    sound = sound_of(make([row(tmp_path, "a", sweep)], nearest=1, candidates=500), 15)
    # of each 50 ms, the place in the sweep
    parts = sound[0, : 300 * 551].reshape(300, 551) * np.hanning(551)
    places = (np.argmax(np.abs(np.fft.rfft(parts, 8192)), axis=1) * RATE / 8192 - 200) / 60
    heard = np.bincount(np.clip(np.round(places * 4).astype(int), 0, 240))  # quarters of a second
    assert heard.max() < 20  # of 5 usual, for a quarter heard once
    assert np.count_nonzero(heard) > 30


def test_memory_does_not_grow_with_the_length(three):
    maker = make(three)
    script = Script(maker.vocabulary, [(0, {})])

    tracemalloc.start()
    for _ in maker.stream(script, 400, 1):
        pass
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert top < 2_000_000  # the sound itself has 18 million bytes


@pytest.mark.parametrize("name", ["rain", "waves", "summer-night"])
def test_real_ambience_keeps_its_spectrum(tmp_path, name):
    sound, _ = read_audio(real_data("ambience") / f"{name}.ogg", sample_rate=RATE)
    maker = make([row(tmp_path, name, sound)])
    made = sound_of(maker, 30)

    def bands(samples):
        power = np.abs(np.fft.rfft(samples[0])) ** 2 / samples.shape[1]
        return 10 * np.log10([part.mean() for part in np.array_split(power, 30)])

    assert np.abs(bands(made) - bands(sound)).mean() < 2


def test_an_option_that_cannot_be():
    with pytest.raises(ValueError, match="above longest"):
        GranularOptions(shortest=2, longest=1)


def test_vorbis_and_flac_are_read_too(tmp_path):
    for suffix in ("flac", "ogg"):
        path = tmp_path / f"a.{suffix}"
        soundfile.write(path, tone(440, 3)[0], RATE)
        maker = make([{"wav": str(path), "start": "", "stop": "", "label": "a", "source": "a"}])
        assert strongest(sound_of(maker, 4)) == pytest.approx(440, abs=1)

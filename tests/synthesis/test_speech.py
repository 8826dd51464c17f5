import sys

import numpy as np
import pytest

from soundmill.errors import InputError
from soundmill.synthesis.speech import open_speech

pytest.importorskip("espeakng_loader")


@pytest.fixture(scope="module")
def say():
    with open_speech() as function:
        yield function


def test_words_are_the_same_whatever_was_said_before(say):
    first, rate = say("seven", "en-us+m7")
    assert rate == 22050
    assert 0.3 < len(first) / rate < 0.8
    assert 0.1 < np.abs(first).max() <= 1
    say("a longer sentence", "en-gb-scotland+f4", rate=120)
    say("nine", "en-us+klatt2")
    np.testing.assert_array_equal(say("seven", "en-us+m7")[0], first)
    assert len(say("three", "en-us+m7")[0]) != len(first)


def test_voice_pitch_and_rate_are_heard(say):
    def hertz(samples):
        frames = np.lib.stride_tricks.sliding_window_view(samples, 2048)[::256] * np.hanning(2048)
        loud = frames[np.abs(frames).max(1) > 0.5 * np.abs(frames).max()]
        spectrum = np.abs(np.fft.rfft(loud, 4096)) ** 2
        spectrum[:, 65:] = 0  # above 350 Hz: the pulses of the voice, not its formants
        similar = np.fft.irfft(spectrum)[:, 50:450]  # 49 to 441 Hz
        return np.median(22050 / (50 + similar.argmax(1)))

    low, high = (say("one", "en-us+m7", pitch=p, inflection=0)[0] for p in (10, 90))
    assert hertz(high) > 1.3 * hertz(low)
    slow, fast = (say("seven", "en-us+m7", rate=r)[0] for r in (100, 300))
    assert len(slow) > 1.5 * len(fast)
    assert hertz(say("one", "en-us+f4")[0]) > 1.2 * hertz(say("one", "en-us+m7")[0])


@pytest.mark.parametrize(
    ("voice", "message"),
    [
        ("xx-nowhere", "no such language"),
        ("en-us+m77", "no variant 'm77'; did you mean 'm7'"),
        ("en-us+f2", "breath"),
    ],
)
def test_unknown_voices_are_refused(say, voice, message):
    with pytest.raises(InputError, match=message):
        say("one", voice)


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(InputError, match="pip install espeakng-loader"), open_speech():
        pass

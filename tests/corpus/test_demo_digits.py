from collections import Counter

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from soundmill.audio.files import read_audio
from soundmill.corpus.demo.digit_speakers import SPEAKERS, digit_takes
from soundmill.corpus.demo.digits import compose_digits, make_take
from soundmill.status import read_table
from soundmill.synthesis.speech import open_speech

pytest.importorskip("espeakng_loader")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    compose_digits(folder, threads=2)
    return folder


def test_everyone_says_everything(corpus):
    rows = read_table(corpus / "labels.csv")
    counts = Counter((row["digit"], row["speaker"]) for row in rows)
    assert len(counts) == 10 * len(SPEAKERS)
    assert set(counts.values()) == {5}
    files = [corpus / "audio" / row["file"] for row in rows]
    assert len({file.read_bytes() for file in files}) == len(files) == 400
    assert {file.suffix for file in files} == {".wav", ".flac", ".mp3"}
    assert sum(file.stat().st_size for file in files) < 6e6
    for row, file in zip(rows, files, strict=True):
        assert file.stem == f"{row['digit']}_{row['speaker']}_{row['take']}"


def test_takes_do_not_depend_on_what_was_said_before(corpus):
    takes = [take for take in digit_takes(1) if take.suffix == "wav"][::23]
    with open_speech() as say:
        for take in reversed(takes):
            stored, _ = read_audio(corpus / "audio" / take.file)
            samples = make_take(take, 1, say)
            assert np.abs(stored[0] - samples).max() < 1e-4
            assert 0.2 < len(samples) / take.speaker.sample_rate < 1.3
            assert np.abs(make_take(take, 2, say) - samples).max() > 1e-3


def test_digits_are_heard_across_speakers(corpus):
    """A linear model on a coarse spectrogram knows most digits of a speaker it never heard."""
    rows = read_table(corpus / "labels.csv")
    sounds = [read_audio(corpus / "audio" / row["file"], sample_rate=8000)[0][0] for row in rows]
    features = np.stack([coarse(sound) for sound in sounds])
    digits, speakers = ([row[key] for row in rows] for key in ("digit", "speaker"))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    scores = cross_val_score(model, features, digits, groups=speakers, cv=LeaveOneGroupOut())
    assert scores.mean() > 0.6
    voices = cross_val_score(model, features, speakers, cv=4)
    assert voices.mean() > 0.5  # and the voices differ


def coarse(sound):
    """Return the level in 16 bands at 12 moments of a word, the mean spectrum taken out."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, 256)[::80] * np.hanning(256)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.unique(np.geomspace(3, 128, 17).astype(int))
    bands = np.log(np.add.reduceat(power, edges[:-1], 1) + 1e-6)
    chosen = bands[np.linspace(0, len(bands) - 1, 12).astype(int)]
    return np.concatenate([(chosen - chosen.mean(0)).ravel(), chosen.mean(0) - chosen.mean()])

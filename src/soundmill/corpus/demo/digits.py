"""`demo:digits`: the digits in English, spoken by eight synthetic voices in noisy rooms.

The voices are those of eSpeak NG (`soundmill.synthesis.speech`), a separately installed program.
They are far more regular than people: figures on them show that a pipeline works, no more.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soxr
from scipy.signal import fftconvolve, lfilter

from soundmill.audio.files import write_audio
from soundmill.corpus.demo.digit_speakers import WORDS, Take, digit_takes
from soundmill.log import progress
from soundmill.seeds import derive
from soundmill.status import Row, write_table
from soundmill.synthesis.speech import Floats, Say, open_speech

LABEL_COLUMNS = ("file", "digit", "speaker", "take")
REVERBERATION = 0.25
"""Seconds in which a room's echo falls by 60 dB."""
SILENT = 1e-3
"""Samples below this at the ends of an utterance are cut."""


def compose_digits(output: Path, seed: int = 1, threads: int = 1) -> None:
    """Write the corpus of spoken digits; the same seed gives the same bytes.

    Parameters
    ----------
    output : folder that gets ``audio/<digit>_<speaker>_<take>.<wav, flac or mp3>`` at 8 or
        16 kHz, and ``labels.csv``: file, digit, speaker, take.
    threads : recordings written at once; only one is spoken at a time.

    Raises
    ------
    InputError
        When eSpeak NG is missing.
    """
    takes = digit_takes(seed)
    with open_speech() as say, ThreadPoolExecutor(threads) as pool:
        done = pool.map(lambda take: _write_take(take, output, seed, say), takes)
        labels = list(progress(done, total=len(takes), unit="recordings", label="compose"))
    write_table(output / "labels.csv", labels, LABEL_COLUMNS)


def _write_take(take: Take, output: Path, seed: int, say: Say) -> Row:
    samples = make_take(take, seed, say)
    write_audio(output / "audio" / take.file, samples[None], take.speaker.sample_rate)
    return {
        "file": take.file,
        "digit": str(take.digit),
        "speaker": take.speaker.name,
        "take": str(take.number),
    }


def make_take(take: Take, seed: int, say: Say) -> Floats:
    """Return the sound of one take: float32 (n,) at its speaker's sample rate."""
    spoken, rate = say(
        WORDS[take.digit],
        take.speaker.voice,
        rate=take.rate,
        pitch=take.pitch,
        inflection=take.inflection,
    )
    loud = np.flatnonzero(np.abs(spoken) > SILENT)
    wanted = take.speaker.sample_rate
    speech = soxr.resample(spoken[loud[0] : loud[-1] + 1], rate, wanted, quality="HQ")

    def random(use: str) -> np.random.Generator:
        return np.random.default_rng(derive(seed, "digits", take.file, use))

    return _in_room(speech, take, wanted, random)


def _in_room(
    speech: Floats, take: Take, rate: int, random: Callable[[str], np.random.Generator]
) -> Floats:
    """Return speech with echo and noise around it, at the take's level."""
    before, after = round(take.before * rate), round(take.after * rate)
    length = round(REVERBERATION * rate)
    fall = 10 ** (-3 * np.arange(length) / length)
    echo = random("echo").standard_normal(length) * fall
    echo *= take.echo / np.sqrt(np.sum(echo**2))
    echo[0] += 1
    dry = np.pad(speech.astype(np.float64), (before, after))
    heard = fftconvolve(dry, echo)[: len(dry)]
    noise = lfilter([1], [1, -0.9], random("noise").standard_normal(len(heard)))
    level = np.sqrt(np.mean(speech.astype(np.float64) ** 2)) * 10 ** (-take.noise_db / 20)
    heard += noise * level / np.sqrt(np.mean(noise**2))
    return (heard * (10 ** (take.peak_db / 20) / np.abs(heard).max())).astype(np.float32)

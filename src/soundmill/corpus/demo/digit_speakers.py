"""The speakers of `demo:digits`: who they are, and how each of their takes differs."""

from typing import NamedTuple

import numpy as np

from soundmill.seeds import derive

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TAKES = 5
SUFFIXES = ("wav", "flac", "mp3")


class Speaker(NamedTuple):
    """One voice of eSpeak NG with habits, and the microphone that it speaks into."""

    name: str
    voice: str
    pitch: int
    """0 to 100."""
    inflection: int
    """Range of the pitch, 0 to 100."""
    rate: int
    """Words a minute."""
    sample_rate: int
    """Hz of the recordings."""


SPEAKERS = (
    Speaker("alma", "en-us+f4", 55, 60, 150, 16000),
    Speaker("bruce", "en-gb-scotland+m2", 40, 55, 175, 8000),
    Speaker("clara", "en+steph", 62, 45, 165, 16000),
    Speaker("dean", "en-us+m7", 30, 35, 140, 8000),
    Speaker("edwin", "en-029+m4", 48, 65, 160, 16000),
    Speaker("fiona", "en-gb-x-rp+f1", 45, 50, 185, 8000),
    Speaker("gus", "en-us-nyc+grandpa", 35, 40, 130, 16000),
    Speaker("hanna", "en-gb-x-gbclan+Annie", 50, 50, 155, 8000),
)


class Take(NamedTuple):
    """One recording of one digit."""

    digit: int
    speaker: Speaker
    number: int
    """From 0."""
    rate: int
    pitch: int
    inflection: int
    peak_db: float
    """Level of the loudest sample, dBFS."""
    noise_db: float
    """Level of the room's noise below the speech, dB (both RMS)."""
    echo: float
    """Share of the room's echo, 0 to 1."""
    before: float
    after: float
    """Seconds of room noise around the word."""
    suffix: str

    @property
    def file(self) -> str:
        """Name of the recording: ``<digit>_<speaker>_<take>.<suffix>``."""
        return f"{self.digit}_{self.speaker.name}_{self.number}.{self.suffix}"


def digit_takes(seed: int) -> list[Take]:
    """Return all takes: each speaker says each digit `TAKES` times, never twice alike."""
    return [
        _take(digit, speaker, number, seed)
        for speaker in SPEAKERS
        for digit in range(len(WORDS))
        for number in range(TAKES)
    ]


def _take(digit: int, speaker: Speaker, number: int, seed: int) -> Take:
    random = np.random.default_rng(derive(seed, "digits", speaker.name, str(digit), str(number)))
    return Take(
        digit=digit,
        speaker=speaker,
        number=number,
        rate=round(speaker.rate * random.uniform(0.85, 1.2)),
        pitch=round(np.clip(speaker.pitch + random.uniform(-8, 8), 0, 99)),
        inflection=round(np.clip(speaker.inflection + random.uniform(-20, 20), 0, 99)),
        peak_db=random.uniform(-18, -2),
        noise_db=random.uniform(28, 45),
        echo=random.uniform(0.02, 0.15),
        before=random.uniform(0.02, 0.15),
        after=random.uniform(0.02, 0.15),
        suffix=SUFFIXES[(digit + number) % len(SUFFIXES)],
    )

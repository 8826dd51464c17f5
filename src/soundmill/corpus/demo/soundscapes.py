"""`demo:soundscapes`: nine kinds of surroundings at six sites, synthesised by recipes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from soundmill.corpus.demo.soundscape_catalogue import DemoSoundscape, soundscape_catalogue
from soundmill.corpus.demo.soundscape_files import write_recording
from soundmill.corpus.demo.soundscape_recipes import make_kind
from soundmill.corpus.demo.soundscape_site import mix, record
from soundmill.corpus.demo.soundscape_tools import Floats
from soundmill.log import progress
from soundmill.seeds import derive
from soundmill.status import Row, write_table

LABEL_COLUMNS = ("file", "kind", "site", "hour", "background", "level")
SAMPLE_RATE = 22050
"""Hz: what a corpus is decoded to unless its options say otherwise; more would only cost time."""


def compose_soundscapes(output: Path, seed: int = 1, threads: int = 1) -> None:
    """Write the corpus of soundscapes; the same seed gives the same bytes.

    Parameters
    ----------
    output : folder that gets ``audio/<name>`` (MP3, Ogg Vorbis and FLAC in turn) and
        ``labels.csv``: file, kind, site, hour (0 to 24), background (a second kind that is heard
        softly, or nothing) and level (how many dB that is below the first, or nothing).
    threads : recordings made at once.
    """
    recordings = soundscape_catalogue()
    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(lambda recording: write_soundscape(recording, output, seed), recordings)
        labels = list(progress(done, total=len(recordings), unit="recordings", label="compose"))
    write_table(output / "labels.csv", labels, LABEL_COLUMNS)


def write_soundscape(recording: DemoSoundscape, output: Path, seed: int) -> Row:
    """Write the audio of one recording and return its labels."""
    samples = make_soundscape(recording, SAMPLE_RATE, seed)
    write_recording(output / "audio" / recording.file, samples, SAMPLE_RATE)
    return {
        "file": recording.file,
        "kind": recording.kind,
        "site": recording.site.name,
        "hour": f"{recording.hour:g}",
        "background": recording.background,
        "level": f"{recording.level:g}" if recording.background else "",
    }


def make_soundscape(recording: DemoSoundscape, rate: int, seed: int) -> Floats:
    """Return the sound of one recording: float32 (n,), as its site's microphone heard it."""
    n = round(recording.seconds * rate)

    def random(use: str) -> np.random.Generator:
        return np.random.default_rng(derive(seed, "soundscapes", recording.file, use))

    sound = make_kind(recording.kind, recording.hour, n, rate, random("sound"))
    if recording.background:
        other = make_kind(recording.background, recording.hour, n, rate, random("background"))
        sound = mix(sound, other, recording.level)
    return record(sound, recording.site, recording.hour, rate, random("site"))

"""The most confident mistakes of a task, to hear and to see."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import read_audio, write_audio
from soundmill.files import read_json
from soundmill.report.pages import readable
from soundmill.report.style import canvas, save_figure

SAMPLE_RATE = 22_050
LONGEST_SECONDS = 15.0
"""Of a recording on the page; longer ones are cut in the middle of what is heard first."""
FRAME, HOP, BANDS = 1024, 256, 80


def show_mistakes(
    folder: str | os.PathLike[str],
    mistakes: str | os.PathLike[str],
    wav: Mapping[str, str],
    examples: Sequence[Mapping[str, str]],
) -> list[dict[str, Any]]:
    """Write the sound and spectrogram of each mistake, and return what the page says of them.

    Parameters
    ----------
    folder : gets ``mistake-<n>.mp3`` and ``.png``.
    mistakes : ``mistakes.json`` of `soundmill.classification.mistakes`.
    wav : folder of the WAV files of each bucket; empty for a task from a table, which has no
        sound.
    examples : rows of ``examples.csv``: id and bucket.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    buckets = {row["id"]: row["bucket"] for row in examples}
    data = read_json(mistakes)
    shown = []
    for number, row in enumerate(data["rows"], 1):
        item: dict[str, Any] = {
            "title": _title(row["source"]),
            "true": row.get("true") or "nothing",
            "learner": data["learner"],
            "tag": row.get("tag"),
            "top": [(entry["class"], entry.get("probability", entry.get("value")))
                    for entry in row["top"]],
            "neighbours": [{"title": _title(near["source"]), "label": near["true"]}
                           for near in row["neighbours"]],
            "sound": None,
            "picture": None,
        }  # fmt: skip
        bucket = buckets.get(row["id"], "")
        if bucket in wav:
            samples = _heard(Path(wav[bucket], f"{row['id']}.wav"))
            item |= {"sound": f"mistake-{number:02d}.mp3", "picture": f"mistake-{number:02d}.png"}
            write_audio(folder / item["sound"], samples[None], SAMPLE_RATE)
            plot_sound(folder / item["picture"], samples)
        shown.append(item)
    return shown


def _title(source: str) -> str:
    return readable(Path(source).name)


def _heard(path: Path) -> npt.NDArray[np.float32]:
    samples, _ = read_audio(path, sample_rate=SAMPLE_RATE)
    return samples[0, : round(LONGEST_SECONDS * SAMPLE_RATE)]


def mel_picture(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mel spectrogram (bands, frames) of samples (n,) in dB below its loudest point."""
    import librosa

    power = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE, n_fft=FRAME, hop_length=HOP, n_mels=BANDS
    )
    return np.asarray(librosa.power_to_db(power, ref=np.max, top_db=80), np.float32)


def plot_sound(path: Path, samples: npt.NDArray[np.float32]) -> None:
    """Plot the mel spectrogram of samples (n,), axes in seconds and hertz."""
    import librosa

    picture = mel_picture(samples)
    seconds = len(samples) / SAMPLE_RATE
    with canvas(4.2, 2.1) as figure:
        axes = figure.subplots()
        axes.imshow(picture, origin="lower", aspect="auto", cmap="magma",
                    extent=(0, seconds, 0, BANDS))  # fmt: skip
        edges = librosa.mel_frequencies(BANDS + 1, fmax=SAMPLE_RATE / 2)
        ticks = [200, 500, 1000, 2000, 5000, 10000]
        axes.set_yticks(np.interp(ticks, edges, range(BANDS + 1)), [f"{t:,}" for t in ticks])
        axes.set_xlabel("seconds")
        axes.set_ylabel("hertz")
        save_figure(figure, path, dpi=100)

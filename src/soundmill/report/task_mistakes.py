"""The most confident mistakes of a task, to hear and to see."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import read_audio, write_audio
from soundmill.files import read_json
from soundmill.report.pages import NARROW, readable
from soundmill.report.style import canvas, save_figure

SAMPLE_RATE = 22_050
LONGEST_SECONDS = 15.0
"""Of a recording on the page; of longer ones the beginning is heard."""
FRAME, HOP, BANDS = 1024, 256, 80
SEPARATOR = ";"
"""Between tags or values in ``mistakes.json``, as `soundmill.classification.task` has it."""


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
            "true": _label(row["true"], row, data["kind"]),
            "learner": data["learner"],
            "verdict": _verdict(row),
            "top": [(entry["class"], _said(entry)) for entry in row["top"]],
            "neighbours": [(_title(near["source"]), _label(near["true"], row, data["kind"]))
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


def _label(text: str, row: Mapping[str, Any], kind: str) -> str:
    """Return a true class, tags or values as the page shows them."""
    parts = text.split(SEPARATOR) if kind != "single" else [text]
    if kind == "regression":
        names = [entry["class"] for entry in row["top"]]
        parts = [f"{name} {value}" for name, value in zip(names, parts, strict=True)]
    return ", ".join(filter(None, parts)) or "nothing"


def _verdict(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return how the decision is wrong in words, the tag (if it is about one), its probability."""
    tag = row.get("tag")
    if tag is None:
        return "says", "", ""
    given = tag not in row["true"].split(SEPARATOR)
    share = row["confidence"] if given else 1 - row["confidence"]
    return "wrongly adds" if given else "wrongly leaves out", tag, _percent(share)


def _said(entry: Mapping[str, Any]) -> str:
    return f"{entry['value']:.3g}" if "value" in entry else _percent(entry["probability"])


def _percent(share: float) -> str:
    return f"{100 * share:.0f}{NARROW}%"


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

"""Some test pairs to see and to hear, clean, damaged and lying, and what everyone said of them."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import read_audio, write_audio
from soundmill.audio.perturbation import perturb
from soundmill.audio.perturbation_options import Augmentation
from soundmill.features.spectra import spectrum
from soundmill.features.spectra_options import SpectraOptions
from soundmill.fusion.conditions import CLEAN, LYING, MISSING
from soundmill.fusion.named_cases import case_key
from soundmill.fusion.outputs import Outputs, read_outputs
from soundmill.fusion.parts import by_fold
from soundmill.fusion.predictions import ALONE, Predictions, read_predictions
from soundmill.report.pages import NARROW, readable, words
from soundmill.report.recording_pictures import BANDS, WINDOW, draw_mel, draw_waveform
from soundmill.report.style import MUTED, canvas, save_figure
from soundmill.seeds import derive
from soundmill.status import read_table

MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
SHOWN = ("clean", "damaged", "lying")
"""Named cases that are shown end with one of these words."""
LONGEST_SECONDS = 10.0
"""Of a recording on the page."""
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SoundSource:
    """Where the recordings of a sound modality are, and how they were damaged.

    Attributes
    ----------
    wav : folder of the WAV files of each bucket. manifest : CSV that knows bucket and source.
    sample_rate : of the spectra, Hz, at which damage was done.
    augmentations : by name of the damage; the copy that is heard is the one encoders heard.
    """

    wav: Mapping[str, str | os.PathLike[str]]
    manifest: str | os.PathLike[str]
    sample_rate: int
    augmentations: Mapping[str, Augmentation] = field(default_factory=dict)


def show_samples(
    folder: str | os.PathLike[str],
    *,
    predictions: Mapping[str, str | os.PathLike[str]],
    outputs: Mapping[str, Sequence[str | os.PathLike[str]]],
    sounds: Mapping[str, SoundSource],
    manifests: Mapping[str, str | os.PathLike[str]],
    named: Mapping[str, str],
    use: str,
    count: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Write pictures and sounds of some test pairs, and return what the page says of them.

    Every other pair is drawn at random; the others are drawn from those that the fusion in use gets
    wrong in a case shown, as long as there are some.

    Parameters
    ----------
    folder : gets ``pair-<n>-<case>.png`` and ``-<modality>.mp3``.
    predictions, outputs : as `soundmill.fusion.evaluation.evaluate_fusion` takes them.
    sounds : the modalities that can be heard. The others are shown by what ``outputs`` has of them.
    manifests : manifest of each of the others, for the names of their originals.
    named : key of case by name; all clean, damaged and lying ones are shown.
    use : the fusion in use. count : of pairs.

    Raises
    ------
    InputError
        When a recording cannot be read.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    folds = {name: read_predictions(path) for name, path in predictions.items()}
    places = {m: by_fold(m, outputs[m], list(folds)) for m in outputs}
    shown = {name: key for name, key in named.items() if name.endswith(SHOWN)}
    rows = {m: {row["id"]: row for row in read_table(source.manifest)}
            for m, source in sounds.items()}  # fmt: skip
    titles = {m: {row["id"]: row["source"] for row in read_table(path)}
              for m, path in manifests.items()}  # fmt: skip
    titles |= {m: {name: row["source"] for name, row in known.items()} for m, known in rows.items()}
    found = []
    for number, (fold, pair) in enumerate(choose_pairs(folds, shown, use, count, seed), 1):
        here = {m: read_outputs(places[m][fold]) for m in outputs}
        told = folds[fold]
        item: dict[str, Any] = {
            "target": readable(told.classes[told.targets[pair]]),
            "group": readable(str(told.groups[pair])),
            "samples": [(m, _title(titles, m, str(told.ids[m][pair]))) for m in told.modalities],
            "cells": [],
        }
        for name, key in shown.items():
            case = next(case for case in told.cases if case_key(case) == key)
            stem = f"pair-{number:02d}-{name.replace(' ', '-')}"
            cell: dict[str, Any] = {
                "name": name,
                "said": said(told, pair, told.cases.index(case), use),
                "weights": leaning(told, pair, told.cases.index(case), use),
                "lie": _lie(told, case, pair, here),
                "picture": f"{stem}.png",
                "sounds": [],
            }
            heard = {m: _heard(source, rows[m], told, m, pair, case)
                     for m, source in sounds.items()}  # fmt: skip
            seen = {m: _seen(here[m], told, m, pair, case) for m in outputs if m not in sounds}
            draw_pair(folder / cell["picture"], heard, seen, told.modalities)
            for m, sound in heard.items():
                if sound is not None:
                    write_audio(folder / f"{stem}-{m}.mp3", sound[0][None], sound[1])
                    cell["sounds"].append((m, f"{stem}-{m}.mp3"))
            item["cells"].append(cell)
        found.append(item)
    return found


def choose_pairs(
    folds: Mapping[str, Predictions], shown: Mapping[str, str], use: str, count: int, seed: int
) -> list[tuple[str, int]]:
    """Return fold and number of the pairs to show: at random, and wrong ones, by turns."""
    random = np.random.default_rng(derive(seed, "fusion", "shown pairs"))
    every = [(name, pair) for name, fold in folds.items() for pair in range(len(fold.targets))]
    wrong: set[tuple[str, int]] = set()
    for name, fold in folds.items():
        row = _row(fold, use)
        for number, case in enumerate(fold.cases):
            if case_key(case) in shown.values():
                bad = fold.probabilities[row, number].argmax(axis=1) != fold.targets
                wrong |= {(name, int(pair)) for pair in np.flatnonzero(bad)}
    order = [every[i] for i in random.permutation(len(every))]
    hard = [pair for pair in order if pair in wrong]
    chosen: dict[tuple[str, int], None] = {}
    used: set[str] = set()
    for number in range(min(count, len(every))):
        pool = [pair for pair in hard if pair not in chosen] if number % 2 else []
        pool = pool or [pair for pair in order if pair not in chosen]
        # of another class than those before, as long as there is one: else the first
        fresh = [pair for pair in pool if _class(folds, pair) not in used]
        pair = (fresh or pool)[0]
        chosen[pair] = None
        used.add(_class(folds, pair))
    return list(chosen)


def _class(folds: Mapping[str, Predictions], pair: tuple[str, int]) -> str:
    fold = folds[pair[0]]
    return fold.classes[fold.targets[pair[1]]]


def _row(fold: Predictions, name: str) -> int:
    return next(i for i, entry in enumerate(fold.entries) if entry.name == name)


def said(fold: Predictions, pair: int, case: int, use: str) -> list[dict[str, Any]]:
    """Return what each modality alone and the fusion in use say of a pair: class, share, right."""
    found = []
    for row, entry in enumerate(fold.entries):
        if entry.seed != 1 or not (entry.kind == ALONE or entry.name == use):
            continue
        values = np.asarray(fold.probabilities[row, case, pair], np.float64)
        line: dict[str, Any] = {"entry": entry.name, "use": entry.name == use, "label": None}
        if not np.isnan(values).any():
            best = int(values.argmax())
            line |= {
                "label": readable(fold.classes[best]),
                "share": percent_words(float(values[best])),
                "right": best == fold.targets[pair],
            }
        found.append(line)
    return found


def percent_words(share: float) -> str:
    """Return a probability for people; only certainty is 100 %, and half precision is not that."""
    return f"> 99{NARROW}%" if share >= 0.995 else f"{100 * share:.0f}{NARROW}%"


def leaning(fold: Predictions, pair: int, case: int, use: str) -> list[tuple[str, str]]:
    """Return the weight of each modality in the fusion in use, "" where it has none."""
    values = np.asarray(fold.weights[_row(fold, use), case, pair], np.float64)
    if np.isnan(values).all():
        return []
    return [
        (name, f"{100 * value:.0f}{NARROW}%")
        for name, value in zip(fold.modalities, np.nan_to_num(values), strict=True)
    ]


def _title(titles: Mapping[str, Mapping[str, str]], modality: str, name: str) -> str:
    return readable(Path(titles.get(modality, {}).get(name, name)).name)


def _sample(fold: Predictions, modality: str, pair: int, condition: str) -> str:
    names = fold.lying if condition == LYING else fold.ids
    return str(names[modality][pair])


def _condition(fold: Predictions, modality: str, case: Sequence[str]) -> str:
    return case[fold.modalities.index(modality)]


def _lie(
    fold: Predictions, case: Sequence[str], pair: int, here: Mapping[str, Outputs]
) -> str | None:
    """Return what a lying modality shows instead, in words."""
    for modality, condition in zip(fold.modalities, case, strict=True):
        if condition == LYING:
            outputs = here[modality]
            row = np.flatnonzero(outputs.ids == _sample(fold, modality, pair, LYING))[0]
            return f"{modality} is of {readable(outputs.classes[outputs.targets[row]])}"
    return None


def _heard(
    source: SoundSource,
    rows: Mapping[str, Mapping[str, str]],
    fold: Predictions,
    modality: str,
    pair: int,
    case: Sequence[str],
) -> tuple[Samples, int] | None:
    """Return what is heard of a modality in a case, samples (n,) and their rate, or nothing."""
    condition = _condition(fold, modality, case)
    if condition == MISSING:
        return None
    name = _sample(fold, modality, pair, condition)
    path = Path(source.wav[rows[name]["bucket"]], f"{name}.wav")
    samples, rate = read_audio(path, sample_rate=source.sample_rate)
    sound = samples[0]
    if condition not in (CLEAN, LYING):
        change = source.augmentations[condition]
        sound = perturb(sound, rate, change, derive(change.seed, condition, name, "1"))
    peak = float(np.abs(sound).max(initial=0))
    sound = sound[: round(LONGEST_SECONDS * rate)] / max(peak, 1.0)
    wanted = next((known for known in MP3_RATES if known >= rate), MP3_RATES[-1])
    if wanted != rate:
        import librosa

        sound, rate = librosa.resample(sound, orig_sr=rate, target_sr=wanted), wanted
    return np.asarray(sound, np.float32), rate


def _seen(
    outputs: Outputs, fold: Predictions, modality: str, pair: int, case: Sequence[str]
) -> npt.NDArray[np.uint8] | None:
    condition = _condition(fold, modality, case)
    if condition == MISSING:
        return None
    row = np.flatnonzero(outputs.ids == _sample(fold, modality, pair, condition))[0]
    kept = CLEAN if condition == LYING else condition
    return np.asarray(outputs.pictures[outputs.conditions.index(kept), row])


def draw_pair(
    path: Path,
    heard: Mapping[str, tuple[Samples, int] | None],
    seen: Mapping[str, npt.NDArray[np.uint8] | None],
    order: Sequence[str],
) -> None:
    """Draw what is seen beside waveform and mel spectrogram (dB) of what is heard.

    Parameters
    ----------
    heard : samples (n,) and rate in Hz by modality. seen : picture (r, c) of levels 0 to 255.
        None is drawn as missing.
    order : of the modalities.
    """
    ratios = [1.0 if name in seen else 2.1 for name in order]
    with canvas(1.9 * sum(ratios), 2.9) as figure:
        grid = figure.add_gridspec(2, len(order), width_ratios=ratios)
        for place, name in enumerate(order):
            if name in seen:
                _draw_seen(figure.add_subplot(grid[:, place]), name, seen[name])
            elif heard[name] is None:
                _draw_seen(figure.add_subplot(grid[:, place]), name, None)
            else:
                cells = [figure.add_subplot(grid[row, place]) for row in range(2)]
                _draw_heard(figure, cells, heard[name])
        save_figure(figure, path, dpi=120)


def _draw_seen(axes: Any, name: str, picture: npt.NDArray[np.uint8] | None) -> None:
    axes.set_title(words(name), fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    if picture is None:
        axes.text(0.5, 0.5, "missing", ha="center", va="center", color=MUTED)
        return
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255)


def _draw_heard(figure: Any, cells: Sequence[Any], sound: Any) -> None:
    samples, rate = sound
    n_fft = max(64, 2 ** round(math.log2(WINDOW * rate)))
    options = SpectraOptions(
        sample_rate=rate, n_fft=n_fft, hop=max(1, n_fft // 4), bands=BANDS, fmin=20.0
    )
    draw_waveform(cells[0], samples, rate)
    image = draw_mel(cells[1], spectrum(samples, options), options)
    cells[0].set_ylabel("amplitude")
    cells[1].set_ylabel("Hz (mel)")
    cells[1].set_xlabel("time (s)", fontsize=7)
    bar = figure.colorbar(image, ax=cells[1], pad=0.01)
    bar.set_label("dB", fontsize=7)
    bar.ax.tick_params(labelsize=6.5)
    for axes, title in zip(cells, ("waveform", "mel spectrogram"), strict=True):
        axes.set_title(title, fontsize=8)
        axes.set_xlim(0, max(len(samples), 2) / rate)
        axes.tick_params(labelsize=6.5)
        axes.yaxis.label.set_size(7)

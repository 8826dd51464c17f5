"""Some test pairs to see and to hear, clean, damaged and lying, and what everyone said of them."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from soundmill.audio.files import read_audio, write_audio
from soundmill.audio.perturbation import perturb
from soundmill.audio.perturbation_options import Augmentation
from soundmill.features.spectra import spectrum
from soundmill.features.spectra_options import SpectraOptions
from soundmill.files import atomic_path
from soundmill.fusion.conditions import CLEAN, LYING, MISSING
from soundmill.fusion.named_cases import case_key
from soundmill.fusion.outputs import Outputs, read_outputs
from soundmill.fusion.parts import by_fold
from soundmill.fusion.predictions import ALONE, Predictions, read_predictions
from soundmill.report.pages import NARROW, readable
from soundmill.report.recording_pictures import BANDS, WINDOW, draw_mel, draw_waveform
from soundmill.report.style import canvas, save_figure
from soundmill.seeds import derive
from soundmill.status import read_table

MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
SHOWN = ("clean", "damaged", "lying")
"""Named cases that are shown end with one of these words."""
LONGEST_SECONDS = 10.0
"""Of a recording on the page."""
ENLARGED = 5
"""Each point of a picture becomes a square of this many."""
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
    folder : gets ``pair-<n>-<modality>-<condition>.png``, and ``.mp3`` of what is heard.
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
        made: dict[tuple[str, str], dict[str, Any]] = {}
        for name, key in shown.items():
            case = next(case for case in told.cases if case_key(case) == key)
            at = told.cases.index(case)
            cell: dict[str, Any] = {
                "name": name,
                "said": said(told, pair, at, use),
                "weights": leaning(told, pair, at, use),
                "lie": _lie(told, case, pair, here),
                "shown": [],
            }
            for m, condition in zip(told.modalities, case, strict=True):
                if (m, condition) not in made:
                    stem = folder / f"pair-{number:02d}-{m}-{condition}"
                    sample = _sample(told, m, pair, condition)
                    made[m, condition] = (
                        _show_sound(stem, sounds[m], rows[m][sample], sample, condition)
                        if m in sounds
                        else _show_picture(stem, here[m], sample, condition)
                    )
                cell["shown"].append({"modality": m, **made[m, condition]})
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


def _show_sound(
    stem: Path, source: SoundSource, row: Mapping[str, str], name: str, condition: str
) -> dict[str, Any]:
    """Write what is heard of a sample under a condition, and its picture; return their names."""
    if condition == MISSING:
        return {"picture": None, "sound": None, "heard": True}
    samples, rate = read_audio(
        Path(source.wav[row["bucket"]], f"{name}.wav"), sample_rate=source.sample_rate
    )
    sound = samples[0]
    if condition not in (CLEAN, LYING):
        change = source.augmentations[condition]
        sound = perturb(sound, rate, change, derive(change.seed, condition, name, "1"))
    sound = sound[: round(LONGEST_SECONDS * rate)]
    sound = sound / max(float(np.abs(sound).max(initial=0)), 1.0)
    wanted = next((known for known in MP3_RATES if known >= rate), MP3_RATES[-1])
    if wanted != rate:
        import librosa

        sound, rate = librosa.resample(sound, orig_sr=rate, target_sr=wanted), wanted
    sound = np.asarray(sound, np.float32)
    picture, heard = (stem.with_name(stem.name + suffix) for suffix in (".png", ".mp3"))
    write_audio(heard, sound[None], rate)
    draw_sound(picture, sound, rate)
    return {"picture": picture.name, "sound": heard.name, "heard": True}


def _show_picture(stem: Path, outputs: Outputs, name: str, condition: str) -> dict[str, Any]:
    """Write what is seen of a sample under a condition, each of its points a square."""
    if condition == MISSING:
        return {"picture": None, "sound": None, "heard": False}
    kept = CLEAN if condition == LYING else condition
    row = np.flatnonzero(outputs.ids == name)[0]
    levels = np.asarray(outputs.pictures[outputs.conditions.index(kept), row])
    picture = stem.with_name(stem.name + ".png")
    with atomic_path(picture) as temporary:
        Image.fromarray(levels.repeat(ENLARGED, 0).repeat(ENLARGED, 1)).save(temporary)
    return {"picture": picture.name, "sound": None, "heard": False}


def draw_sound(path: Path, samples: Samples, rate: int) -> None:
    """Draw waveform and mel spectrogram (dB below the loudest) of samples (n,), rate in Hz."""
    n_fft = max(64, 2 ** round(math.log2(WINDOW * rate)))
    options = SpectraOptions(
        sample_rate=rate, n_fft=n_fft, hop=max(1, n_fft // 8), bands=BANDS, fmin=20.0
    )
    with canvas(3.3, 2.5) as figure:
        # fixed places: to find them takes as long as to draw
        figure.set_layout_engine("none")
        waves = figure.add_axes((0.15, 0.71, 0.71, 0.2))
        levels = figure.add_axes((0.15, 0.16, 0.71, 0.39))
        scale = figure.add_axes((0.88, 0.16, 0.025, 0.39))
        draw_waveform(waves, samples, rate)
        image = draw_mel(levels, spectrum(samples, options), options)
        waves.set_ylabel("amplitude", fontsize=7)
        levels.set_ylabel("Hz (mel)", fontsize=7)
        levels.set_xlabel("time (s)", fontsize=7, labelpad=1)
        figure.colorbar(image, cax=scale, ticks=[-80, -40, 0])
        scale.set_title("dB", fontsize=7, fontweight="normal")
        for axes, title in ((waves, "waveform"), (levels, "mel spectrogram")):
            axes.set_title(title, fontsize=8, pad=3)
            axes.set_xlim(0, max(len(samples), 2) / rate)
        for axes in (waves, levels, scale):
            axes.tick_params(labelsize=6.5, pad=2)
        waves.set_yticks([0])
        save_figure(figure, path, dpi=130)

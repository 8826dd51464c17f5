"""Clips for the evaluation: real ones, and what the model and the baselines make beside them."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from soundmill.audio.files import Samples
from soundmill.log import progress
from soundmill.seeds import derive
from soundmill.soundscape.conditions import Script
from soundmill.soundscape.evaluation_options import SoundscapeEvaluationOptions
from soundmill.soundscape.frontend import istft, stft
from soundmill.soundscape.generation import NeuralGenerator
from soundmill.soundscape.generation_options import SamplingOptions
from soundmill.soundscape.granular import Granular
from soundmill.soundscape.granular_options import GranularOptions
from soundmill.soundscape.model import load_model
from soundmill.soundscape.noise import pink_noise
from soundmill.soundscape.recordings import Recording, read_recordings
from soundmill.soundscape.sounds import MemorySound
from soundmill.soundscape.synthesis import fast_griffin_lim
from soundmill.status import Row, read_table, write_table

COLUMNS = ("kind", "file", "source", "label", "reference")
ITERATIONS = 32
"""Of Griffin-Lim, where magnitudes alone are to be heard."""
HEADROOM = 0.25
"""Clips are written 12 dB lower, so that the peaks of fire and thunder fit."""


def make_clips(
    model: str | os.PathLike[str],
    recordings: str | os.PathLike[str],
    output: Path,
    options: SoundscapeEvaluationOptions,
    sampling: SamplingOptions,
    granular: GranularOptions,
    *,
    seed: int,
    threads: int | None = None,
) -> None:
    """Write clips of all kinds as 24-bit WAV files, and ``clips.csv`` (`COLUMNS`).

    Kinds: ``train`` and ``real`` (held out); of held-out clips their ``reconstruction`` from
    latents, their own magnitudes with new phases (``phase``), a ``variation`` and pink ``noise`` at
    their level; and with the labels of held-out clips new ``sample`` and ``granular`` ones.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    maker = _Maker(model, recordings, output, options, sampling, granular, seed)
    rows = list(maker.rows())
    write_table(output / "clips.csv", rows, COLUMNS)


class _Maker:
    def __init__(
        self,
        model: str | os.PathLike[str],
        recordings: str | os.PathLike[str],
        output: Path,
        options: SoundscapeEvaluationOptions,
        sampling: SamplingOptions,
        granular: GranularOptions,
        seed: int,
    ) -> None:
        self._output, self._options, self._seed = output, options, seed
        self._count = 0
        output.mkdir(parents=True, exist_ok=True)
        self._model = load_model(model)
        self._front = self._model.front
        self._generator = NeuralGenerator(self._model, sampling)
        self._train = read_recordings(recordings, "train")
        self._real = read_recordings(recordings, "test")
        self._granular = Granular(
            training_rows(recordings), self._front.vocabulary, granular,
            self._front.sample_rate, self._front.channels,
        )  # fmt: skip
        self._category = next(
            (n for n, c in self._front.vocabulary.columns.items() if c.kind == "category"), None
        )

    def rows(self) -> Iterator[Row]:
        """Write clip after clip, and yield what clips.csv says of each."""
        options, rate = self._options, self._front.sample_rate
        length = round(options.clip_seconds * rate)
        for recording, first in places(self._train, length, options.real_clips):
            clip = recording.read(first, length, self._front.channels)
            yield self._write("train", clip, recording)
        held_out = places(self._real, length, options.real_clips)
        chosen = spread([self._label(part) for part, _ in held_out], options.reconstructions)
        for number, (recording, first) in enumerate(_told(held_out, "held-out clips")):
            clip = recording.read(first, length, self._front.channels)
            row = self._write("real", clip, recording)
            yield row
            if number in chosen:
                yield from self._counterparts(clip, recording, str(row["file"]))
        wanted = held_out or places(self._train, length, options.real_clips)
        for number in _told(range(options.samples), "new clips"):
            yield from self._new(number, wanted[number % len(wanted)][0], length)

    def _counterparts(self, clip: Samples, recording: Recording, reference: str) -> Iterator[Row]:
        labels = self._front.vocabulary.wish(recording.labels)
        sound, name = MemorySound(clip), reference.rsplit(".", 1)[0]
        seconds = clip.shape[1] / self._front.sample_rate
        seed = derive(self._seed, "counterpart", name)
        made = self._generator.reconstruction(sound, ITERATIONS, labels)
        yield self._write("reconstruction", made, recording, reference)
        yield self._write("phase", self._new_phases(clip, seed), recording, reference)
        blocks = self._generator.variation(
            sound, seconds, self._options.variation_strength, seed, labels
        )
        yield self._write("variation", np.concatenate(list(blocks), axis=1), recording, reference)
        level = float(np.sqrt(np.square(clip).mean()))
        noise = pink_noise(
            clip.shape[1], len(clip), seed, level, sample_rate=self._front.sample_rate
        )
        yield self._write("noise", noise, recording, reference)

    def _new_phases(self, clip: Samples, seed: int) -> Samples:
        """Return a clip whose magnitudes are its own and whose phases are found anew."""
        front = self._front
        samples = torch.from_numpy(clip)
        size = stft(samples, front.n_fft, front.hop).abs()
        random = torch.Generator().manual_seed(seed)
        angle = torch.rand(size.shape, generator=random) * (2 * math.pi)
        found = fast_griffin_lim(
            size, torch.polar(torch.ones_like(angle), angle), front.n_fft, front.hop, ITERATIONS
        )
        return istft(found, front.n_fft, front.hop, samples.shape[1]).numpy()

    def _new(self, number: int, like: Recording, length: int) -> Iterator[Row]:
        script = Script(self._front.vocabulary, [(0.0, self._front.vocabulary.wish(like.labels))])
        seconds = length / self._front.sample_rate
        for kind, generator in (("sample", self._generator), ("granular", self._granular)):
            seed = derive(self._seed, kind, str(number))
            made = np.concatenate(list(generator.stream(script, seconds, seed)), axis=1)
            yield self._write(kind, made, None, label=self._label(like))

    def _label(self, recording: Recording) -> str:
        return (recording.labels.get(self._category) or "").strip() if self._category else ""

    def _write(
        self, kind: str, samples: Samples, recording: Recording | None, reference: str = "",
        label: str | None = None,
    ) -> Row:  # fmt: skip
        if label is None:
            label = self._label(recording) if recording else ""
        self._count += 1
        name = f"{self._count:05d}-{kind}.wav"
        scaled = np.clip(samples * np.float32(HEADROOM), -1, 1)
        soundfile.write(self._output / name, scaled.T, self._front.sample_rate, subtype="PCM_24")
        source = recording.id if recording else ""
        return {
            "kind": kind, "file": name, "source": source, "label": label, "reference": reference,
        }  # fmt: skip


def places(recordings: Iterable[Recording], length: int, most: int) -> list[tuple[Recording, int]]:
    """Return at most so many places (recording, first sample), taken in turn from all recordings.

    Clips of a recording do not overlap; a recording shorter than a clip gives one.
    """
    each = []
    for recording in recordings:
        count = max(1, recording.frames // length)
        gap = max(recording.frames - count * length, 0) / max(count, 1)
        each.append([(recording, round(k * (length + gap))) for k in range(count)])
    found: list[tuple[Recording, int]] = []
    for turn in range(max(map(len, each), default=0)):
        # the middle first: where a recording gives few clips, not all of them are beginnings
        found += [own[_turn(turn, len(own))] for own in each if turn < len(own)]
    return found[:most]


def _turn(turn: int, count: int) -> int:
    """Return the place that comes in turn: the middle, then every seventh or so, each once."""
    step = next(step for step in range(7, 2 * count + 8) if math.gcd(step, count) == 1)
    return (turn * step + count // 2) % count


def spread(labels: Sequence[str], most: int) -> set[int]:
    """Return at most so many numbers of clips: one of each label, then another of each, ..."""
    seen: Counter[str] = Counter()
    turns = []
    for number, label in enumerate(labels):
        turns.append((seen[label], number))
        seen[label] += 1
    return {number for _, number in sorted(turns)[:most]}


def training_rows(table: str | os.PathLike[str]) -> list[Mapping[str, str]]:
    """Return the rows of the training parts, which the granular baseline reads."""
    return [row for row in read_table(table) if row["split"] == "train"]


def _told(items: Any, label: str) -> Iterator[Any]:
    return progress(items, total=len(items), unit="clips", label=label)

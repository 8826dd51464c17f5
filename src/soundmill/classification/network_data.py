"""What a network sees: crops of the training recordings, overlapping chunks of all others."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import librosa
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.classification.network_options import ClassifierOptions
from soundmill.errors import InputError
from soundmill.features.spectra_options import SpectraOptions
from soundmill.seeds import derive

Spectrum = npt.NDArray[Any]
"""(frames, bands) in dB."""


MARGIN = 2
"""Quiet frames kept at either end where silence is cut off."""
SILENCE = -200.0
"""Level (dB) of padding, below all that is stored."""


class Store(Protocol):
    """Where spectra are read: `soundmill.features.spectra_store.SpectraStore`."""

    def __contains__(self, name: object) -> bool:
        """Tell whether a recording has a spectrum."""

    def __getitem__(self, name: str) -> Spectrum:
        """Return the spectrum of a recording."""

    def copies(self, name: str) -> Sequence[Spectrum]:
        """Return the spectra of its augmented copies."""


def band_frequencies(options: SpectraOptions) -> npt.NDArray[np.float64] | None:
    """Return the centre (Hz) of each band (F,), or None where columns are no frequency bands."""
    if options.kind == "logmel":
        edges = librosa.mel_frequencies(options.bands + 2, fmin=options.fmin, fmax=options.highest)
        return np.asarray(edges[1:-1], np.float64)
    if options.kind == "cqt":
        steps = np.arange(options.bands) / options.bins_per_octave
        return np.asarray(options.fmin * 2.0**steps, np.float64)
    return None


@dataclass(frozen=True)
class Material:
    """What one training learns from, and what it may stop by.

    Attributes
    ----------
    kind : of the task.
    outputs : number c of classes or values.
    store, copies : spectra of the recordings; of their augmented copies by augmentation.
    train, valid : identifiers of the two parts; valid may be empty.
    train_targets, valid_targets : (n, c) float32; single: one 1 a row.
    frame_rate : spectral frames a second.
    frequencies : centre (Hz) of each band, or None where bands have none.
    """

    kind: str
    outputs: int
    store: Store
    copies: Mapping[str, Store]
    train: Sequence[str]
    train_targets: npt.NDArray[np.float32]
    valid: Sequence[str]
    valid_targets: npt.NDArray[np.float32]
    frame_rate: float
    frequencies: npt.NDArray[Any] | None = None

    @property
    def bands(self) -> int:
        """Bands of the spectra."""
        return int(self.store[self.train[0]].shape[1])


def chunk_frames(options: ClassifierOptions, frame_rate: float) -> int:
    """Return the frames of a chunk.

    Raises
    ------
    InputError
        when the chunk is shorter than what the network averages into a few frames.
    """
    frames = round(options.chunk_seconds * frame_rate)
    if frames < 4 * options.reduce_frames:
        raise InputError(
            f"chunk_seconds {options.chunk_seconds} is only {frames} frames of the spectra; "
            f"a network needs at least {4 * options.reduce_frames}"
        )
    return frames


def audible(spectrum: Spectrum, options: ClassifierOptions) -> npt.NDArray[np.intp]:
    """Return the numbers of the frames that the option ``silence`` leaves; never none."""
    every = np.arange(len(spectrum))
    if options.silence == "keep":
        return every
    level = spectrum.max(axis=1)
    loud = np.flatnonzero(level >= level.max() - options.silence_below)
    if options.silence == "drop":
        return loud
    return every[max(loud[0] - MARGIN, 0) : loud[-1] + 1 + MARGIN]


def read_frames(
    spectrum: Spectrum, start: float, count: int, pace: float, padding: str
) -> npt.NDArray[np.float32]:
    """Read ``count`` frames from ``start`` on, ``pace`` frames apart, between frames interpolated.

    Outside the recording it begins anew (``padding: repeat``), or there is digital silence.
    """
    size = len(spectrum)
    if pace == 1 and start == int(start) and 0 <= start <= size - count:
        return spectrum[int(start) : int(start) + count].astype(np.float32)
    places = start + pace * np.arange(count)
    low = np.floor(places).astype(np.intp)
    share = (places - low).astype(np.float32)[:, None]
    if padding == "repeat":
        first, second = spectrum[low % size], spectrum[(low + 1) % size]
        return first.astype(np.float32) * (1 - share) + second.astype(np.float32) * share
    first = spectrum[low.clip(0, size - 1)].astype(np.float32)
    second = spectrum[(low + 1).clip(0, size - 1)].astype(np.float32)
    outside = (places < -0.5) | (places > size - 0.5)
    read = first * (1 - share) + second * share
    return np.where(outside[:, None], np.float32(SILENCE), read)


def cut_chunks(
    spectrum: Spectrum, frames: int, options: ClassifierOptions
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    """Return overlapping chunks (s, frames, bands) of a recording, and the frame each begins at.

    The last chunk ends with the recording. A recording shorter than a chunk gives one: repeated
    from its beginning, or in the middle of silence.
    """
    kept = audible(spectrum, options)
    spectrum = spectrum[kept] if len(kept) < len(spectrum) else spectrum
    room = len(spectrum) - frames
    if room <= 0:
        start = 0 if options.padding == "repeat" else room // 2
        chunk = read_frames(spectrum, start, frames, 1.0, options.padding)
        return chunk[None], kept[:1]
    step = max(round(frames * (1 - options.overlap)), 1)
    starts = np.append(np.arange(0, room, step), room)
    chunks = np.stack([spectrum[start : start + frames] for start in starts])
    return chunks.astype(np.float32), kept[starts]


@dataclass
class Batch:
    """Crops ``x`` (B, T, F) or bags of them (B, S, T, F), and targets (B, c).

    ``pitch`` (B,) or (B, S) is the factor of all frequencies that goes with the pace the crops were
    read at, or None; ``seed`` decides what else is changed in them.
    """

    x: Tensor
    targets: Tensor
    pitch: Tensor | None
    seed: int


class Crops:
    """Random crops of the training part; what they are is a function of seed, epoch and number."""

    def __init__(self, material: Material, options: ClassifierOptions, seed: int) -> None:
        self._material, self._options, self._seed = material, options, seed
        self._frames = chunk_frames(options, material.frame_rate)
        self._bag = options.attention_chunks if options.aggregation == "attention" else 1
        self._examples = len(material.train) * options.crops
        self.batches = math.ceil(self._examples / options.batch)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Give the batches of an epoch; their sizes differ by one at most."""
        order = np.random.default_rng(derive(self._seed, "order", str(epoch)))
        numbers = order.permutation(self._examples) % len(self._material.train)
        for number, rows in enumerate(np.array_split(numbers, self.batches)):
            yield self._batch(rows, derive(self._seed, "crops", str(epoch), str(number)))

    def _batch(self, rows: npt.NDArray[np.intp], seed: int) -> Batch:
        random = np.random.default_rng(seed)
        spectral = self._options.spectral
        shape = (len(rows), self._bag)
        tape = _factors(random, shape, spectral.tape)
        pace = tape * _factors(random, shape, spectral.speed)
        crops = [
            self._crop(self._choose(self._material.train[row], random), step, random)
            for row, paces in zip(rows, pace, strict=True)
            for step in paces
        ]
        x = torch.from_numpy(np.stack(crops)).unflatten(0, shape)
        pitch = torch.from_numpy(tape).float() if spectral.tape > 0 else None
        if self._options.aggregation != "attention":
            x, pitch = x[:, 0], None if pitch is None else pitch[:, 0]
        targets = torch.from_numpy(self._material.train_targets[rows])
        return Batch(x, targets, pitch, derive(seed, "changes"))

    def _choose(self, name: str, random: np.random.Generator) -> Spectrum:
        """The recording, or one of its stored copies."""
        stores = list(self._material.copies.values())
        if stores and random.random() < self._options.augmented_share:
            copies = stores[int(random.integers(len(stores)))].copies(name)
            if len(copies):
                return copies[int(random.integers(len(copies)))]
        return self._material.store[name]

    def _crop(self, spectrum: Spectrum, pace: float, random: np.random.Generator) -> Spectrum:
        kept = audible(spectrum, self._options)
        spectrum = spectrum[kept] if len(kept) < len(spectrum) else spectrum
        room = len(spectrum) - self._frames * pace
        if room < 0 and self._options.padding == "repeat":
            start = random.uniform(0, len(spectrum))
        else:  # anywhere in the recording, or the recording anywhere in the crop
            start = random.uniform(min(room, 0), max(room, 0))
        start = float(int(start)) if pace == 1 else start
        return read_frames(spectrum, start, self._frames, float(pace), self._options.padding)


def _factors(
    random: np.random.Generator, shape: tuple[int, int], change: float
) -> npt.NDArray[np.float64]:
    """Factors of which those above and below 1 are alike, at most 1 + ``change``."""
    return np.exp(random.uniform(-1, 1, shape) * math.log1p(change))

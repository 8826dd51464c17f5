"""Compose: new pieces from nothing, and continuations of primers, several at once."""

import math
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.errors import InputError
from soundmill.log import LOG_INTERVAL_SECONDS, logger
from soundmill.music.data import check_tokens
from soundmill.music.events import decode, encode
from soundmill.music.generation_options import GenerationOptions
from soundmill.music.grammar import Grammar
from soundmill.music.model import MusicTransformer, check_shards, load_model
from soundmill.music.sampling import Repetition, clip_shifts, draw, shape
from soundmill.music.shards import ShardReader
from soundmill.music.vocabulary import START, STEPS_PER_SECOND, TIME_SHIFT, TIME_SHIFTS
from soundmill.notes import NOTE, Notes, read_midi, write_midi
from soundmill.seeds import derive
from soundmill.status import write_table

Tokens = npt.NDArray[np.int64]
PIECE_COLUMNS = (
    "id", "kind", "primer", "recording", "source", "primer_seconds", "seconds", "notes", "seed",
    "split",
)  # fmt: skip


class SlidingWindow:
    """Feeds events to a model and remembers the latest, so that pieces may be of any length.

    Each event passes the network once (KV cache). When the window of ``context`` events is full,
    its latter half is read again into an empty memory, so the network always sees between half a
    context and a context of events, at positions it was trained for, and its logits equal those
    computed from that window without a memory. An event costs 1.5 passes on average.
    """

    def __init__(self, model: MusicTransformer, batch: int) -> None:
        self._model = model
        self._memory = model.new_memory(batch)
        self._context = model.options.context
        self._device = model.embedding.weight.device
        self._window = torch.zeros(batch, 0, dtype=torch.long)

    def feed(self, tokens: Tensor) -> Tensor:
        """Append tokens (B, N) and return logits (B, SIZE) of the next event, on the CPU."""
        self._window = torch.cat([self._window, tokens], 1)
        if self._window.shape[1] > self._context:
            self._window = tokens = self._window[:, -(self._context // 2) :]
            for memory in self._memory:
                memory.length = 0
        logits = self._model(tokens.to(self._device), self._memory)
        return logits[:, -1].float().cpu()


def generate(
    model: MusicTransformer,
    options: GenerationOptions,
    primer: Notes | None = None,
    *,
    seeds: Sequence[int],
) -> list[Notes]:
    """Compose one piece a seed, all in one pass.

    Parameters
    ----------
    model : in eval mode, on the device to compose on.
    options : lengths, sampling, constraints. ``new``, ``primers`` and ``variations`` are not used.
    primer : notes to continue. Its first ``primer_seconds``, counted from its first note, begin
        every piece; notes that sound at the cut are ended by the model. None: from nothing.
    seeds : one for each piece; a piece does not depend on the other seeds.

    Returns
    -------
    One `Notes` array a seed, primer included, starting at 0 seconds.

    Raises
    ------
    InputError
        when the primer has no notes.
    """
    grammar = Grammar(len(seeds), options, model.limits)
    repetition = Repetition(len(seeds), options.repetition_length, options.repetition_penalty)
    prompt = np.array([START])
    if primer is not None:
        opening = primer_tokens(primer, options.primer_seconds)
        prompt = np.concatenate((prompt, opening.tokens))
        for token in opening.tokens:
            grammar.update(np.full(len(seeds), token))
            repetition.update(np.full(len(seeds), token))
        grammar.begin(opening.steps)
    randoms = [np.random.default_rng(seed) for seed in seeds]
    window = SlidingWindow(model, len(seeds))
    composed: list[Tokens] = []
    started = reported = time.monotonic()
    with torch.inference_mode():
        logits = window.feed(torch.from_numpy(np.tile(prompt, (len(seeds), 1))))
        while True:
            logits = clip_shifts(logits, grammar.longest_shift())
            logits = logits.masked_fill(torch.from_numpy(~grammar.allowed()), -torch.inf)
            uniform = np.array([random.random() for random in randoms])
            tokens = draw(shape(repetition.apply(logits), options), uniform)
            composed.append(tokens)
            grammar.update(tokens)
            repetition.update(tokens)
            if grammar.done.all():
                break
            logits = window.feed(torch.from_numpy(tokens)[:, None])
            if time.monotonic() - reported >= LOG_INTERVAL_SECONDS:
                reported = time.monotonic()
                rate = len(composed) * len(seeds) / (reported - started)
                seconds = grammar.time.min() / STEPS_PER_SECOND
                logger.info("%.0f s composed, %.0f tokens/s", seconds, rate)
    pieces = np.stack(composed, 1)
    return [decode(np.concatenate((prompt, piece))) for piece in pieces]


@dataclass(frozen=True)
class Opening:
    """Events of a primer and the step at which it ends."""

    tokens: Tokens
    steps: int


def primer_tokens(primer: Notes, seconds: float) -> Opening:
    """Return the events of the first ``seconds`` of a primer, counted from its first note.

    Notes that sound at the cut stay open: their note-offs are left to the model.
    """
    notes = _from_first_note(primer)
    steps = min(round(seconds * STEPS_PER_SECOND), math.ceil(_end(notes) * STEPS_PER_SECOND))
    tokens = encode(notes).astype(np.int64)
    is_shift = (tokens >= TIME_SHIFT) & (tokens < TIME_SHIFT + TIME_SHIFTS)
    at = np.cumsum(np.where(is_shift, tokens - TIME_SHIFT + 1, 0))
    inside = np.flatnonzero((at < steps) & ~is_shift)
    return Opening(tokens[: inside[-1] + 1], steps)


def cut_primer(primer: Notes, seconds: float) -> Notes:
    """Return the notes of the first ``seconds`` from the first note, cut at their end."""
    notes = _from_first_note(primer)
    kept = notes[notes["onset"] < seconds]
    kept["offset"] = np.minimum(kept["offset"], seconds)
    return kept


def _from_first_note(notes: Notes) -> Notes:
    if len(notes) == 0:
        raise InputError("the primer has no notes; choose another")
    moved = notes.astype(NOTE)
    moved["onset"] -= notes["onset"].min()
    moved["offset"] -= notes["onset"].min()
    return moved


def _end(notes: Notes) -> float:
    return float(notes["offset"].max())


@dataclass(frozen=True)
class Primer:
    """Where a primer comes from; ``source`` names a file given by the user."""

    notes: Notes
    recording: str = ""
    source: str = ""
    split: str = ""


def choose_primers(shards: Path, count: int, seed: int) -> list[Primer]:
    """Draw primers from the test split, then from the others if it has too few recordings.

    Augmented copies are left out. A corpus smaller than ``count`` gives its recordings again.
    """
    check_shards(shards)
    primers: list[Primer] = []
    for split in ("test", "valid", "train"):
        reader = ShardReader(shards, split)
        order = np.random.default_rng(derive(seed, "primers", split)).permutation(len(reader))
        for number in order:
            if len(primers) >= count:
                return primers
            piece = reader[int(number)]
            check_tokens(piece.tokens)
            notes = decode(piece.tokens)
            if len(notes) and (piece.transpose, piece.stretch) == (0, 1.0):
                primers.append(Primer(notes, recording=piece.recording, split=split))
    if not primers:
        raise InputError(f"{shards} holds no piece with notes to continue; set primers: 0")
    return [primers[i % len(primers)] for i in range(count)]


def generate_pieces(
    model: Path,
    shards: Path,
    output: Path,
    options: GenerationOptions,
    seed: int,
    threads: int | None = None,
) -> None:
    """Compose all pieces of `network_options.piece_names` as MIDI files, and ``pieces.csv``.

    Parameters
    ----------
    model : folder of a trained model.
    shards : where primers are drawn from: test split first, see the column ``split``.
    output : folder to write to.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    network = load_model(model, options.weights).to(_device(options))
    rows: list[dict[str, Any]] = []

    def keep(name: str, notes: Notes, **facts: Any) -> None:
        write_midi(output / f"{name}.mid", notes)
        length = round(_end(notes), 2) if len(notes) else 0.0
        rows.append({"id": name, "seconds": length, "notes": len(notes), **facts})
        logger.info("%s: %d notes, %.1f s", name, len(notes), length)

    seeds = [derive(seed, "new", str(i)) for i in range(options.new)]
    for i, notes in enumerate(generate(network, options, seeds=seeds) if seeds else [], 1):
        keep(f"new-{i:02d}", notes, kind="new", seed=seeds[i - 1])
    for i, primer in enumerate(_primers(shards, options, seed), 1):
        name = f"primer-{i:02d}"
        opening = cut_primer(primer.notes, options.primer_seconds)
        facts = {
            "recording": primer.recording, "source": primer.source, "split": primer.split,
            "primer_seconds": round(min(options.primer_seconds, _end(opening)), 2),
        }  # fmt: skip
        keep(name, opening, kind="primer", **facts)
        seeds = [derive(seed, "continued", str(i), str(k)) for k in range(options.variations)]
        pieces = generate(network, options, primer.notes, seeds=seeds)
        for letter, own_seed, notes in zip(string.ascii_lowercase, seeds, pieces, strict=False):
            new_name = f"continued-{i:02d}{letter}"
            keep(new_name, notes, kind="continuation", primer=name, seed=own_seed, **facts)
    write_table(output / "pieces.csv", rows, PIECE_COLUMNS)


def _primers(shards: Path, options: GenerationOptions, seed: int) -> list[Primer]:
    if options.primers == 0:
        return []
    if options.primer_file is None:
        return choose_primers(shards, options.primers, seed)
    path = Path(options.primer_file)
    if not path.is_file():
        raise InputError(f"the primer_file {path} does not exist; give the path of a MIDI file")
    notes = read_midi(path)
    if len(notes) == 0:
        raise InputError(f"the primer_file {path} has no pitched notes; choose another")
    return [Primer(notes, source=path.name)]


def _device(options: GenerationOptions) -> torch.device:
    if options.device == "cuda" and not torch.cuda.is_available():
        raise InputError("generation.device is cuda, but this machine has none; use auto or cpu")
    wanted = options.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if wanted else "cpu")

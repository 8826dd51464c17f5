"""The soundscapes that the options ask for, as files with tags."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from soundmill.audio.files import Samples
from soundmill.audio.streaming import Written, write_stream
from soundmill.audio.tags import describe
from soundmill.errors import InputError
from soundmill.log import logger
from soundmill.options import nearest
from soundmill.seeds import derive
from soundmill.soundscape.conditions import Vocabulary
from soundmill.soundscape.encoding import Sound
from soundmill.soundscape.generation import NeuralGenerator
from soundmill.soundscape.generation_options import GenerationOptions, PieceOptions, SamplingOptions
from soundmill.soundscape.loops import write_loop
from soundmill.soundscape.model import SoundscapeModel, load_model
from soundmill.soundscape.recordings import Recording, read_recordings
from soundmill.soundscape.sounds import read_sound
from soundmill.soundscape.wishes import read_script, read_wish, say_wish
from soundmill.status import Row, write_table

COLUMNS = (
    "name", "file", "kind", "seconds", "seed", "condition", "label", "sample_rate", "channels",
    "loudness", "peak", "factor",
)  # fmt: skip
LOOP_OVERLAP = 2.0
"""Crossfade of a loop's end into its beginning, s."""


def make_pieces(
    model: str | os.PathLike[str],
    recordings: str | os.PathLike[str],
    output: Path,
    options: GenerationOptions,
    *,
    name: str,
    seed: int,
    threads: int | None = None,
) -> None:
    """Write the pieces that the options ask for, and ``pieces.csv`` (`COLUMNS`).

    Parameters
    ----------
    recordings : table in which the recordings to vary are found by their ids.
    name : of the model, for the tags of the files.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    loaded = load_model(model)
    output.mkdir(parents=True, exist_ok=True)
    rows = []
    pieces = options.pieces or default_pieces(loaded.front.vocabulary)
    for title, piece in pieces.items():
        path = output / f"{title}.{options.format}"
        own = derive(seed, "piece", title)
        known = _known(recordings, piece)
        written, said = write_piece(
            loaded, piece, path, sampling=options.sampling, loudness=options.loudness, seed=own,
            title=title, model_name=name, known=known,
        )  # fmt: skip
        rows.append(_row(title, path, piece, own, written, said, loaded))
        logger.info(
            "%s: %.0f s, %.1f times faster than real time",
            path.name, written.seconds, written.real_time_factor,
        )  # fmt: skip
    write_table(output / "pieces.csv", rows, COLUMNS)


def default_pieces(vocabulary: Vocabulary) -> dict[str, PieceOptions]:
    """Return a piece for each value of the first category, or one for all."""
    for name, column in vocabulary.columns.items():
        if column.kind == "category":
            return {
                f"new-{number:02d}": PieceOptions(labels={name: value})
                for number, value in enumerate(column.values, 1)
            }
    return {"new": PieceOptions()}


def write_piece(
    model: SoundscapeModel,
    piece: PieceOptions,
    path: Path,
    *,
    sampling: SamplingOptions,
    loudness: float,
    seed: int,
    title: str,
    model_name: str,
    known: Mapping[str, Recording],
    date: str = "",
    progress: Any = None,
) -> tuple[Written, str]:
    """Write one piece, and return what was written and the condition in words.

    Parameters
    ----------
    known : recordings that a variation can name by their ids; others are paths.
    date : for the file's tags; empty where the bytes shall not depend on the day.
    """
    blocks, said = _blocks(model, piece, sampling, seed, known)
    rate, channels = model.front.sample_rate, model.front.channels
    tags = describe(
        title, date=date, model=model_name, seed=seed, condition=said, controls=piece.controls
    )
    settings: dict[str, Any] = {"loudness": loudness, "tags": tags, "progress": progress}
    if piece.loop:
        overlap = min(LOOP_OVERLAP, piece.seconds / 2)
        written = write_loop(path, blocks, piece.seconds, overlap, rate, channels, **settings)
    else:
        stream = blocks(piece.seconds)
        written = write_stream(path, stream, piece.seconds, rate, channels, **settings)
    return written, said


def _blocks(
    model: SoundscapeModel,
    piece: PieceOptions,
    sampling: SamplingOptions,
    seed: int,
    known: Mapping[str, Recording],
) -> tuple[Callable[[float], Iterator[Samples]], str]:
    """Return what gives so many seconds of a piece, and what it is in words."""
    generator = NeuralGenerator(model, sampling, piece.controls)
    vocabulary, front = generator.vocabulary, model.front
    if piece.variation is None:
        lines = piece.script or [{"at": 0.0, **piece.labels}]
        script = read_script(vocabulary, lines)
        wishes = [{k: v for k, v in line.items() if k != "at"} for line in lines]
        said = " → ".join(say_wish(read_wish(vocabulary, wish)) or "anything" for wish in wishes)
        return lambda seconds: generator.stream(script, seconds, seed), said
    wish = read_wish(vocabulary, piece.labels)

    def find(name: str) -> tuple[Sound, dict[str, Any]]:
        if name in known:
            return known[name], wish or vocabulary.wish(known[name].labels)
        return read_sound(name, front.sample_rate, front.channels), wish

    first, labels = find(piece.variation)
    if piece.to:
        second, others = find(piece.to)
        said = f"from {Path(piece.variation).name} to {Path(piece.to).name}"
        return (
            lambda seconds: generator.interpolation(first, second, seconds, seed, labels, others)
        ), said
    said = f"a variation of {Path(piece.variation).name}, strength {piece.strength:g}"
    return (lambda seconds: generator.variation(first, seconds, piece.strength, seed, labels)), said


def _known(recordings: str | os.PathLike[str], piece: PieceOptions) -> dict[str, Recording]:
    """Return the recordings that a piece names; of one that is cut, the part to learn from.

    Raises
    ------
    InputError
        For a name that is neither the id of a recording nor a file.
    """
    names = [name for name in (piece.variation, piece.to) if name]
    found: dict[str, Recording] = {}
    for split in ("test", "valid", "train") if names else ():
        found |= {part.id: part for part in read_recordings(recordings, split)}
    for name in names:
        if name not in found and not Path(name).is_file():
            raise InputError(
                f"variation: {name!r} is neither a recording of {recordings} nor a file"
                f"{nearest(name, found)}"
            )
    return {name: part for name, part in found.items() if name in names}


def _row(
    title: str, path: Path, piece: PieceOptions, seed: int, written: Written, said: str,
    model: SoundscapeModel,
) -> Row:  # fmt: skip
    kind = (
        "loop" if piece.loop else "script" if piece.script else "interpolation" if piece.to
        else "variation" if piece.variation else "new"
    )  # fmt: skip
    label = next((str(v) for v in piece.labels.values() if isinstance(v, str)), "")
    level = {"loudness": written.loudness, "peak": written.peak_dbfs}
    return {
        "name": title, "file": path.name, "kind": kind, "seconds": f"{written.seconds:.3f}",
        "seed": str(seed), "condition": said, "label": label,
        "sample_rate": str(model.front.sample_rate), "channels": str(model.front.channels),
        **{name: "" if value is None else f"{value:.2f}" for name, value in level.items()},
        "factor": f"{written.real_time_factor:.1f}",
    }  # fmt: skip

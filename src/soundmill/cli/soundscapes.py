"""What `soundmill soundscape` does: reads what is asked for, makes it, says what came out."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch

from soundmill.audio.streaming import Written
from soundmill.cli.soundscape_scripts import read_script_file, read_value
from soundmill.corpus.names import slug
from soundmill.errors import InputError
from soundmill.files import read_json
from soundmill.log import logger
from soundmill.options import nearest, validate
from soundmill.seeds import derive
from soundmill.soundscape.conditions import Vocabulary
from soundmill.soundscape.controls import MEANINGS
from soundmill.soundscape.generation import FARTHEST_CONTROL
from soundmill.soundscape.generation_options import GenerationOptions, PieceOptions
from soundmill.soundscape.model import SoundscapeModel, load_model
from soundmill.soundscape.pieces import write_piece
from soundmill.soundscape.recordings import Recording, read_recordings
from soundmill.soundscape.wishes import read_script, read_wish, say_wish
from soundmill.status import read_table

PROGRESS_FROM = 30.0
"""Length of sound, s, from which progress is shown."""
TOLD = 8
"""Single latents that ``--list`` tells of, those with the clearest meaning first."""


@dataclass(frozen=True)
class Request:
    """What was typed: `soundmill soundscape --help` says what each is."""

    labels: Sequence[str] = ()
    conditions: Sequence[str] = ()
    script: Path | None = None
    seconds: float | None = None
    variation_of: str | None = None
    strength: float | None = None
    to: str | None = None
    loop: bool = False
    controls: Sequence[str] = ()


def make(
    folder: Path,
    request: Request,
    output: Path,
    options: GenerationOptions,
    *,
    seed: int,
    count: int = 1,
) -> Iterator[tuple[Path, Written, str]]:
    """Write the pieces that were asked for; yield path, facts and condition in words of each.

    The first piece has the seed itself, the others seeds derived from it; each file's tags tell
    its own, which as ``seed`` makes the piece again.

    Raises
    ------
    InputError
        When the folder is no model, the request contradicts itself or asks for what the model
        does not know, a recording cannot be read, or the disk has no room.
    """
    # steps of one frame are too small for two threads, which on a busy machine wait for each other
    torch.set_num_threads(1)
    model = load_model(folder)
    piece = read_piece(request, model.front.vocabulary)
    known = _known(folder, filter(None, [request.variation_of, request.to]))
    title = title_of(piece, request.script)
    for number in range(1, count + 1):
        name = f"{title}-{seed}-{number:02d}"
        path = output / f"{name}.{options.format}"
        with _progress(path.name, piece.seconds) as progress:
            written, said = write_piece(
                model, piece, path, sampling=options.sampling, loudness=options.loudness,
                seed=seed if number == 1 else derive(seed, "piece", str(number)), title=name,
                model_name=name_of(folder), known=known, date=date.today().isoformat(),
                progress=progress,
            )  # fmt: skip
        yield path, written, said


def read_piece(request: Request, vocabulary: Vocabulary) -> PieceOptions:
    """Return the piece that is meant, checked against what the model knows.

    Raises
    ------
    InputError
        When parts of the request contradict each other, or the model cannot be asked for it.
    """
    _check(request)
    raw: dict[str, Any] = {"loop": request.loop, "controls": _controls(request.controls)}
    if request.script:
        raw["script"] = read_script_file(request.script, vocabulary)
        end = read_script(vocabulary, raw["script"]).end
        raw["seconds"] = end if end > 0 else None
        if request.seconds is not None and request.seconds < end:
            logger.warning(
                "%s goes on to %g s, of which the first %g s are made",
                request.script, end, request.seconds,
            )  # fmt: skip
    else:
        raw["labels"] = _wish(request, vocabulary)
        read_wish(vocabulary, raw["labels"])
    given = {
        "seconds": request.seconds, "variation": request.variation_of,
        "strength": request.strength, "to": request.to,
    }  # fmt: skip
    raw |= {name: value for name, value in given.items() if value is not None}
    raw = {name: value for name, value in raw.items() if value is not None}
    return validate(PieceOptions, raw, "what is asked for")


def _check(request: Request) -> None:
    """Refuse what contradicts itself, in the words of the command line."""
    if request.script and (request.labels or request.conditions):
        raise InputError("--script says the labels itself; leave --label and --condition out")
    if request.script and request.variation_of:
        raise InputError("--script and --variation-of: a variation keeps to its recording; choose")
    if request.to and not request.variation_of:
        raise InputError("--to: give also --variation-of, the recording to come from")
    if request.strength is not None and not request.variation_of:
        raise InputError("--strength: give also --variation-of, the recording to vary")
    if request.strength is not None and request.to:
        raise InputError("--strength is of a variation; on the way --to another it has no meaning")
    if request.strength is not None and not 0 <= request.strength <= 1:
        raise InputError(f"--strength {request.strength:g}: it goes from 0 to 1")
    if request.seconds is not None and not 0 < request.seconds < math.inf:
        raise InputError(f"--seconds {request.seconds:g}: that is no length; ask for more than 0")


def _wish(request: Request, vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the labels and conditions of a request, by column."""
    wish: dict[str, Any] = {}
    if request.labels:
        names = [name for name, column in vocabulary.columns.items() if column.kind == "category"]
        if not names:
            columns = ", ".join(vocabulary.columns)
            known = f"only for a --condition of {columns}" if columns else "it learned no labels"
            raise InputError(f"--label: the model cannot be asked for names; {known}")
        wish[names[0]] = _labels(request.labels, vocabulary.columns[names[0]].values)
    for text in request.conditions:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            raise InputError(f"--condition {text}: write COLUMN=VALUE, such as hour=6.5")
        if name in wish:
            raise InputError(f"--condition {text}: {name} is asked for twice; write it once")
        wish[name] = read_value(vocabulary, name, value, "--condition")
    return wish


def _labels(texts: Sequence[str], values: Sequence[str]) -> dict[str, float]:
    """Return weights by label of ``rain=0.7`` and ``wind``, which weighs 1."""
    found: dict[str, float] = {}
    for text in texts:
        name, equals, weight = text.rpartition("=")
        if text in values or not equals:
            name, weight = text, "1"
        try:
            number = float(weight)
        except ValueError as error:
            raise InputError(
                f"--label {text}: {weight!r} is no weight; write NAME or NAME=NUMBER"
            ) from error
        if name.strip() in found:
            raise InputError(f"--label {name}: it is asked for twice; write it once")
        found[name.strip()] = number
    return found


def _controls(texts: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in texts:
        name, _, amount = text.rpartition("=")
        try:
            number = float(amount)
        except ValueError as error:
            raise InputError(
                f"--control {text}: write NAME=NUMBER, such as brightness=1"
            ) from error
        if name.strip() in found:
            raise InputError(f"--control {name}: it is turned twice; write it once")
        found[name.strip()] = number
    return found


def _known(folder: Path, names: Iterable[str]) -> dict[str, Recording]:
    """Return the recordings of the model that are named by their ids; others must be files."""
    known: dict[str, Recording] = {}
    table = folder.resolve().parent / "recordings.csv"
    for name in names:
        if Path(name).is_file():
            continue
        rows = read_table(table) if table.is_file() else []
        parts = [row for row in rows if row["id"] == name and row["split"] != "left out"]
        if not parts:
            near = nearest(name, {row["id"] for row in rows})
            raise InputError(
                f"{name}: there is no such file, and no recording of the model has this id{near}"
            )
        if not Path(parts[0]["wav"]).is_file():
            raise InputError(
                f"{name}: {parts[0]['wav']} is not there; run this where the workflow ran, or "
                "give the path of a recording"
            )
        for split in ("test", "valid", "train"):  # of one that is cut, the part it learned from
            known |= {part.id: part for part in read_recordings(table, split) if part.id == name}
    return known


def title_of(piece: PieceOptions, script: Path | None) -> str:
    """Return what a piece is, in characters that every file system takes: ``rain-0-7-wind-0-3``."""
    if script:
        words = script.stem
    elif piece.to:
        words = f"{Path(str(piece.variation)).stem} to {Path(piece.to).stem}"
    elif piece.variation:
        words = f"{Path(piece.variation).stem} varied"
    else:
        words = say_wish(_as_weights(piece.labels)) or "anything"
    turned = [f"{name}{amount:+g}" for name, amount in piece.controls.items()]
    signs = " ".join(turned).replace("+", " plus ").replace("-", " minus ")
    return slug(f"{words} {'loop' if piece.loop else ''} {signs}")


def _as_weights(labels: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, Mapping | int | float) else {str(value): 1.0}
        for name, value in labels.items()
    }


def name_of(folder: Path) -> str:
    """Return the name of a model: of ``results/soundscapes/<name>/model`` the name."""
    folder = folder.resolve()
    return folder.parent.name if folder.name == "model" else folder.name


def speed(written: Written) -> str:
    """Return how fast a piece was made, in words."""
    factor = written.real_time_factor
    if factor < 1:
        return f"{1 / factor:.1f} times slower than real time"
    return f"{factor:.1f} times faster than real time"


@contextmanager
def _progress(title: str, seconds: float) -> Iterator[Callable[[float], None]]:
    """Show how much of a long piece is written, on a terminal."""
    from tqdm import tqdm

    quiet = True if seconds < PROGRESS_FROM else None  # None: unless on a terminal
    layout = "{desc}: {percentage:3.0f}% |{bar}| {n:.0f} of {total:.0f} s [{remaining} left]"
    with tqdm(total=seconds, desc=title, disable=quiet, leave=False, bar_format=layout) as bar:

        def show(done: float) -> None:
            bar.update(done - bar.n)

        yield show


def describe(folder: Path) -> Iterator[str]:
    """Yield lines on what a model can be asked for, and what its controls mean."""
    model = load_model(folder)
    front = model.front
    sound = {1: "mono", 2: "stereo"}[front.channels]
    yield f"{name_of(folder)}: {front.sample_rate:,} Hz, {sound}"
    yield f"It has heard {len(model.bank.globals):,} environments, and can be asked for"
    for name, column in front.vocabulary.columns.items():
        if column.kind == "category":
            yield f"  {name}: {', '.join(column.values)}"
        else:
            yield f"  {name}: a number from 0 to {column.period:g}, which comes round"
    if not front.vocabulary.columns:
        yield "  nothing but any of them: it has learned no labels"
    yield (
        f"Controls, from {-FARTHEST_CONTROL:g} to {FARTHEST_CONTROL:g} standard deviations: "
        f"{', '.join(MEANINGS)}, global 0 to {model.network.globals - 1}, "
        f"latent 0 to {model.network.latents - 1}"
    )
    yield from _meanings(folder, model)


def _meanings(folder: Path, model: SoundscapeModel) -> Iterator[str]:
    path = folder.resolve().parent / "metrics.json"
    facts = read_json(path) if path.is_file() else {}
    explained = facts.get("meanings", {})
    for name in model.directions:
        if name in explained:
            yield f"  {name}: the global vector tells {100 * explained[name]:.0f} % of its variance"
    table = facts.get("controls", [])
    if not table:
        yield f"  what each means was measured in training and stands in {os.fspath(path)}: missing"
        return
    clearest = sorted(table, key=lambda row: -max(abs(row[name]) for name in MEANINGS))
    for row in clearest[:TOLD]:
        yield f"  {row['name']}: " + ", ".join(f"{m} {row[m]:+.2f}" for m in MEANINGS)
    yield "  (correlations; metrics.json and the report hold those of all)"

"""The gallery of one music model: every piece to hear, with its piano roll and spectrogram."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from soundmill.audio.files import read_audio
from soundmill.errors import InputError
from soundmill.files import link_or_copy, read_json, write_json
from soundmill.notes import read_midi
from soundmill.report.pages import readable, write_page
from soundmill.report.results import Piece, read_pieces
from soundmill.report.rolls import SAMPLE_RATE, pitch_name, plot_piece, write_roll
from soundmill.status import read_table


@dataclass(frozen=True)
class Exhibit:
    """A piece as pages show it; its files are ``<id>.mp3``, ``<id>.svg`` and ``<id>.png``."""

    id: str
    kind: str
    title: str
    primer: str
    source: str
    """Original name of the recording or file the primer is from, as it can be shown."""
    primer_seconds: float
    seconds: float
    notes: int
    range: str
    """Lowest and highest note, such as ``C2 to G5``; empty without notes."""


@dataclass(frozen=True)
class Programme:
    """The pieces of a model in the order pages show them."""

    new: list[Exhibit]
    continued: list[tuple[Exhibit, list[Exhibit]]]
    """Each primer with its continuations."""


def build_gallery(
    generated: Path, rendered: Path, manifest: Path, output: Path, *, name: str
) -> None:
    """Build a folder with ``index.html``, ``pieces.json`` and the files of each piece.

    Parameters
    ----------
    generated : folder of ``pieces.csv`` and ``<piece>.mid``.
    rendered : folder of ``<piece>.wav`` and ``<piece>.mp3``.
    manifest : ``manifest.csv`` of the corpus, which knows the original names of recordings.
    output : the folder; the page in it needs nothing outside it, and no server.
    name : name of the model.
    """
    output.mkdir(parents=True, exist_ok=True)
    names = {row["id"]: row["source"] for row in read_table(manifest)}
    exhibits = [
        _show(piece, piece.source or names.get(piece.recording, ""), generated, rendered, output)
        for piece in read_pieces(generated / "pieces.csv")
    ]
    write_json(output / "pieces.json", [asdict(exhibit) for exhibit in exhibits])
    write_page(output / "index.html", "gallery.html", name=name, programme=arrange(exhibits))


def read_gallery(folder: Path) -> Programme:
    """Read the pieces of a gallery that `build_gallery` made."""
    return arrange([Exhibit(**fields) for fields in read_json(folder / "pieces.json")])


def arrange(exhibits: Sequence[Exhibit]) -> Programme:
    """Put each continuation under its primer.

    Raises
    ------
    InputError
        When a continuation names a primer that is not in the list.
    """
    groups: dict[str, tuple[Exhibit, list[Exhibit]]] = {
        piece.id: (piece, []) for piece in exhibits if piece.kind == "primer"
    }
    for piece in exhibits:
        if piece.kind == "continuation":
            if piece.primer not in groups:
                raise InputError(
                    f"pieces.csv: {piece.id} continues {piece.primer!r}, which it does not list; "
                    "generate the pieces again"
                )
            groups[piece.primer][1].append(piece)
    return Programme([piece for piece in exhibits if piece.kind == "new"], list(groups.values()))


def _show(piece: Piece, source: str, generated: Path, rendered: Path, output: Path) -> Exhibit:
    """Write the files of one piece and return what pages say of it."""
    notes = read_midi(generated / f"{piece.id}.mid")
    samples, _ = read_audio(rendered / f"{piece.id}.wav", sample_rate=SAMPLE_RATE)
    seconds = samples.shape[1] / SAMPLE_RATE
    primed = {"primer": math.inf, "continuation": piece.primer_seconds}.get(piece.kind, 0.0)
    write_roll(output / f"{piece.id}.svg", notes, seconds, primed)
    plot_piece(output / f"{piece.id}.png", notes, samples[0], piece.title, primed)
    link_or_copy(rendered / f"{piece.id}.mp3", output / f"{piece.id}.mp3")
    low_high = (int(notes["pitch"].min()), int(notes["pitch"].max())) if len(notes) else ()
    return Exhibit(
        id=piece.id,
        kind=piece.kind,
        title=piece.title,
        primer=piece.primer,
        source=readable(Path(source).name),
        primer_seconds=round(piece.primer_seconds, 2),
        seconds=round(seconds, 2),
        notes=len(notes),
        range=" to ".join(map(pitch_name, low_high)),
    )

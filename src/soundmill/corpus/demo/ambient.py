"""`demo:ambient`: ambient pieces with their exact notes, made from a seed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from soundmill.audio.files import write_audio
from soundmill.corpus.demo.catalogue import DemoPiece, catalogue
from soundmill.corpus.demo.score import Score, perform
from soundmill.corpus.demo.styles import BEATS, STYLES
from soundmill.corpus.demo.theory import Scale, make_form
from soundmill.log import progress
from soundmill.notes import Notes, sort_notes, write_midi
from soundmill.seeds import derive
from soundmill.status import write_table
from soundmill.synthesis.options import RenderOptions
from soundmill.synthesis.render import Layer, render_layers

LABEL_COLUMNS = ("file", "style", "key", "tempo")
SAMPLE_RATE = 32000
"""Hz: the MP3 encoder keeps nothing above 16 kHz at its bit rate, so more would only cost time."""
PEAK = -1.5
"""dBFS: MP3 decodes up to 0.2 dB higher than what was encoded."""
LAYER_LEVELS = (0.0, 3.0)
"""Level of the accompaniment and of the melody where each has an instrument of its own, dB."""


def compose_piece(piece: DemoPiece, seed: int) -> list[Notes]:
    """Compose a piece: the notes of each of its instruments."""
    rng = np.random.default_rng(derive(seed, "demo", piece.file))
    beats = BEATS.get(piece.style, 4)
    bars = make_form(piece.key.split()[1], piece.tempo, beats, rng)
    score = Score(bars, beats, Scale.from_key(piece.key), rng)
    STYLES[piece.style](score)
    return perform(score, piece.tempo, len(piece.instruments))


def compose_ambient(output: Path, seed: int = 1, threads: int = 1) -> None:
    """Write the demo corpus; the same seed gives the same bytes.

    Parameters
    ----------
    output : folder that gets ``audio/<name>.mp3``, ``truth/<stem>.mid`` (exactly the notes that
        sound, all instruments together) and ``labels.csv`` (file, style, key, tempo).
    threads : pieces made at once.
    """
    pieces = catalogue()

    def make(piece: DemoPiece) -> None:
        layers = compose_piece(piece, seed)
        write_midi(
            output / "truth" / f"{Path(piece.file).stem}.mid", sort_notes(np.concatenate(layers))
        )
        parts = [
            Layer(notes, instrument, level)
            for notes, instrument, level in zip(
                layers, piece.instruments, LAYER_LEVELS[: len(layers)], strict=True
            )
        ]
        options = RenderOptions(preset=piece.preset, sample_rate=SAMPLE_RATE, peak=PEAK)
        audio = render_layers(parts, options)
        write_audio(output / "audio" / piece.file, audio, options.sample_rate)

    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(make, pieces)
        for _ in progress(done, total=len(pieces), unit="pieces", label="compose"):
            pass
    labels = [{name: getattr(piece, name) for name in LABEL_COLUMNS} for piece in pieces]
    write_table(output / "labels.csv", labels, LABEL_COLUMNS)

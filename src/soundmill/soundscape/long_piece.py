"""A long piece and a loop, made to be measured: is there a seam, a drift, a repetition?"""

import os
import resource
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from soundmill.files import write_json
from soundmill.seeds import derive
from soundmill.soundscape.evaluation_options import SoundscapeEvaluationOptions
from soundmill.soundscape.generation_options import PieceOptions, SamplingOptions
from soundmill.soundscape.latents import BLOCK
from soundmill.soundscape.long_term import measure_long
from soundmill.soundscape.model import load_model
from soundmill.soundscape.pieces import write_piece
from soundmill.soundscape.recordings import read_recordings

LOUDNESS = -23.0


def measure_long_piece(
    model: str | os.PathLike[str],
    recordings: str | os.PathLike[str],
    output: Path,
    options: SoundscapeEvaluationOptions,
    sampling: SamplingOptions,
    *,
    seed: int,
    threads: int | None = None,
) -> None:
    """Make a long piece and a loop of the commonest label, and write what is measured on them.

    Parameters
    ----------
    output : JSON: ``label``, ``real_time_factor``, ``peak_memory_mb``, ``limited_share``, the
        figures of `measure_long` for the piece, and ``loop`` with those for the loop.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    loaded = load_model(model)
    parts = read_recordings(recordings, "train")
    label = _commonest([loaded.front.vocabulary.wish(part.labels) for part in parts])
    real = list(dict.fromkeys(part.wav for part in parts))
    with TemporaryDirectory(prefix=".tmp-", dir=output.parent) as folder:
        piece = PieceOptions(labels=label, seconds=options.long_seconds)
        path = Path(folder, "long.wav")
        written, said = write_piece(
            loaded, piece, path, sampling=sampling, loudness=LOUDNESS, title="long",
            seed=derive(seed, "long"), model_name="", known={},
        )  # fmt: skip
        memory = _peak_megabytes()
        step = BLOCK / loaded.rate
        joints = [step * k for k in range(1, int(options.long_seconds / step))]
        found: dict[str, Any] = {
            "label": said,
            "real_time_factor": round(written.real_time_factor, 2),
            "peak_memory_mb": round(memory),
            "limited_share": round(written.limited_share, 6),
            **measure_long(path, real, joints, real_seconds=options.real_seconds),
        }
        loop = PieceOptions(labels=label, seconds=options.loop_seconds, loop=True)
        path = Path(folder, "loop.wav")
        write_piece(
            loaded, loop, path, sampling=sampling, loudness=LOUDNESS, title="loop",
            seed=derive(seed, "loop"), model_name="", known={},
        )  # fmt: skip
        found["loop"] = measure_long(path, real, loop=True)
    write_json(output, found)


def _commonest(wishes: list[dict[str, Any]]) -> Mapping[str, Any]:
    """Return the names that most recordings have; places on circles are left open."""
    names = [
        tuple((k, next(iter(v))) for k, v in wish.items() if isinstance(v, dict)) for wish in wishes
    ]
    return dict(Counter(names).most_common(1)[0][0])


def _peak_megabytes() -> float:
    """Return the highest memory of this process so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3

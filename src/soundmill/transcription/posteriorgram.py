"""Posteriorgrams of the Basic Pitch model: audio in windows, windows in batches, constant memory.

The model (Bittner et al., ICASSP 2022) hears windows of 2 s and returns for each of 172 frames
and 88 pitches the probability that the pitch sounds and that it begins. Frames near the edges of
a window lack context; windows overlap and those frames are dropped.
"""

import importlib.util
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from soundmill.errors import InputError

SAMPLE_RATE = 22050
HOP = 256
PITCHES = 88
WINDOW_SAMPLES = 43844
WINDOW_FRAMES = 172
BATCH_WINDOWS = 4

PACKAGE = "basic_pitch"
MODEL_FILE = Path("saved_models", "icassp_2022", "nmp.onnx")
INSTALL = "pip install --no-deps basic-pitch==0.4.0"
INPUT, FRAME, ONSET = (
    "serving_default_input_2:0", "StatefulPartitionedCall:1", "StatefulPartitionedCall:2",
)  # fmt: skip

Samples = npt.NDArray[np.float32]
Posteriorgram = npt.NDArray[np.float32]


class Framing(NamedTuple):
    """How audio is cut into the model's windows.

    Parameters
    ----------
    hop_samples : from one window to the next.
    margin : frames dropped at both ends of a window.
    """

    hop_samples: int
    margin: int


REGULAR = Framing(hop_samples=152 * HOP, margin=10)
"""152 frames kept, a hop of 152: all frames lie on one grid. The convolutions reach 10 frames."""
AS_PACKAGE = Framing(hop_samples=WINDOW_SAMPLES - 30 * HOP, margin=15)
"""142 frames kept, a hop of 141.3: time jumps back by .7 frames at every window's end."""


def model_path() -> Path:
    """Return the model file of the basic-pitch package, without importing the package.

    Raises
    ------
    InputError
        When the package or its model file is missing.
    """
    spec = importlib.util.find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise InputError(
            f"the model of basic_pitch is missing: {MODEL_FILE} comes with the Python package "
            f"basic-pitch, which is not installed. Run: {INSTALL}"
        )
    path = Path(folders[0], MODEL_FILE)
    if not path.is_file():
        raise InputError(
            f"the model of basic_pitch is missing: {path} is not there. "
            f"Run: {INSTALL.replace('install', 'install --force-reinstall')}"
        )
    return path


def load_session(path: Path) -> Any:
    """Return an `onnxruntime.InferenceSession` that uses one thread for each call.

    Raises
    ------
    InputError
        When the file is not a model that ONNX Runtime can read.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no common base class for what it raises
        raise InputError(
            f"{path} cannot be loaded as the model of basic_pitch ({error}). "
            f"Run: {INSTALL.replace('install', 'install --force-reinstall')}"
        ) from error


def windows(blocks: Iterable[Samples], framing: Framing) -> Iterator[Samples]:
    """Cut mono audio, given in blocks of any length, into windows of `WINDOW_SAMPLES`.

    Silence as long as the margin goes before the first sample, so that frame 0 is kept; the last
    windows are filled with silence.
    """
    held = np.zeros(framing.margin * HOP, np.float32)
    for block in blocks:
        held = np.concatenate((held, block))
        while len(held) >= WINDOW_SAMPLES:
            yield held[:WINDOW_SAMPLES]
            held = held[framing.hop_samples :]
    while len(held):
        yield np.pad(held, (0, WINDOW_SAMPLES - len(held)))
        held = held[framing.hop_samples :]


def posteriorgrams(
    blocks: Iterable[Samples],
    session: Any,
    framing: Framing,
    *,
    silence: float = 0.0,
    threads: int = 1,
) -> Iterator[tuple[Posteriorgram, Posteriorgram]]:
    """Yield (frame, onset) for successive stretches of audio, in constant memory.

    Parameters
    ----------
    blocks : mono audio at `SAMPLE_RATE`, float32, in blocks of any length.
    session : from `load_session`.
    silence : windows whose peak is below are not heard: the model makes every window equally
        loud, so that it would find notes in the noise of an empty track.
    threads : batches heard at once, which is faster than more threads inside the model. The
        result does not depend on it.

    Yields
    ------
    frame, onset : float32, shape (n, 88), probabilities; columns are MIDI numbers 21 to 108.
    """
    kept = slice(framing.margin, WINDOW_FRAMES - framing.margin)

    def hear(batch: list[Samples]) -> tuple[Posteriorgram, Posteriorgram]:
        stacked = np.stack(batch)[..., np.newaxis]
        heard = np.abs(stacked).max(axis=(1, 2)) >= silence
        both = np.zeros((2, len(batch), WINDOW_FRAMES, PITCHES), np.float32)
        if heard.any():
            both[:, heard] = session.run([FRAME, ONSET], {INPUT: stacked[heard]})
        frame, onset = both[:, :, kept].reshape(2, -1, PITCHES)
        return frame, onset

    batches = _batches(windows(blocks, framing), BATCH_WINDOWS)
    with ThreadPoolExecutor(threads) as pool:
        while some := list(itertools.islice(batches, threads)):
            yield from pool.map(hear, some)


def _batches(items: Iterator[Samples], size: int) -> Iterator[list[Samples]]:
    while batch := list(itertools.islice(items, size)):
        yield batch

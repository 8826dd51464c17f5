"""Speed of soundmill's basic_pitch transcriber beside the basic-pitch package's own `predict`.

Usage: python bench/transcription.py [RECORDING ...]

Without recordings it renders two pieces (a struck one, a slow pad). Both run in this process, with
the same number of threads, on the same files, in turns; each figure is the best of three.
The package is imported with an empty module in place of resampy, which needs pkg_resources, which
setuptools no longer has; transcription does not use it. Its code is otherwise as installed.
"""

import contextlib
import io
import logging
import os
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile

from soundmill.notes import make_notes
from soundmill.synthesis.options import RenderOptions
from soundmill.synthesis.render import render_notes
from soundmill.transcription.options import TranscriberOptions, package_options
from soundmill.transcription.posteriorgram import model_path
from soundmill.transcription.transcribe import load_transcriber, transcribe_file

THREADS = min(2, os.cpu_count() or 1)
ROUNDS = 3


def package_predict() -> Callable[[Path], int]:
    """Return the package's predict with a loaded model, counting notes."""
    logging.disable(logging.WARNING)
    sys.modules["resampy"] = types.ModuleType("resampy")
    from basic_pitch import inference

    model = inference.Model(model_path())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS  # as many as ours; by default it takes all there are
    model.model = onnxruntime.InferenceSession(
        str(model_path()), options, providers=["CPUExecutionProvider"]
    )

    def predict(path: Path) -> int:
        with contextlib.redirect_stdout(io.StringIO()):
            return len(inference.predict(path, model)[2])

    return predict


def ours(options: TranscriberOptions) -> Callable[[Path], int]:
    transcriber = load_transcriber(options, THREADS)
    return lambda path: len(transcribe_file(path, options, transcriber=transcriber))


def render_pieces(folder: Path) -> list[Path]:
    rng = np.random.default_rng(1)
    struck = np.cumsum(rng.choice([0.125, 0.25, 0.5], 400))
    pitches = rng.integers(40, 90, 400)
    slow = np.repeat(np.arange(25) * 5.0, 4)
    pieces = {
        "struck": (
            "piano",
            make_notes(struck, struck + 0.5, pitches, [80] * 400),
        ),
        "slow": ("pad", make_notes(slow, slow + 5, rng.integers(40, 76, 100), [80] * 100)),
    }
    for name, (instrument, notes) in pieces.items():
        samples = render_notes(notes, RenderOptions(instrument=instrument))
        soundfile.write(folder / f"{name}.wav", samples.mean(axis=0), RenderOptions().sample_rate)
    return [folder / f"{name}.wav" for name in pieces]


def main(paths: list[Path]) -> None:
    print("transcription, basic_pitch\n")
    contestants = {
        "basic-pitch package": package_predict(),
        "soundmill, package options": ours(package_options()),
        "soundmill, defaults": ours(TranscriberOptions()),
    }
    best = {name: dict.fromkeys(paths, float("inf")) for name in contestants}
    counts = dict.fromkeys(contestants, 0)
    seconds = sum(soundfile.info(path).duration for path in paths)
    for contestant in contestants.values():  # librosa compiles and loads much on first use
        contestant(paths[0])
    for turn in range(ROUNDS):
        for path in paths:
            for name, contestant in contestants.items():
                started = time.perf_counter()
                notes = contestant(path)
                best[name][path] = min(best[name][path], time.perf_counter() - started)
                counts[name] += notes if turn == 0 else 0
    print(f"{len(paths)} recordings, {seconds:.0f} s of audio, {THREADS} threads\n")
    print("| | seconds | times faster than real time | notes | ratio |\n|---|---|---|---|---|")
    reference = sum(best["basic-pitch package"].values())
    for name, times in best.items():
        total = sum(times.values())
        speed = f"{total:.2f} | {seconds / total:.0f} | {counts[name]} | {reference / total:.2f}"
        print(f"| {name} | {speed} |")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main([Path(name) for name in sys.argv[1:]] or render_pieces(Path(temporary)))

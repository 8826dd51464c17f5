"""New sound from a soundscape model beside plain Griffin-Lim of the same length, in one run.

Usage: soundscape.py [MODEL FOLDER]; by default that of the demo, where it has been built.
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import torch

from soundmill.soundscape.conditions import Script
from soundmill.soundscape.generation import NeuralGenerator
from soundmill.soundscape.model import load_model

DEMO = Path("results/soundscapes/weather/model")
SECONDS, LONG = 30.0, 600.0
ITERATIONS = 32
"""Of Griffin-Lim: librosa's default."""


def seconds_of(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO
    if not folder.is_dir():
        print(f"soundscapes: no model in {folder}; build the demo, or name a model folder")
        return
    torch.set_num_threads(1)
    model = load_model(folder)
    maker = NeuralGenerator(model)
    script = Script(maker.vocabulary, [(0.0, {})])

    def make(seconds: float) -> None:
        for _ in maker.stream(script, seconds, seed=1):
            pass

    make(5.0)
    made = seconds_of(lambda: make(SECONDS))
    before = megabytes()
    make(LONG)
    more = megabytes() - before
    noise = np.random.default_rng(1).standard_normal(round(SECONDS * maker.sample_rate))
    size = np.abs(librosa.stft(noise, n_fft=model.front.n_fft, hop_length=model.front.hop))
    plain = seconds_of(
        lambda: librosa.griffinlim(size, n_iter=ITERATIONS, hop_length=model.front.hop)
    )
    print(
        f"soundscapes: {SECONDS:g} s of new sound in {made:.2f} s, {SECONDS / made:.0f} times real "
        f"time; {plain / made:.1f} times as fast as {ITERATIONS} iterations of librosa's "
        f"Griffin-Lim alone ({plain:.2f} s); {LONG / 60:g} minutes took {more:.0f} "
        f"MB more memory than {SECONDS:g} seconds"
    )


if __name__ == "__main__":
    main()

"""Compose with and without a KV cache, at the default size, in one run.

Without a cache every event needs the whole prefix again; that is timed at prefix lengths spread
evenly over the piece, and the sum over all events follows by the trapezoidal rule.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from soundmill.music.generation import generate
from soundmill.music.generation_options import GenerationOptions
from soundmill.music.model import MusicTransformer
from soundmill.music.network_options import NetworkOptions

EVENTS = 2048
PREFIXES = 16


def best_of(repeats: int, function: Callable[[], object]) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


def seconds_cached(model: MusicTransformer, events: int) -> float:
    """Forward passes of one event each, from an empty memory."""
    tokens = torch.randint(0, 391, (1, events))

    def play() -> None:
        memory = model.new_memory(1)
        for i in range(events):
            model(tokens[:, i : i + 1], memory)

    return best_of(2, play)


def seconds_uncached(model: MusicTransformer, events: int) -> float:
    """Forward passes of the growing prefix, summed over all its lengths."""
    lengths = np.linspace(1, events, PREFIXES).astype(int)
    tokens = torch.randint(0, 391, (1, events))
    times = [best_of(2, lambda n=n: model(tokens[:, :n])) for n in lengths]
    return float(np.trapezoid(times, lengths))


def seconds_composing(model: MusicTransformer, events: int, batch: int) -> float:
    """All of composing: passes, grammar, sampling; with the sliding window."""
    options = GenerationOptions(seconds=None, events=events, shortest=1.0)
    return best_of(1, lambda: generate(model, options, seeds=range(batch)))


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    torch.manual_seed(0)
    whole = MusicTransformer(NetworkOptions(context=EVENTS)).eval()
    default = MusicTransformer(NetworkOptions()).eval()
    with torch.inference_mode():
        cached, uncached = seconds_cached(whole, EVENTS), seconds_uncached(whole, EVENTS)
        alone, together = (seconds_composing(default, EVENTS, batch) for batch in (1, 8))
    rows = [
        ("growing prefix again for each event", uncached, EVENTS),
        ("KV cache", cached, EVENTS),
        (f"composing, sliding window of {default.options.context}", alone, EVENTS),
        ("composing 8 variations at once", together, 8 * EVENTS),
    ]
    size = sum(p.numel() for p in whole.parameters())
    print(f"{EVENTS} events, {size:,} parameters, {torch.get_num_threads()} thread(s); the prefix")
    print(f"is timed at {PREFIXES} lengths and integrated.\n")
    print("| method | seconds | events/s |\n|---|---:|---:|")
    for method, seconds, events in rows:
        print(f"| {method} | {seconds:.2f} | {events / seconds:.0f} |")
    print(f"\nKV cache against the growing prefix: {uncached / cached:.1f} times faster")


if __name__ == "__main__":
    main()

"""Granular resynthesis: new soundscapes from pieces of the recordings; the non-neural baseline.

A chain of grains, each chosen so that it goes on as the one before would have gone on:
concatenative synthesis (Schwarz, Concatenative Sound Synthesis: The Early Years, JNMR 2006) of
grains (Roads, Microsound, 2001), with transitions judged over a window as in video textures
(Schödl, Szeliski, Salesin and Essa, SIGGRAPH 2000).
A grain is moved by some milliseconds to where its wave fits (WSOLA), and the crossfade keeps the
power even.

The chain stays in one recording for a while, as a place does not change every second; the labels
asked for decide which recording is drawn next.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundmill.audio.crossfades import best_lag, crossfade
from soundmill.audio.files import Samples
from soundmill.errors import InputError
from soundmill.seeds import derive
from soundmill.soundscape.conditions import Floats, Script, Vocabulary
from soundmill.soundscape.grain_sources import FRAME_RATE, GrainSource, open_sources
from soundmill.soundscape.granular_options import GranularOptions
from soundmill.soundscape.source_weights import SourceWeights, layer_vector, layer_weights

STEP_SECONDS = 0.5
"""Length of the blocks, within which the weights of layers move in straight lines."""
ALIGN_SECONDS = 0.012
"""How far a grain is moved to fit: a period of 83 Hz."""
WINDOW = round(0.4 * FRAME_RATE)
"""Frames compared: as many before the place as after it."""
APART_SECONDS = 0.4
"""A grain does not start this near to where the one before ends: that would be the original."""
LEAST_BODY = 0.05
"""Seconds of a grain between its crossfades; a recording too short for it is mirrored."""
MEMORY_SHARE = 0.5
"""Of a short recording no more than this is held back as used."""


@dataclass(frozen=True)
class _Plan:
    """A grain to come: from which source, crossfade into it, and its length without them."""

    source: int
    fade: float
    body: float


@dataclass(frozen=True)
class _Place:
    """A place in a recording, seconds."""

    source: int
    seconds: float


class Granular:
    """A `Generator` (soundscape/generator.py) that puts recordings together anew.

    Parameters
    ----------
    recordings : rows with wav (path), start, stop (seconds; empty: the whole), gain (empty: 1) and
        the labels of the vocabulary. Rates and channels may differ; of more channels than asked the
        mean is taken, of fewer it is repeated.
    vocabulary : what can be asked for. A recording without a label that is asked for is used only
        where no recording has it.
    options : of the grains.
    sample_rate, channels : of what is made.

    Raises
    ------
    InputError
        When there is no recording, or one cannot be read.
    """

    def __init__(
        self,
        recordings: Sequence[Mapping[str, str]],
        vocabulary: Vocabulary,
        options: GranularOptions,
        sample_rate: int,
        channels: int,
    ) -> None:
        self.sample_rate, self.channels, self.vocabulary = sample_rate, channels, vocabulary
        self.options = options
        self.sources = open_sources(recordings)
        if not self.sources:
            raise InputError("granular: no recording to take grains from; check the corpus")
        self._weights = SourceWeights(
            [source.row for source in self.sources],
            [source.seconds for source in self.sources],
            vocabulary,
            options.concentration,
        )

    def stream(self, script: Script, seconds: float, seed: int) -> Iterator[Samples]:
        """Yield blocks (channels, n), in all round(seconds * sample_rate) samples.

        Labels asked for together sound together, each with the root of its weight as gain, so that
        the weights are shares of the power (``mix: layers``), or by turns (``mix: turns``).
        """
        frames = round(seconds * self.sample_rate)
        step = round(STEP_SECONDS * self.sample_rate)
        chains: dict[str, _Chain] = {}
        after = self._layers(script.at(0.0))
        for start in range(0, frames, step):
            before, after = after, self._layers(script.at((start + step) / self.sample_rate))
            total = np.zeros((self.channels, step), np.float32)
            for name in sorted(before.keys() | after.keys()):
                if name not in chains:
                    rng = np.random.default_rng(derive(seed, "granular", name, str(start)))
                    wanted = self._wanted(script, name)
                    chains[name] = _Chain(self, wanted, rng, start / self.sample_rate)
                shares = np.linspace(before.get(name, 0.0), after.get(name, 0.0), step)
                total += chains[name].take(step) * np.sqrt(shares).astype(np.float32)
            chains = {name: chain for name, chain in chains.items() if name in after}
            yield total[:, : frames - start]

    def _layers(self, vector: Floats) -> dict[str, float]:
        if self.options.mix == "turns":
            return {"": 1.0}
        return layer_weights(self.vocabulary, vector)

    def _wanted(self, script: Script, name: str) -> Callable[[float], Floats]:
        """Return what a layer wants at a time."""
        if self.options.mix == "turns":
            return script.at
        return lambda seconds: layer_vector(self.vocabulary, script.at(seconds), name)

    def probabilities(self, vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the probability of each recording to be drawn for a script's vector."""
        return self._weights.probabilities(vector)


class _Chain:
    """Grain after grain."""

    def __init__(
        self,
        maker: Granular,
        wanted: Callable[[float], Floats],
        rng: np.random.Generator,
        start: float,
    ) -> None:
        self._maker, self._wanted, self._rng = maker, wanted, rng
        self._options, self._rate = maker.options, maker.sample_rate
        self._used: dict[int, deque[tuple[float, float]]] = {}
        self._time = start
        self._end: _Place | None = None
        self._tail = np.zeros((maker.channels, 0), np.float32)
        self._ready = self._tail
        chances = self._chances()
        source = int(rng.choice(len(chances), p=chances))
        self._chance = chances[source]
        self._plan = _Plan(source, 0.0, self._draw_body())

    def take(self, count: int) -> Samples:
        """Return the next ``count`` samples (channels, count)."""
        parts = [self._ready]
        have = self._ready.shape[1]
        while have < count:
            parts.append(self._next_grain())
            have += parts[-1].shape[1]
        joined = np.concatenate(parts, axis=1)
        self._ready = joined[:, count:].copy()
        return joined[:, :count]

    def _next_grain(self) -> Samples:
        """Return the crossfade into the next grain, and the grain up to the crossfade after it."""
        plan = self._plan
        source = self._maker.sources[plan.source]
        following = self._plan_next(plan)
        fade, body, out = self._fitted(source, plan, following)
        start = self._choose(plan.source, fade + body + out)
        # what comes before the place gives room to align; the place itself stays the middle
        slack = min(ALIGN_SECONDS, start) if self._tail.shape[1] else 0.0
        faded = self._tail.shape[1]
        wanted = faded + self._samples(body) + self._samples(out)
        margin = 2 * self._samples(slack)
        read = source.read(start - slack, wanted + margin, self._rate, self._maker.channels)
        lag = best_lag(self._tail, read[:, : faded + margin]) if faded else 0
        grain = read[:, lag : lag + wanted]
        joined = crossfade(self._tail, grain[:, :faded])
        stop = wanted - self._samples(out)
        self._tail = grain[:, stop:].copy()
        begun = start - slack + lag / self._rate
        self._end = _Place(plan.source, begun + stop / self._rate)
        self._remember(plan.source, begun, begun + wanted / self._rate)
        self._time += stop / self._rate
        self._plan = following
        return np.concatenate([joined, grain[:, faded:stop]], axis=1)

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate)

    def _chances(self) -> npt.NDArray[np.float64]:
        return self._maker.probabilities(self._wanted(self._time))

    def _draw_body(self) -> float:
        # even over the logarithm: as many short grains as long ones
        low, high = np.log(self._options.shortest), np.log(self._options.longest)
        return float(np.exp(self._rng.uniform(low, high)))

    def _plan_next(self, plan: _Plan) -> _Plan:
        """Stay in the recording, or draw another when its time is over or it no longer fits."""
        chances = self._chances()
        # a recording whose probability has fallen by half is left by half
        stay = np.exp(-plan.body / self._options.dwell)
        stay *= min(1.0, chances[plan.source] / self._chance)
        source = plan.source
        if self._rng.random() >= stay:
            source = int(self._rng.choice(len(chances), p=chances))
        self._chance = chances[source]
        fade = self._options.fade if source == plan.source else self._options.blend
        return _Plan(source, fade, self._draw_body())

    def _fitted(self, source: GrainSource, plan: _Plan, following: _Plan) -> tuple[float, ...]:
        """Return fade, body and fade out, shrunk where a recording or the next one is short."""
        fade = self._tail.shape[1] / self._rate
        room = source.seconds
        out = min(following.fade, room / 4, self._maker.sources[following.source].seconds / 4)
        body = max(LEAST_BODY, min(plan.body, room - fade - out))
        return fade, body, out

    def _choose(self, number: int, length: float) -> float:
        """Return where the next grain of ``length`` seconds starts in a recording."""
        source = self._maker.sources[number]
        last = max(0.0, source.seconds - length - ALIGN_SECONDS)
        places = self._rng.uniform(0, last, self._options.candidates)
        places = places[self._fresh(number, places, length)]
        if self._end is None:
            return float(places[0])
        end = self._maker.sources[self._end.source].window(self._end.seconds, WINDOW)
        distances = np.array(
            [np.mean((source.window(place, WINDOW) - end) ** 2) for place in places]
        )
        near = np.argsort(distances, kind="stable")[: self._options.nearest]
        return float(places[self._rng.choice(near)])

    def _fresh(
        self, number: int, places: npt.NDArray[np.float64], length: float
    ) -> npt.NDArray[np.intp]:
        """Return the candidates that repeat least of what was used lately (often: nothing)."""
        repeated = np.zeros(len(places))
        for age, (start, stop) in enumerate(reversed(self._used.get(number, ()))):
            shared = np.minimum(places + length, stop) - np.maximum(places, start)
            # what was heard just now counts more, for when nothing is fresh
            repeated += np.maximum(0, shared) / (1 + age)
        if self._end is not None and self._end.source == number:
            repeated += 10 * length * (np.abs(places - self._end.seconds) < APART_SECONDS)
        allowed = max(0.1 * length, float(np.quantile(repeated, 0.25)))
        return np.flatnonzero(repeated <= allowed)

    def _remember(self, number: int, start: float, stop: float) -> None:
        used = self._used.setdefault(number, deque())
        used.append((start, stop))
        held = min(self._options.memory, MEMORY_SHARE * self._maker.sources[number].seconds)
        while len(used) > 1 and sum(b - a for a, b in used) > held:
            used.popleft()

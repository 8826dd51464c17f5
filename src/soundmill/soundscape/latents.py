"""Paths through the latents: new ones, variations of a recording, from one recording to another.

Each is a stream of steps (z, g, condition) in blocks, of any length in constant memory.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from soundmill.seeds import derive
from soundmill.soundscape.bank import Environment, Recall
from soundmill.soundscape.conditions import Script
from soundmill.soundscape.encoding import Encoded
from soundmill.soundscape.generation_options import SamplingOptions
from soundmill.soundscape.layers import LEAST, Layer
from soundmill.soundscape.model import SoundscapeModel

BLOCK = 64
"""Steps in a block."""
GLIDE_SECONDS = 5.0
"""Time constant with which the global vector follows what is asked."""
WANDER_SECONDS = 20.0
"""Time constant of the global vector's wandering."""
ANCHOR_SECONDS = 2.0
"""Time from one drawn point to the next of a slerp."""
WARM_UP = 21
"""Steps that the prior takes before the first one that is heard."""
RECALL_STEPS = 16
"""Steps for which the recordings that lend frames stay the same."""
FADE_STEPS = 12
"""Steps over which a recording that has come to its end turns back into its beginning."""

SPARE_STEPS = 2
"""Steps beyond those of a recording with which its sound is as long as it was."""

Drawing = Callable[[Tensor, Tensor], Tensor]
"""Gives the next latents (D,) for a global vector and a condition."""


class Steps(NamedTuple):
    """Latents (S, D), global vectors (S, G) and condition vectors (S, V)."""

    z: Tensor
    g: Tensor
    condition: Tensor


def new_path(
    model: SoundscapeModel, script: Layer, count: int, options: SamplingOptions, seed: int
) -> Iterator[Steps]:
    """Yield the steps of a new soundscape that follows a script.

    Parameters
    ----------
    script : one layer of it; while it has no share of the power, nothing is drawn.
    count : steps in all.
    """
    random = torch.Generator().manual_seed(derive(seed, "path"))
    environments = _environments(model, script, options, random)
    draw = METHODS[options.method](model, options, random)
    first = script.at(0.0)
    start = (torch.from_numpy(first), next(environments))
    for _ in range(WARM_UP if options.method == "autoregressive" else 0):
        draw(start[1], start[0])
    done = 0
    while done < count:
        block = []
        steps = range(done, min(done + BLOCK, count))
        # neighbours too: what is decoded depends on the steps around it
        around = (max(steps[0] - BLOCK, 0), *steps, steps[-1] + BLOCK)
        heard = any(script.share(step / model.rate) > LEAST for step in around)
        for step in steps:
            condition = torch.from_numpy(script.at(step / model.rate))
            g = next(environments)
            z = draw(g, condition) if heard else torch.zeros(model.network.latents)
            block.append((z, g, condition))
        done += len(block)
        yield Steps(*(torch.stack(part) for part in zip(*block, strict=True)))


def _environments(
    model: SoundscapeModel, script: Layer, options: SamplingOptions, random: torch.Generator
) -> Iterator[Tensor]:
    """Yield a global vector for each step: what the script asks for, wandering a little."""
    environment = Environment(model.bank, model.front.vocabulary, random)
    follow = 1 - math.exp(-1 / (GLIDE_SECONDS * model.rate))
    keep = math.exp(-1 / (WANDER_SECONDS * model.rate))
    size = options.wander * model.bank.drift
    away = size * torch.randn(len(size), generator=random)
    now, step, asked = None, 0, None
    while True:
        condition = torch.from_numpy(script.at(step / model.rate))
        if asked is None or not torch.equal(condition, asked):
            target, asked = environment.at(condition), condition
        now = target if now is None else now + follow * (target - now)
        noise = torch.randn(len(size), generator=random)
        away = keep * away + math.sqrt(1 - keep**2) * size * noise
        yield now + away
        step += 1


class _Autoregressive:
    """Draws each frame from the prior, given those before it."""

    def __init__(
        self, model: SoundscapeModel, options: SamplingOptions, random: torch.Generator
    ) -> None:
        self._prior, self._temperature, self._random = model.prior, options.temperature, random
        self._state: Tensor | None = None
        self._before = torch.zeros(model.network.latents)
        codes = len(model.prior.means)
        heard = options.frames == "heard"
        self._recall = Recall(model.bank, codes, options.nearness) if heard else None
        self._step = 0

    @torch.no_grad()
    def __call__(self, g: Tensor, condition: Tensor) -> Tensor:
        mixture, self._state = self._prior.step(self._before, g, condition, self._state)
        recall, random = self._recall, self._random
        if recall is None:
            self._before = mixture.draw(random, self._temperature)
            return self._before
        if self._step % RECALL_STEPS == 0:
            recall.move(g)
        self._step += 1
        code = int(mixture.draw_code(random, recall.allowed))
        self._before = recall.draw(code, random, self._temperature)
        return self._before


class _RandomWalk:
    """Moves each latent at random, as fast as recordings move it, and back to the middle."""

    def __init__(
        self, model: SoundscapeModel, options: SamplingOptions, random: torch.Generator
    ) -> None:
        self._keep, self._random = model.autocorrelation, random
        self._size = options.temperature
        self._now = self._size * torch.randn(len(self._keep), generator=random)

    def __call__(self, g: Tensor, condition: Tensor) -> Tensor:
        noise = torch.randn(len(self._keep), generator=self._random)
        self._now = self._keep * self._now + torch.sqrt(1 - self._keep**2) * self._size * noise
        return self._now


class _Slerp:
    """Goes from one random point to the next, along the sphere on which such points lie."""

    def __init__(
        self, model: SoundscapeModel, options: SamplingOptions, random: torch.Generator
    ) -> None:
        self._size, self._random = options.temperature, random
        self._steps = max(2, round(ANCHOR_SECONDS * model.rate))
        self._shape = model.network.latents
        self._from, self._to, self._step = self._point(), self._point(), 0

    def _point(self) -> Tensor:
        return self._size * torch.randn(self._shape, generator=self._random)

    def __call__(self, g: Tensor, condition: Tensor) -> Tensor:
        if self._step == self._steps:
            self._from, self._to, self._step = self._to, self._point(), 0
        found = slerp(self._from, self._to, self._step / self._steps)
        self._step += 1
        return found


METHODS: dict[str, Callable[[SoundscapeModel, SamplingOptions, torch.Generator], Drawing]] = {
    "autoregressive": _Autoregressive,
    "random_walk": _RandomWalk,
    "slerp": _Slerp,
}


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Return the point between two on the great circle through them (Shoemake 1985)."""
    cosine = (a @ b / (a.norm() * b.norm()).clamp_min(1e-9)).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if float(torch.sin(angle)) < 1e-4:
        return (1 - share) * a + share * b
    found: Tensor = torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b
    return found / torch.sin(angle)


def vary(
    model: SoundscapeModel,
    recording: Encoded,
    script: Script,
    count: int,
    strength: float,
    options: SamplingOptions,
    seed: int,
) -> Iterator[Steps]:
    """Yield the steps of a variation of a recording.

    Parameters
    ----------
    strength : 0 keeps its latents, 1 keeps only its global vector. Between, its latents and new
        ones are mixed so that their variance stays.
    count : steps; beyond the recording's end it goes on from its beginning.
    """
    random = torch.Generator().manual_seed(derive(seed, "variation"))
    draw = _Autoregressive(model, options, random)
    kept, new = math.cos(strength * math.pi / 2), math.sin(strength * math.pi / 2)
    away = strength * options.wander * model.bank.drift
    g = recording.g + away * torch.randn(len(recording.g), generator=random)
    vector = torch.from_numpy(script.at(0.0))
    at = looped(recording.mean, count)

    def step(number: int) -> tuple[Tensor, Tensor, Tensor]:
        drawn = draw(g, vector)
        return kept * at(number) + new * drawn, g, vector

    yield from _in_blocks(step, count)


def interpolate(
    model: SoundscapeModel, first: Encoded, second: Encoded, script: Script, count: int
) -> Iterator[Steps]:
    """Yield the steps from one recording to another: slowly out of one, into the other.

    The condition goes from the beginning of the script to its end as the recordings do.
    """
    one, other = looped(first.mean, count), looped(second.mean, count)

    def step(number: int) -> tuple[Tensor, Tensor, Tensor]:
        share = number / max(count - 1, 1)
        share = share * share * (3 - 2 * share)  # begin and end slowly
        angle = share * math.pi / 2
        # independent latents: shares on a circle keep their variance
        z = math.cos(angle) * one(number) + math.sin(angle) * other(number)
        vector = torch.from_numpy(script.at(share * script.end))
        return z, (1 - share) * first.g + share * second.g, vector

    yield from _in_blocks(step, count)


def looped(latents: Tensor, count: int) -> Callable[[int], Tensor]:
    """Return a function of steps that repeats latents (S, D), the end fading into the beginning.

    Parameters
    ----------
    count : steps that will be asked for. Where the latents nearly suffice for them, they come as
        they are: a sound is up to two steps longer than what is encoded of it, for which the last
        one stays.
    """
    if count <= len(latents) + SPARE_STEPS:
        return lambda step: latents[min(step, len(latents) - 1)]
    fade = min(FADE_STEPS, len(latents) // 2)
    period = len(latents) - fade

    def at(step: int) -> Tensor:
        place = step if step < len(latents) - fade else (step % period)
        if fade and step >= period and place < fade:
            angle = (place + 0.5) / fade * math.pi / 2
            return math.sin(angle) * latents[place] + math.cos(angle) * latents[period + place]
        return latents[place]

    return at


def _in_blocks(step: Callable[[int], tuple[Tensor, Tensor, Tensor]], count: int) -> Iterator[Steps]:
    for first in range(0, count, BLOCK):
        parts = [step(number) for number in range(first, min(first + BLOCK, count))]
        yield Steps(*(torch.stack(part) for part in zip(*parts, strict=True)))


@torch.no_grad()
def decode_path(
    model: SoundscapeModel, path: Iterator[Steps], offset: Steps | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield mean log magnitude and log of its standard deviation, nepers, (channels, T, bins).

    Each block is decoded with the steps around it, so that blocks leave no seam.

    Parameters
    ----------
    offset : added to all latents and global vectors: controls that are turned.
    """
    context = model.network.context
    kept: Steps | None = None
    before = 0
    for steps in path:
        if offset is not None:
            steps = Steps(steps.z + offset.z, steps.g + offset.g, steps.condition)
        kept = steps if kept is None else _join(kept, steps)
        stop = len(kept.z) - context
        if stop > before:
            yield _decode(model, kept, before, stop)
            cut = max(0, stop - context)
            kept, before = Steps(*(part[cut:] for part in kept)), stop - cut
    if kept is not None and len(kept.z) > before:
        yield _decode(model, kept, before, len(kept.z))


def _join(first: Steps, second: Steps) -> Steps:
    return Steps(*(torch.cat(pair) for pair in zip(first, second, strict=True)))


def _decode(model: SoundscapeModel, steps: Steps, start: int, stop: int) -> tuple[Tensor, Tensor]:
    network, channels = model.network, model.front.channels
    decoded = network.decode(*(part[None] for part in steps))
    cut = slice(start * network.stride, stop * network.stride)
    mean = network.restore(decoded.mean[0, cut])
    spread = decoded.log_spread[0, cut] + network.scale.log()
    shape = (len(mean), channels, -1)
    return mean.reshape(shape).transpose(0, 1), spread.reshape(shape).transpose(0, 1)

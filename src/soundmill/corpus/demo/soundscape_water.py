"""Surf and stream of `demo:soundscapes`, and fire: what flows and crackles."""

from typing import NamedTuple

import numpy as np

from soundmill.corpus.demo.soundscape_tools import (
    Floats,
    Random,
    bubbles,
    bursts,
    decibels,
    drift,
    frame_times,
    frequencies,
    heavy_tail,
    hump,
    moving_noise,
    poisson_times,
    ring,
    roll_off,
    scaled,
)


class Surf(NamedTuple):
    """Waves that swell, break and run out."""

    period: float
    """Seconds between waves."""
    regular: float
    """Spread of that period, as a share."""
    rise: float
    """Seconds from the swell to the break."""
    wash: float
    """Seconds in which the broken wave falls to a third."""
    corner: float
    """Hz up to which a wave sounds as it breaks."""
    hiss: float
    """Level of the foam, dB."""
    floor: float
    """Level of the sea between the waves, dB."""
    pebbles: float
    """Pebbles a second that the backwash rolls; 0 on sand."""


def draw_surf(rng: Random, hour: float) -> Surf:
    """Draw a shore; the hour of the day plays no part."""
    return Surf(
        period=rng.uniform(4.5, 8),
        regular=rng.uniform(0.1, 0.3),
        rise=rng.uniform(0.5, 1.6),
        wash=rng.uniform(0.9, 2.2),
        corner=rng.uniform(700, 2000),
        hiss=rng.uniform(-5, 2),
        floor=rng.uniform(-24, -15),
        pebbles=rng.choice([0.0, 40.0, 120.0]),
    )


def make_surf(surf: Surf, n: int, rate: int, rng: Random) -> Floats:
    """Return ``n`` samples of noise under the envelopes of waves.

    A wave opens the spectrum as it breaks; its foam keeps the treble while the bass runs out.
    """
    times, frequency = frame_times(n, rate), frequencies(rate)
    count = int(n / rate / surf.period) + 4
    gaps = surf.period * (1 + surf.regular * rng.standard_normal(count)).clip(0.4)
    breaks = np.cumsum(gaps) - surf.period * rng.uniform(1.2, 2.0)
    height = rng.lognormal(0, 0.3, count)
    body, foam = np.zeros(len(times)), np.zeros(len(times))
    for start, size in zip(breaks, height, strict=True):
        after = times - start
        climb = np.exp(np.minimum(after, 0) / (0.5 * surf.rise))
        length = surf.wash * rng.uniform(0.8, 1.3)
        body += size * climb * np.exp(-np.maximum(after, 0) / length)
        late = after - 0.4 * length
        foam += (
            size
            * np.exp(np.minimum(late, 0) / (0.4 * surf.rise))
            * np.exp(-np.maximum(late, 0) / (1.5 * length))
        )
    sea = decibels(surf.floor) * decibels(1.5 * drift(rng, times, 0.5))
    rough = decibels(1.2 * drift(rng, times, 6.0))
    corner = surf.corner * (0.25 + np.minimum(body, 1.5))
    shape = roll_off(frequency, corner[:, None], 6.5) * (1 - 0.9 * roll_off(frequency, 70, 12))
    power = shape / corner[:, None] * (body * rough + sea)[:, None] ** 2
    sheen = hump(frequency, 4500, 1.1) / 9000
    power = power + sheen * (decibels(surf.hiss) * foam)[:, None] ** 2
    out = moving_noise(rng, power, n)
    if surf.pebbles:
        rattle = np.zeros(n, np.float32)
        starts = poisson_times(rng, n / rate, surf.pebbles, foam**2 + 0.01)
        pitch = rng.uniform(1500, 5500, len(starts))
        ring(rattle, rate, starts, heavy_tail(rng, len(starts), 2.5), pitch, pitch / 8)
        out += scaled(rattle, -20)
    return out


class Stream(NamedTuple):
    """A brook: bubbles of many sizes over the noise of the water."""

    bubbles: float
    """Bubbles a second."""
    smallest: float
    """Radius in mm."""
    largest: float
    """Radius in mm; 3 m/s over it is the lowest pitch."""
    sizes: float
    """Exponent of their distribution, above 1: large for mostly small ones."""
    centre: float
    """Hz around which the noise is strongest."""
    rush: float
    """Level of the noise beside the bubbles, dB."""
    gurgle: float
    """How much the flow of bubbles comes and goes, dB."""


def draw_stream(rng: Random, hour: float) -> Stream:
    """Draw a brook; the hour of the day plays no part."""
    return Stream(
        bubbles=rng.uniform(120, 320),
        smallest=rng.uniform(0.8, 1.3),
        largest=rng.uniform(3.5, 7),
        sizes=rng.uniform(1.8, 3.2),
        centre=rng.uniform(600, 1300),
        rush=rng.uniform(-8, 0),
        gurgle=rng.uniform(2, 5),
    )


def make_stream(stream: Stream, n: int, rate: int, rng: Random) -> Floats:
    """Return ``n`` samples: a Poisson process of bubbles (`tools.bubbles`) over filtered noise."""
    times, frequency = frame_times(n, rate), frequencies(rate)
    flow = decibels(stream.gurgle * drift(rng, times, 3.0))
    starts = poisson_times(rng, n / rate, stream.bubbles, flow)
    # radii by inversion of a power law between two limits
    low, high = (radius ** (1 - stream.sizes) for radius in (stream.smallest, stream.largest))
    drawn = low + (high - low) * rng.uniform(0, 1, len(starts))
    radius = drawn ** (1 / (1 - stream.sizes))
    out = np.zeros(n, np.float32)
    bubbles(rng, out, rate, starts, radius / 1000)
    shape = hump(frequency, stream.centre, 1.0) + 0.12 * hump(frequency, 3500, 1.2)
    rough = decibels(0.4 * stream.gurgle * drift(rng, times, 6.0))
    rush = moving_noise(rng, shape * rough[:, None] ** 2, n)
    return scaled(out) + scaled(rush, stream.rush)


class Fire(NamedTuple):
    """Flames that flap, gases that hiss, wood that cracks."""

    crackles: float
    """Cracks a second."""
    clusters: float
    """Cracks that follow one another at once, on average."""
    tail: float
    """Exponent of their loudness: small for few cracks far above the rest."""
    flames: float
    """Level of the flapping, dB."""
    flap: float
    """Hz up to which the flames flap."""
    hiss: float
    """Level of the hissing, dB."""
    pops: float
    """Deep pops a second."""


def draw_fire(rng: Random, hour: float) -> Fire:
    """Draw a fire; the hour of the day plays no part."""
    return Fire(
        crackles=rng.uniform(12, 40),
        clusters=rng.uniform(1.5, 4),
        tail=rng.uniform(1.5, 2.2),
        flames=rng.uniform(-6, 4),
        flap=rng.uniform(4, 9),
        hiss=rng.uniform(-24, -14),
        pops=rng.uniform(0.2, 1.0),
    )


def make_fire(fire: Fire, n: int, rate: int, rng: Random) -> Floats:
    """Return ``n`` samples: flames, hiss and cracks (A. Farnell 2010, "Designing Sound").

    Cracks come in clusters (a Neyman-Scott process): one split opens the next.
    """
    times, frequency = frame_times(n, rate), frequencies(rate)
    seconds = n / rate
    first = poisson_times(rng, seconds, fire.crackles / fire.clusters)
    children = rng.poisson(fire.clusters - 1, len(first))
    later = np.repeat(first, children)
    later = later + rng.exponential(0.06, len(later))
    starts = np.concatenate([first, later])
    gains = heavy_tail(rng, len(starts), fire.tail) / rng.uniform(1, 2, len(starts))
    cracks = np.zeros(n, np.float32)
    bursts(rng, cracks, rate, starts, gains, np.exp(rng.uniform(5.3, 8.0, len(starts))))
    pitch = np.exp(rng.uniform(np.log(900), np.log(7000), len(starts)))
    ring(cracks, rate, starts, gains, pitch, pitch / rng.uniform(1.5, 5, len(starts)))
    pops = poisson_times(rng, seconds, fire.pops)
    deep = rng.uniform(150, 500, len(pops))
    ring(cracks, rate, pops, 4 * heavy_tail(rng, len(pops), 3), deep, deep / 4)
    flapping = decibels(5 * drift(rng, times, fire.flap) + 2 * drift(rng, times, 0.7))
    low = roll_off(frequency, 110, 8) * (frequency > 20)
    flames = moving_noise(rng, low * flapping[:, None] ** 2, n)
    breath = decibels(4 * drift(rng, times, 1.2))
    hiss = moving_noise(rng, (1 - roll_off(frequency, 2500, 9)) * breath[:, None] ** 2, n)
    return scaled(cracks) + scaled(flames, fire.flames) + scaled(hiss, fire.hiss)

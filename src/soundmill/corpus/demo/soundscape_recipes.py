"""The recipes of `demo:soundscapes` by kind: parameters are drawn, then made into sound."""

from collections.abc import Callable
from typing import Any, NamedTuple

from soundmill.corpus.demo.soundscape_life import (
    draw_birds,
    draw_insects,
    make_birds,
    make_insects,
)
from soundmill.corpus.demo.soundscape_tools import Floats, Random, scaled
from soundmill.corpus.demo.soundscape_town import draw_town, make_town
from soundmill.corpus.demo.soundscape_water import (
    draw_fire,
    draw_stream,
    draw_surf,
    make_fire,
    make_stream,
    make_surf,
)
from soundmill.corpus.demo.soundscape_weather import (
    draw_rain,
    draw_thunder,
    draw_wind,
    make_rain,
    make_thunder,
    make_wind,
)


class Recipe(NamedTuple):
    """How a kind of sound is made."""

    draw: Callable[[Random, float], Any]
    """From random numbers and the hour of the day (0 to 24) to parameters."""
    make: Callable[[Any, int, int, Random], Floats]
    """From parameters, a number of samples, a rate in Hz and random numbers to samples (n,)."""


RECIPES = {
    "rain": Recipe(draw_rain, make_rain),
    "wind": Recipe(draw_wind, make_wind),
    "surf": Recipe(draw_surf, make_surf),
    "fire": Recipe(draw_fire, make_fire),
    "insects": Recipe(draw_insects, make_insects),
    "birds": Recipe(draw_birds, make_birds),
    "stream": Recipe(draw_stream, make_stream),
    "thunder": Recipe(draw_thunder, make_thunder),
    "town": Recipe(draw_town, make_town),
}


def make_kind(kind: str, hour: float, n: int, rate: int, rng: Random) -> Floats:
    """Return ``n`` samples of a kind at an hour of the day, with RMS 1.

    Raises
    ------
    KeyError
        For a kind that is none of `RECIPES`.
    """
    recipe = RECIPES[kind]
    return scaled(recipe.make(recipe.draw(rng, hour), n, rate, rng))

"""Several names at once sound as layers of their own."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from soundscape.tiny_model import RATE

from soundmill.soundscape.conditions import Column, Script, Vocabulary
from soundmill.soundscape.generation import NeuralGenerator
from soundmill.soundscape.generation_options import SamplingOptions
from soundmill.soundscape.latents import new_path
from soundmill.soundscape.layers import mix_layers, split_layers

WORDS = Vocabulary(
    {
        "kind": Column("category", ("rain", "wind", "surf")),
        "hour": Column("circle", period=24),
        "site": Column("category", ("hill", "lake")),
    }
)
NAMES = st.dictionaries(
    st.sampled_from(("rain", "wind", "surf")), st.floats(0.1, 9), min_size=1, max_size=3
)
SITES = st.dictionaries(st.sampled_from(("hill", "lake")), st.floats(0.1, 9), min_size=1)
WISHES = st.fixed_dictionaries(
    {}, optional={"kind": NAMES, "site": SITES, "hour": st.floats(0, 24)}
)


def test_one_name_is_one_layer_and_says_what_the_script_says():
    script = Script(WORDS, [(0, {"kind": {"wind": 2}, "hour": 3})])
    (layer,) = split_layers(script)
    assert layer.at(5) == pytest.approx(script.at(5)) and layer.share(5) == 1
    (nothing,) = split_layers(Script(WORDS, [(0, {})]))
    assert not nothing.at(0).any() and nothing.share(0) == 1


def test_each_name_is_a_layer_that_hears_only_of_itself():
    script = Script(WORDS, [(0, {"kind": {"rain": 3, "surf": 1}, "hour": 6, "site": {"lake": 1}})])
    layers = split_layers(script)
    vectors = [layer.at(0).tolist() for layer in layers]
    for vector, kind in zip(vectors, ("rain", "surf"), strict=True):
        wish = {"kind": {kind: 1}, "hour": 6, "site": {"lake": 1}}
        assert vector == pytest.approx(WORDS.vector(wish).tolist())
    assert [layer.share(0) for layer in layers] == pytest.approx([0.75, 0.25])


@given(st.lists(st.tuples(st.floats(0, 60), WISHES), min_size=1, max_size=4))
def test_at_every_moment_the_layers_have_all_of_the_power(lines):
    layers = split_layers(Script(WORDS, lines))
    for time in np.linspace(-1, 61, 40):
        shares = [layer.share(float(time)) for layer in layers]
        assert min(shares) >= 0 and sum(shares) == pytest.approx(1, abs=5e-3)


def test_powers_add_up_by_their_shares():
    script = Script(WORDS, [(0, {"kind": {"rain": 1}}), (8, {"kind": {"wind": 1}})])
    layers = split_layers(script)
    levels = [torch.full((1, 100, 5), value) for value in (-2.0, -5.0)]
    spreads = [torch.full((1, 100, 5), math.log(value)) for value in (0.6, 0.1)]
    streams = [
        iter(list(zip(mean.split(30, 1), spread.split(30, 1), strict=True)))
        for mean, spread in zip(levels, spreads, strict=True)
    ]
    mixed = list(mix_layers(layers, streams, 12.5))
    mean, spread = (torch.cat([block[k] for block in mixed], 1) for k in (0, 1))
    share = torch.arange(100) / 100
    power = (1 - share) * math.exp(-4) + share * math.exp(-10)
    assert torch.allclose(mean[0, :, 2], power.log() / 2, atol=1e-4)
    assert spread[0, 0].exp() == pytest.approx(torch.full((5,), 0.6), abs=1e-3)
    assert 0.1 < spread[0, 99, 0].exp() < 0.6


def test_a_layer_is_drawn_wherever_it_sounds_and_else_costs_nothing(tiny):
    names = ("hiss", "rumble", "hiss", "hiss")
    lines = [(at, {"kind": {k: 1}}) for at, k in zip((2.2, 2.8, 3.4, 60), names, strict=True)]
    script = Script(tiny.model.front.vocabulary, lines)
    for layer in split_layers(script):
        parts = new_path(tiny.model, layer, 600, SamplingOptions(), 1)
        drawn = torch.cat([part.z for part in parts]).abs().sum(1) > 0
        sounds = [layer.share(step / tiny.model.rate) > 1e-4 for step in range(600)]
        assert drawn[torch.tensor(sounds)].all()
        assert not drawn[300:].any() or all(sounds[300:])


def test_a_mix_of_two_is_as_loud_as_its_parts(tiny):
    def level(wish, seed):
        generator = NeuralGenerator(tiny.model, SamplingOptions(phase_iterations=0))
        script = Script(generator.vocabulary, [(0.0, {"kind": wish})])
        sound = np.concatenate(list(generator.stream(script, 4, seed)), axis=1)
        assert sound.shape == (1, 4 * RATE)
        return 10 * np.log10(np.square(sound).mean())

    alone = [np.mean([level({kind: 1}, s) for s in range(2)]) for kind in ("hiss", "rumble")]
    both = np.mean([level({"hiss": 0.5, "rumble": 0.5}, s) for s in range(2)])
    assert min(alone) - 0.7 < both < max(alone) + 0.7

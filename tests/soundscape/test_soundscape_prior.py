"""The prior over latents, the environments, and what latents mean."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from soundscape.tiny_model import hiss, pulses

from soundmill.soundscape.bank import Bank, Environment
from soundmill.soundscape.conditions import Column, Vocabulary
from soundmill.soundscape.controls import MEANINGS, correlate, meanings, measure_controls
from soundmill.soundscape.encoding import encode
from soundmill.soundscape.frontend import log_magnitudes, stft
from soundmill.soundscape.prior import FARTHEST, HIGHEST, LOWEST, Mixture, MixtureHead, Prior
from soundmill.soundscape.prior_options import PriorOptions
from soundmill.soundscape.prior_training import PriorLearner, Sequences, _normal_entropy
from soundmill.soundscape.recordings import read_recordings


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


# the mixture


def a_mixture(*shape, size=3, mixtures=4):
    raw = noise(*shape, mixtures * (1 + 2 * size))
    head = MixtureHead(1, mixtures, size)
    head.layer = torch.nn.Identity()
    return head(raw)


def test_the_density_is_that_of_a_mixture_of_normal_distributions():
    found = a_mixture(2, 5)
    exact = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=found.log_weights),
        torch.distributions.Independent(
            torch.distributions.Normal(found.means, found.log_deviations.exp()), 1
        ),
    )
    x = 2 * noise(2, 5, 3, seed=1)
    assert torch.allclose(found.log_density(x), exact.log_prob(x), atol=1e-4)


def test_the_density_integrates_to_one():
    found = a_mixture(size=1)
    x = torch.linspace(-40, 40, 400_001)[:, None]
    area = found.log_density(x).exp().sum() * (80 / 400_000)
    assert area == pytest.approx(1, abs=1e-3)


def test_draws_have_the_moments_of_the_mixture_and_stay_where_the_decoder_has_been():
    weights, means = torch.tensor([0.2, 0.8]), torch.tensor([[-1.0, 0.5], [1.0, 0.5]])
    deviations = torch.tensor([[0.5, 0.1], [0.25, 0.1]])
    mixture = Mixture(weights.log(), means, deviations.log())
    many = Mixture(*(part.expand(20_000, *part.shape) for part in mixture))
    for temperature in (1.0, 0.5):
        x = many.draw(generator(), temperature)
        mean = weights @ means
        spread = weights @ (means - mean).square() + weights @ (temperature * deviations).square()
        assert torch.allclose(x.mean(0), mean, atol=0.02)
        assert torch.allclose(x.std(0), spread.sqrt(), atol=0.02)
    assert torch.equal(many.draw(generator(1)), many.draw(generator(1)))
    far = Mixture(torch.zeros(1), torch.full((1, 2), 99.0), torch.zeros(1, 2))
    assert far.draw(generator()).tolist() == [FARTHEST, FARTHEST]


@given(st.floats(-1e4, 1e4))
def test_no_mixture_shrinks_onto_a_point(raw):
    head = MixtureHead(1, 2, 3)
    torch.nn.init.constant_(head.layer.bias, raw)
    found = head(torch.zeros(1, 1))
    assert LOWEST <= found.log_deviations.min() and found.log_deviations.max() <= HIGHEST


# the network

OPTIONS = PriorOptions(width=24, layers=2, mixtures=2, batch=16, steps=1)


def test_step_by_step_is_all_at_once():
    torch.manual_seed(1)
    prior = Prior(OPTIONS, 3, 2, 4).eval()
    latents, g, condition = noise(1, 12, 3), noise(1, 2, seed=1), noise(1, 4, seed=2)
    with torch.no_grad():
        whole = prior(latents, g, condition)
        state = None
        for k in range(12):
            found, state = prior.step(latents[0, k], g[0], condition[0], state)
            for one, other in zip(found, whole, strict=True):
                assert torch.allclose(one, other[0, k], atol=1e-5)


def test_what_comes_later_tells_nothing():
    prior = Prior(OPTIONS, 3, 2, 0).eval()
    latents, g = noise(1, 12, 3), noise(1, 2, seed=1)
    before = prior(latents, g, torch.zeros(1, 0)).means
    latents[0, 7:] += 5
    after = prior(latents, g, torch.zeros(1, 0)).means
    assert torch.equal(before[0, :7], after[0, :7]) and not torch.equal(before[0, 7], after[0, 7])


def test_it_learns_a_sequence_and_goes_on_like_it():
    """x' = 0.9 x + 0.3 e, and a second latent that is noise of another size for each g."""
    torch.manual_seed(1)
    options = PriorOptions(width=32, mixtures=2, dropout=0.0, steps=1)
    prior, random = Prior(options, 2, 1, 0), np.random.default_rng(1)
    optimiser = torch.optim.Adam(prior.parameters(), 1e-2)
    none = torch.zeros(16, 0)
    for number in range(300):
        optimiser.param_groups[0]["lr"] = 1e-2 * (1 - number / 300)
        walk = np.zeros((16, 60, 2), np.float32)
        walk[:, 0] = random.normal(0, 0.69, (16, 2))
        g = torch.from_numpy(random.choice([-1.0, 1.0], (16, 1)).astype(np.float32))
        for k in range(1, 60):
            walk[:, k, 0] = 0.9 * walk[:, k - 1, 0] + random.normal(0, 0.3, 16)
        walk[:, :, 1] = random.normal(0, 1, (16, 60)) * np.where(g > 0, 0.8, 0.2)
        latents = torch.from_numpy(walk)
        before = torch.cat([torch.zeros_like(latents[:, :1]), latents[:, :-1]], 1)
        loss = -prior(before, g, none).log_density(latents).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    prior.eval()
    random = generator(3)
    for g, size in ((-1.0, 0.2), (1.0, 0.8)):
        drawn, now, state = [], torch.zeros(2), None
        with torch.no_grad():
            for _ in range(2000):
                mixture, state = prior.step(now, torch.tensor([g]), torch.zeros(0), state)
                now = mixture.draw(random)
                drawn.append(now)
        x = torch.stack(drawn[50:])
        assert x[:, 0].std() == pytest.approx(0.3 / math.sqrt(1 - 0.81), rel=0.25)
        assert abs(float(x[:, 0].mean())) < 0.35
        centred = x[:, 0] - x[:, 0].mean()
        assert (centred[1:] @ centred[:-1]) / (centred @ centred) == pytest.approx(0.9, abs=0.06)
        assert x[:, 1].std() == pytest.approx(size, rel=0.2)
        assert abs(float((x[1:, 1] * x[:-1, 1]).mean())) < 0.15 * size**2 + 0.01


# what it is trained on


def test_sequences_are_drawn_from_the_posteriors_of_the_recordings(tiny, tmp_path):
    model, options = tiny.model, PriorOptions(sequence_seconds=2.6)
    recordings = read_recordings(tiny.table, "train")
    found = Sequences(recordings, model.network, model.front, tmp_path / "a.npy", options, 1)
    assert len(found) == 6 and found.length == round(2.6 * model.rate)
    for number, recording in enumerate(recordings):
        expected = encode(model.network, recording, **model.front.encoding)
        part = found.data[found.firsts[number] : found.firsts[number + 1]].astype(np.float32)
        assert part[:, 0] == pytest.approx(expected.mean.numpy(), abs=0.01)
        assert part[:, 1] == pytest.approx(expected.log_variance.numpy(), abs=0.02)
        assert torch.allclose(found.globals[number], expected.g)
    latents, mask, g, conditions = found.draw(200, "a")
    again = found.draw(200, "a")[0]
    assert torch.equal(latents, again) and not torch.equal(latents, found.draw(200, "b")[0])
    short = {k for k, r in enumerate(recordings) if r.frames < 2.6 * 8000}
    counts = mask.sum(1)
    for row in range(200):
        (number,) = (found.globals == g[row]).all(1).nonzero()[0]
        assert torch.equal(conditions[row], found.conditions[number])
        own = found.firsts[int(number) + 1] - found.firsts[int(number)]
        assert counts[row] == min(own, found.length)
        assert not latents[row, int(counts[row]) :].any()
    assert 0 < len(short) < 6 and (counts < found.length).any()
    everything = latents[mask > 0]
    spread = everything.std(0)
    expected = (spread.log() + 0.5 * math.log(2 * math.pi * math.e)).mean()
    assert found.floor() == pytest.approx(float(expected), abs=0.15)
    correlations = found.autocorrelation()
    assert all(0 <= value < 1 for value in correlations) and len(correlations) == 4


def test_the_floor_is_the_entropy_of_one_normal_distribution():
    x = noise(50_000, 2) * torch.tensor([0.5, 3.0])
    exact = torch.distributions.Normal(0.0, torch.tensor([0.5, 3.0])).entropy().mean()
    assert _normal_entropy(x) == pytest.approx(float(exact), abs=0.01)


def test_nothing_held_out_is_nothing_to_validate_on(tiny, tmp_path):
    model = tiny.model
    empty = Sequences([], model.network, model.front, tmp_path / "b.npy", PriorOptions(), 1)
    assert len(empty) == 0
    learner = PriorLearner(
        PriorOptions(), model.network, empty, empty, model.front.vocabulary.width, 1
    )
    assert learner.validate() is None


@torch.no_grad()
def test_padding_is_not_learned(tiny, tmp_path):
    model, width = tiny.model, tiny.model.front.vocabulary.width
    empty = Sequences([], model.network, model.front, tmp_path / "c.npy", PriorOptions(), 1)
    learner = PriorLearner(OPTIONS, model.network, empty, empty, width, 1).eval()
    latents, mask = noise(2, 9, 4), torch.ones(2, 9)
    mask[1, 5:] = 0
    g, condition = noise(2, 4, seed=2), torch.zeros(2, width)
    first = learner.loss((latents, mask, g, condition), 0.0)
    latents[1, 5:] = 77
    assert learner.loss((latents, mask, g, condition), 0.0) == first
    rows = [learner.loss((latents[:1], mask[:1], g[:1], condition[:1]), 0.0),
            learner.loss((latents[1:, :5], mask[1:, :5], g[1:], condition[1:]), 0.0)]  # fmt: skip
    assert float(first) == pytest.approx(float(9 * rows[0] + 5 * rows[1]) / 14, rel=1e-5)


# environments

WORDS = Vocabulary(
    {
        "kind": Column("category", ("rain", "wind")),
        "site": Column("category", ("hill", "lake")),
        "hour": Column("circle", period=24),
    }
)


def bank(rows, drift=0.0):
    vectors = [torch.from_numpy(WORDS.vector(WORDS.wish(row))) for row in rows]
    return Bank(torch.eye(len(rows)), torch.stack(vectors), torch.full((len(rows),), drift))


ROWS = [
    {"kind": "rain", "site": "hill", "hour": "6"}, {"kind": "rain", "site": "lake", "hour": "18"},
    {"kind": "rain", "site": "lake"}, {"kind": "wind", "site": "hill", "hour": "6"},
    {"kind": "wind", "site": "hill", "hour": "23.5"}, {"kind": "", "hour": "12"},
]  # fmt: skip


def share_of_rows(wish, rows=ROWS, draws=400):
    """Return how much of each recording's global vector is in those of a wish, over seeds."""
    found = torch.zeros(len(rows))
    vector = torch.from_numpy(WORDS.vector(wish))
    for seed in range(draws):
        found += Environment(bank(rows), WORDS, generator(seed)).at(vector)
    return found / draws


def test_a_label_gives_the_environments_that_have_it():
    share = share_of_rows({"kind": {"rain": 1}})
    assert share[:3].sum() == pytest.approx(1, abs=1e-5) and (share[:3] > 0.25).all()
    both = share_of_rows({"kind": {"wind": 1}, "site": {"hill": 1}})
    assert both[3:5].sum() == pytest.approx(1, abs=1e-5) and (both[3:5] > 0.4).all()
    assert (share_of_rows({}) > 0.1).all()


def test_a_mix_is_between_its_parts():
    wish = torch.from_numpy(WORDS.vector({"kind": {"rain": 0.7, "wind": 0.3}}))
    one, other = (torch.from_numpy(WORDS.vector({"kind": {k: 1}})) for k in ("rain", "wind"))
    for seed in range(20):
        environment = Environment(bank(ROWS), WORDS, generator(seed))
        mixed = 0.7 * environment.at(one) + 0.3 * environment.at(other)
        assert torch.allclose(environment.at(wish), mixed, atol=1e-5)
    two = WORDS.vector({"kind": {"rain": 0.5, "wind": 0.5}, "site": {"hill": 0.5, "lake": 0.5}})
    found = Environment(bank(ROWS), WORDS, generator()).at(torch.from_numpy(two))
    assert found.sum() == pytest.approx(1) and found[0] == pytest.approx(0.25)


def test_an_hour_gives_what_was_recorded_near_it():
    share = share_of_rows({"kind": {"rain": 1}, "hour": 7})
    assert share[0] > 0.95
    midnight = share_of_rows({"hour": 0.5})
    assert midnight[4] > 0.95  # 23.5 is an hour away
    between = share_of_rows({"kind": {"rain": 1}, "hour": 12})
    assert between[0] == pytest.approx(0.5, abs=0.1) and between[2] < 0.05


def test_what_nobody_recorded_takes_what_has_the_most_of_it():
    share = share_of_rows({"kind": {"wind": 1}, "site": {"lake": 1}})
    assert share[5] == 0 and (share[1:5] > 0.15).all()
    assert share.sum() == pytest.approx(1, abs=1e-5)


def test_the_same_draw_as_long_as_it_fits():
    environment = Environment(bank(ROWS, drift=0.5), WORDS, generator(4))
    again = Environment(bank(ROWS, drift=0.5), WORDS, generator(4))
    found = [environment.at(torch.from_numpy(WORDS.vector({"hour": h}))) for h in (5.9, 6, 6.1)]
    assert torch.equal(found[0], found[1]) and torch.equal(found[1], found[2])
    assert torch.equal(again.at(torch.from_numpy(WORDS.vector({"hour": 6}))), found[1])
    other = Environment(bank(ROWS, drift=0.5), WORDS, generator(5))
    assert not torch.equal(other.at(torch.from_numpy(WORDS.vector({"hour": 6}))), found[1])
    spread = torch.stack([
        Environment(bank(ROWS[:1], drift=0.5), WORDS, generator(s)).at(torch.zeros(WORDS.width))
        for s in range(500)
    ])  # fmt: skip
    assert spread.std() == pytest.approx(0.25, rel=0.15)  # half the drift


# what latents mean


def heard(samples):
    levels = log_magnitudes(stft(torch.from_numpy(samples)[None], 256, 64))
    return dict(zip(MEANINGS, meanings(levels, 8000, 64)[0].tolist(), strict=True))


def test_meanings_are_what_one_hears():
    plain, dark = heard(hiss(4, 1)), heard(hiss(4, 1, bright=False))
    softer = heard(hiss(4, 1) / 10)
    assert plain["loudness"] - softer["loudness"] == pytest.approx(20, abs=0.1)
    assert plain["brightness"] > dark["brightness"] + 1
    assert plain["brightness"] == pytest.approx(softer["brightness"], abs=0.01)
    beaten = heard(pulses(4, 1))
    assert beaten["events"] == pytest.approx(4, abs=0.6) and plain["events"] < 0.6
    assert beaten["roughness"] > plain["roughness"] + 1
    tone = np.sin(2 * np.pi * 1600 * np.arange(16_000) / 8000).astype(np.float32)
    assert heard(tone)["brightness"] == pytest.approx(4, abs=0.05)  # octaves above 100 Hz


def test_directions_turn_what_they_are_named_after():
    g = noise(200, 5) @ noise(5, 5, seed=3)
    weights = noise(5, seed=4)
    levels = torch.stack([g @ weights, g[:, 0], noise(200, seed=5), torch.ones(200)], 1)
    latents = noise(200, 3, seed=6)
    latents[:, 1] = -levels[:, 1]
    found = measure_controls(g, latents, levels)
    step = torch.tensor(found["directions"]["loudness"]["step"])
    assert step @ weights == pytest.approx(float(levels[:, 0].std()), rel=0.1)
    assert found["directions"]["loudness"]["explained"] > 0.97
    assert found["directions"]["roughness"]["explained"] < 0.15
    assert found["directions"]["events"] == {"step": [0.0] * 5, "explained": 0.0}
    names = [row["name"] for row in found["table"]]
    assert names == [f"global {k}" for k in range(5)] + [f"latent {k}" for k in range(3)]
    assert found["table"][6]["brightness"] == -1 and found["table"][0]["brightness"] == 1
    assert found["table"][0]["events"] == 0
    json.dumps(found)


@pytest.mark.parametrize("rows", [1, 2])
def test_of_one_crop_nothing_is_told(rows):
    found = measure_controls(torch.zeros(rows, 3), torch.zeros(rows, 2), torch.zeros(rows, 4))
    for direction in found["directions"].values():
        assert direction == {"step": [0.0] * 3, "explained": 0.0}


def test_correlations_are_those_of_pearson():
    a, b = noise(40, 3), noise(40, 2, seed=1)
    exact = np.corrcoef(a.T, b.T)[:3, 3:]
    assert correlate(a, b).numpy() == pytest.approx(exact, abs=1e-5)

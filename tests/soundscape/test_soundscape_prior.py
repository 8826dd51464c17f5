"""The prior over latents, the environments, and what latents mean."""

import json
import math

import numpy as np
import pytest
import torch
from soundscape.tiny_model import hiss, pulses

from soundmill.soundscape.bank import Bank, Environment, Recall
from soundmill.soundscape.conditions import Column, Vocabulary
from soundmill.soundscape.controls import MEANINGS, correlate, meanings, measure_controls
from soundmill.soundscape.encoding import encode
from soundmill.soundscape.frontend import log_magnitudes, stft
from soundmill.soundscape.prior import FARTHEST, Mixture, Prior
from soundmill.soundscape.prior_options import PriorOptions
from soundmill.soundscape.prior_training import PriorLearner, Sequences, _normal_entropy
from soundmill.soundscape.recordings import read_recordings


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


# the mixture


def a_mixture(*shape, size=3, mixtures=4):
    weights = torch.log_softmax(noise(*shape, mixtures), -1)
    return Mixture(weights, noise(mixtures, size, seed=1), 0.5 * noise(mixtures, size, seed=2))


def test_the_density_is_that_of_a_mixture_of_normal_distributions():
    found = a_mixture(2, 5)
    each = torch.distributions.Independent(
        torch.distributions.Normal(found.means, found.log_deviations.exp()), 1
    )
    exact = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=found.log_weights), each.expand((2, 5, 4))
    )
    x = 2 * noise(2, 5, 3, seed=3)
    assert torch.allclose(found.log_density(x), exact.log_prob(x), atol=1e-4)
    assert torch.allclose(found.log_densities(x), each.log_prob(x[:, :, None]), atol=1e-4)


def test_the_density_integrates_to_one():
    x = torch.linspace(-40, 40, 400_001)[:, None]
    area = a_mixture(size=1).log_density(x).exp().sum() * (80 / 400_000)
    assert area == pytest.approx(1, abs=1e-3)


def test_draws_have_the_moments_of_the_mixture_and_stay_where_the_decoder_has_been():
    weights, means = torch.tensor([0.2, 0.8]), torch.tensor([[-1.0, 0.5], [1.0, 0.5]])
    deviations = torch.tensor([[0.5, 0.1], [0.25, 0.1]])
    many = Mixture(weights.log().expand(20_000, 2), means, deviations.log())
    for temperature in (1.0, 0.5):
        x = many.draw(generator(), temperature)
        mean = weights @ means
        spread = weights @ (means - mean).square() + weights @ (temperature * deviations).square()
        assert torch.allclose(x.mean(0), mean, atol=0.02)
        assert torch.allclose(x.std(0), spread.sqrt(), atol=0.02)
    assert torch.equal(many.draw(generator(1)), many.draw(generator(1)))
    far = Mixture(torch.zeros(1), torch.full((1, 2), 99.0), torch.zeros(1, 2))
    assert far.draw(generator()).tolist() == [FARTHEST, FARTHEST]


def test_only_allowed_distributions_are_drawn():
    weights = torch.tensor([0.7, 0.2, 0.1, 0.0]).log().expand(2000, 4)
    mixture = Mixture(weights, torch.zeros(4, 1), torch.zeros(4, 1))
    share = torch.bincount(mixture.draw_code(generator(), torch.tensor([0, 1.0, 1, 0]))) / 2000
    assert share[:2].tolist() == [0, pytest.approx(2 / 3, abs=0.05)]
    only = mixture.draw_code(generator(), torch.tensor([0.0, 0, 0, 1]))
    assert (only == 3).all()  # however unlikely


def test_distributions_start_as_clusters_of_frames():
    centres = 4 * noise(3, 2)
    frames = centres.repeat_interleave(100, 0) + 0.1 * noise(300, 2, seed=1)
    prior = Prior(PriorOptions(width=8, mixtures=8), 2, 1, 0)
    prior.start_from_clusters(frames, torch.ones(2), 1)
    order = torch.cdist(centres, prior.means).argmin(1)
    assert torch.allclose(prior.means[order], centres, atol=0.25)
    # each a little wider than its members: few of them do not say how wide it is
    wide = prior.log_deviations[order].exp()
    assert (wide > 0.1).all() and (wide < 0.5 * frames.std(0)).all()
    again = Prior(PriorOptions(width=8, mixtures=8), 2, 1, 0)
    again.start_from_clusters(frames, torch.ones(2), 1)
    assert torch.equal(again.means, prior.means)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_fewer_frames_than_distributions(count):
    prior = Prior(PriorOptions(width=8, mixtures=8), 2, 1, 0)
    prior.start_from_clusters(noise(count, 2), torch.ones(2), 1)
    assert torch.isfinite(prior.means).all() and torch.isfinite(prior.log_deviations).all()
    same = Prior(PriorOptions(width=8, mixtures=8), 2, 1, 0)
    same.start_from_clusters(torch.ones(50, 2), torch.ones(2), 1)
    assert torch.allclose(same.means, torch.ones(8, 2)) and (same.log_deviations > -6).all()


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
            assert torch.allclose(found.log_weights, whole.log_weights[0, k], atol=1e-5)
            assert torch.equal(found.means, whole.means)


def test_what_comes_later_tells_nothing():
    prior = Prior(OPTIONS, 3, 2, 0).eval()
    latents, g = noise(1, 12, 3), noise(1, 2, seed=1)
    before = prior(latents, g, torch.zeros(1, 0)).log_weights
    latents[0, 7:] += 5
    after = prior(latents, g, torch.zeros(1, 0)).log_weights
    assert torch.equal(before[0, :7], after[0, :7]) and not torch.equal(before[0, 7], after[0, 7])


def test_it_learns_a_sequence_and_goes_on_like_it():
    """x' = 0.9 x + 0.3 e, and a second latent that is noise of another size for each g."""
    torch.manual_seed(1)
    options = PriorOptions(width=32, mixtures=64, dropout=0.0, steps=1)
    prior, random = Prior(options, 2, 1, 0), np.random.default_rng(1)
    optimiser = torch.optim.Adam(prior.parameters(), 1e-2)
    none = torch.zeros(16, 0)
    for number in range(150):
        optimiser.param_groups[0]["lr"] = 1e-2 * (1 - number / 150)
        walk = np.zeros((16, 60, 2), np.float32)
        walk[:, 0] = random.normal(0, 0.69, (16, 2))
        g = torch.from_numpy(random.choice([-1.0, 1.0], (16, 1)).astype(np.float32))
        for k in range(1, 60):
            walk[:, k, 0] = 0.9 * walk[:, k - 1, 0] + random.normal(0, 0.3, 16)
        walk[:, :, 1] = random.normal(0, 1, (16, 60)) * np.where(g > 0, 0.8, 0.2)
        latents = torch.from_numpy(walk)
        if not number:
            prior.start_from_clusters(latents.flatten(0, 1), torch.ones(2), 1)
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
            for _ in range(1500):
                mixture, state = prior.step(now, torch.tensor([g]), torch.zeros(0), state)
                now = mixture.draw(random)
                drawn.append(now)
        x = torch.stack(drawn[50:])
        assert x[:, 0].std() == pytest.approx(0.3 / math.sqrt(1 - 0.81), rel=0.25)
        assert abs(float(x[:, 0].mean())) < 0.35
        centred = x[:, 0] - x[:, 0].mean()
        assert (centred[1:] @ centred[:-1]) / (centred @ centred) == pytest.approx(0.9, abs=0.08)
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


def a_learner(tiny, folder):
    """Return no sequences, and a learner that has none to validate on."""
    model = tiny.model
    train, empty = (
        Sequences(recordings, model.network, model.front, folder / name, PriorOptions(), 1)
        for recordings, name in ((read_recordings(tiny.table, "train"), "a.npy"), ([], "b.npy"))
    )
    width = model.front.vocabulary.width
    return empty, PriorLearner(OPTIONS, model.network, train, empty, width, 1).eval()


def test_nothing_held_out_is_nothing_to_validate_on(tiny, tmp_path):
    empty, learner = a_learner(tiny, tmp_path)
    assert len(empty) == 0
    assert learner.validate() is None


@torch.no_grad()
def test_padding_is_not_learned(tiny, tmp_path):
    width = tiny.model.front.vocabulary.width
    _, learner = a_learner(tiny, tmp_path)
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
    """Return a bank of recordings whose k-th global vector is the k-th unit vector."""
    vectors = [torch.from_numpy(WORDS.vector(WORDS.wish(row))) for row in rows]
    owners = torch.arange(len(rows)).repeat_interleave(4)
    frames = owners[:, None] + 0.1 * torch.arange(4.0).repeat(len(rows))[:, None]
    codes = torch.arange(4).repeat(len(rows)) % 2 + 2 * (owners % 2)
    return Bank(
        torch.eye(len(rows)), torch.stack(vectors), torch.full((len(rows),), drift),
        frames, owners, codes, torch.full((1,), 0.01),
    )  # fmt: skip


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


def test_a_layer_takes_the_name_that_has_the_most():
    one, mixed = ({"kind": {"rain": 1}}, {"kind": {"rain": 0.7, "wind": 0.3}})
    for seed in range(20):
        environment = Environment(bank(ROWS), WORDS, generator(seed))
        at = [environment.at(torch.from_numpy(WORDS.vector(wish))) for wish in (one, mixed)]
        assert torch.equal(*at)


def test_frames_come_from_recordings_that_are_near_and_of_the_asked_distribution():
    kept = bank(ROWS)
    recall, random = Recall(kept, 5, 0.1), generator(1)
    recall.move(kept.globals[2])
    assert recall.allowed.tolist() == [1, 1, 0, 0, 0]
    drawn = torch.stack([recall.draw(1, random, 1.0) for _ in range(400)])[:, 0]
    assert set((drawn * 10).round().int().tolist()) <= {21, 23}
    assert (drawn - (drawn * 10).round() / 10).std() == pytest.approx(0.01, rel=0.15)
    cold = torch.stack([recall.draw(1, random, 0.1) for _ in range(400)])[:, 0]
    assert (cold - (cold * 10).round() / 10).std() == pytest.approx(0.001, rel=0.15)
    recall.move((kept.globals[2] + kept.globals[3]) / 2)
    assert recall.allowed.tolist() == [1, 1, 1, 1, 0]
    wide = Recall(kept, 5, 10.0)
    wide.move(kept.globals[2])
    drawn = torch.stack([wide.draw(0, random, 0.1) for _ in range(600)])[:, 0]
    assert {round(float(x)) for x in drawn} == {0, 2, 4}


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

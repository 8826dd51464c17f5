"""Trainings of the autoencoder and the prior: bytes, interruptions, corpora at the edge."""

import json
import math

import numpy as np
import pytest
import torch
from soundscape.tiny_model import (
    AUTOENCODER,
    CONDITIONS,
    PRIOR,
    RATE,
    build,
    hiss,
    prepare,
    pulses,
    sounds,
    train_first,
    train_second,
)

from soundmill.errors import InputError
from soundmill.soundscape import autoencoder_training, prior_training
from soundmill.soundscape.autoencoder_training import Learner
from soundmill.soundscape.conditions import Script, Vocabulary
from soundmill.soundscape.crops import Crops
from soundmill.soundscape.generation import NeuralGenerator
from soundmill.soundscape.learning import optimiser
from soundmill.soundscape.model import load_model
from soundmill.soundscape.prior_training import PriorLearner
from soundmill.soundscape.recordings import read_recordings
from soundmill.soundscape.recordings_options import HeldOutOptions
from soundmill.status import read_table, write_table

SHORT = AUTOENCODER.model_copy(update={"steps": 10, "epoch_steps": 4, "batch": 2})
SHORT_PRIOR = PRIOR.model_copy(update={"steps": 10, "epoch_steps": 4, "batch": 2})
FIRST = ("autoencoder/model.safetensors", "autoencoder/config.json")
SECOND = ("model/model.safetensors", "model/config.json")


class Interrupted(Exception):
    """What a test throws into a training."""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Recordings of which some validate."""
    more = sounds() | {"hiss3": (hiss(2, 50), "hiss", "4", "site3")}
    return prepare(tmp_path_factory.mktemp("corpus"), more, held_out=HeldOutOptions(valid=0.2))


@pytest.fixture(scope="module")
def whole(table, tmp_path_factory):
    """Both trainings, uninterrupted."""
    folder = tmp_path_factory.mktemp("whole")
    train_first(table, folder, SHORT)
    train_second(table, folder, SHORT_PRIOR)
    return folder


def curve(path):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_table(path)]


def interrupt(monkeypatch, learner, step):
    """Let the first training that comes to a step fail there."""
    proper = learner.training_step

    def failing(self, batch, index):
        if self.global_step == step:
            raise Interrupted
        return proper(self, batch, index)

    monkeypatch.setattr(learner, "training_step", failing)


def test_same_seed_same_bytes_other_seed_other_weights(table, whole, tmp_path):
    train_first(table, tmp_path, SHORT)
    train_second(table, tmp_path, SHORT_PRIOR)
    for name in FIRST + SECOND:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    assert not (tmp_path / "state").exists() and not (tmp_path / "state-first").exists()
    train_first(table, tmp_path / "other", SHORT, seed=4)
    assert (tmp_path / "other" / FIRST[0]).read_bytes() != (whole / FIRST[0]).read_bytes()


@pytest.mark.parametrize("step", [6, 8])
def test_an_interrupted_autoencoder_ends_as_an_undisturbed_one(
    table, whole, tmp_path, monkeypatch, caplog, step
):
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt(patch, Learner, step)
        train_first(table, tmp_path, SHORT)
    assert not (tmp_path / "autoencoder").exists()
    with caplog.at_level("INFO"):
        train_first(table, tmp_path, SHORT)
    assert f"autoencoder: resuming after epoch {step // 4} (step {step // 4 * 4})" in caplog.text
    for name in FIRST:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    assert curve(tmp_path / "first.csv") == curve(whole / "first.csv")
    assert len(curve(whole / "first.csv")) == 3 and curve(whole / "first.csv")[-1]["step"] == "10"


def test_an_interrupted_prior_ends_as_an_undisturbed_one(
    table, whole, tmp_path, monkeypatch, caplog
):
    train_first(table, tmp_path, SHORT)
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt(patch, PriorLearner, 6)
        train_second(table, tmp_path, SHORT_PRIOR)
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(prior_training, "save_model", _fail)  # when all steps are done
        train_second(table, tmp_path, SHORT_PRIOR)
    with caplog.at_level("INFO"):
        train_second(table, tmp_path, SHORT_PRIOR)
    assert "prior: resuming after epoch 3 (step 10)" in caplog.text
    for name in SECOND:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    assert curve(tmp_path / "curves.csv") == curve(whole / "curves.csv")
    phases = [row["phase"] for row in curve(whole / "curves.csv")]
    assert phases == ["autoencoder"] * 3 + ["prior"] * 3


def _fail(*args, **kwargs):
    raise Interrupted


def test_other_options_do_not_take_up_the_state(table, tmp_path, monkeypatch, caplog):
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt(patch, Learner, 6)
        train_first(table, tmp_path, SHORT)
    with caplog.at_level("INFO"):
        train_first(table, tmp_path, SHORT.model_copy(update={"kl_weight": 0.5}))
    assert "discarded" in caplog.text and "resuming" not in caplog.text


def test_figures_are_those_of_the_best_epoch(whole):
    first = json.loads((whole / "first.json").read_text())
    rows = read_table(whole / "first.csv")
    valid = [float(row["valid_loss"]) for row in rows]
    assert first["best_epoch"] == 1 + int(np.argmin(valid)) and first["valid_loss"] == min(valid)
    metrics = json.loads((whole / "metrics.json").read_text())
    best = min(float(row["valid_loss"]) for row in read_table(whole / "curves.csv")[3:])
    assert metrics["prior"]["valid_loss"] == best
    assert metrics["parameters"] == first["parameters"] + metrics["prior"]["parameters"]
    assert metrics["latents"] == first["latents"] and "latents" not in metrics["autoencoder"]
    model = load_model(whole / "model")
    count = sum(p.numel() for m in (model.network, model.prior) for p in m.parameters())
    assert metrics["parameters"] == count
    assert len(metrics["controls"]) == 4 + 4


def test_losses_fall(tiny):
    rows = read_table(tiny.folder / "curves.csv")
    for phase, least in (("autoencoder", 0.03), ("prior", 0.1)):
        losses = [float(row["train_loss"]) for row in rows if row["phase"] == phase]
        assert losses == sorted(losses, reverse=True) and losses[0] - losses[-1] > least
    metrics = json.loads((tiny.folder / "metrics.json").read_text())
    assert metrics["prior"]["train_loss"] < metrics["prior"]["floor"]  # it learned what follows
    assert not metrics["latents"]["collapsed"]


@pytest.mark.parametrize(("weight", "collapsed"), [(0.01, False), (3000.0, True)])
def test_a_divergence_that_weighs_too_much_collapses_and_is_told(
    table, tmp_path, caplog, weight, collapsed
):
    options = AUTOENCODER.model_copy(
        update={"kl_weight": weight, "free_bits": 0.0, "kl_warmup": 0.0, "stft_weight": 0.0,
                "steps": 120 if collapsed else 40, "epoch_steps": 40, "learning_rate": 0.02}
    )  # fmt: skip
    train_first(table, tmp_path, options)
    latents = json.loads((tmp_path / "first.json").read_text())["latents"]
    assert latents["collapsed"] == collapsed
    assert ("lower kl_weight or raise free_bits" in caplog.text) == collapsed
    assert (latents["active"] == 0) if collapsed else (latents["active"] >= 3)


# the loss


@pytest.fixture(scope="module")
def learner(table):
    recordings = read_recordings(table, "train")
    crops = Crops(recordings, Vocabulary({}), 1, 127 * 64, 1)
    return Learner(AUTOENCODER, Vocabulary({}), 1, crops, Crops([], Vocabulary({}), 1, 64, 1), 1)


@torch.no_grad()
def test_what_is_padded_has_no_influence_on_the_loss(learner, monkeypatch):
    batch = learner.crops.take([0, 1, 2], [0, 100, 200])
    batch.mask[:, 3000:] = 0
    batch.samples[:, :, 3000:] = 0
    levels, mask = learner.levels(batch)
    assert levels.shape == (3, 128, 129) and mask.shape == (3, 128)
    assert mask.sum(1).tolist() == [math.ceil(3000 / 64)] * 3
    found = []
    for filled in (levels, levels.masked_fill(mask.unsqueeze(2) == 0, 9.0)):
        monkeypatch.setattr(learner, "levels", lambda batch, y=filled: (y, mask))
        torch.manual_seed(1)
        found.append(learner.loss(batch, 3, learner.share)[:2])
    assert found[0] == found[1]


@torch.no_grad()
def test_the_loss_is_the_likelihood_of_what_was_heard(learner):
    batch = learner.crops.take([0, 1], [0, 100])
    torch.manual_seed(1)
    reconstruction, kl, _ = learner.loss(batch, 2, learner.share)
    levels, mask = learner.levels(batch)
    y = learner.network.normalise(levels)
    torch.manual_seed(1)
    posterior, decoded = learner.network(y, mask, torch.zeros(2, 0))
    exact = torch.distributions.Normal(decoded.mean, decoded.log_spread.exp()).log_prob(y).mean()
    assert reconstruction == pytest.approx(-float(exact) - math.log(2 * math.pi) / 2, abs=1e-4)
    standard = torch.distributions.Normal(0.0, 1.0)

    def apart(mean, log_variance):
        own = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
        each = torch.distributions.kl_divergence(own, standard)
        return each.flatten(0, -2).mean(0).clamp_min(AUTOENCODER.free_bits).sum()

    whole = apart(posterior.global_mean, posterior.global_log_variance) / 128
    local = apart(posterior.mean, posterior.log_variance) / 4
    assert kl == pytest.approx(float(whole + local) / 129, rel=1e-4)


def test_the_rate_rises_and_falls():
    module = torch.nn.Linear(1, 1)
    found = optimiser(module, 0.1, 100)
    rates = []
    for _ in range(100):
        rates.append(found["optimizer"].param_groups[0]["lr"])
        found["optimizer"].step()
        found["lr_scheduler"]["scheduler"].step()
    assert rates[0] == pytest.approx(0.02) and max(rates) == pytest.approx(0.1, rel=0.02)
    assert rates[:5] == sorted(rates[:5]) and rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] < 1e-4 and found["lr_scheduler"]["interval"] == "step"


# corpora at the edge


def made(model, seconds=1.5, **wish):
    generator = NeuralGenerator(model)
    script = Script(generator.vocabulary, [(0.0, wish)])
    sound = np.concatenate(list(generator.stream(script, seconds, 1)), axis=1)
    assert sound.shape == (generator.channels, round(seconds * RATE))
    assert np.isfinite(sound).all() and 1e-3 < sound.std() < 10
    return sound


@pytest.fixture
def hasty(monkeypatch):
    """Let trainings take few steps."""
    monkeypatch.setattr("soundscape.tiny_model.AUTOENCODER", SHORT)
    for function, options in ((train_first, SHORT), (train_second, SHORT_PRIOR)):
        monkeypatch.setattr(function, "__defaults__", (options, *function.__defaults__[1:]))


@pytest.mark.parametrize(
    "corpus",
    [
        {"a": (hiss(6, 1), "rain", "5", "")},
        {"a": (hiss(1, 1), "rain", "5", "")},
        {"a": (hiss(0.05, 1), "rain", "5", "")},
        {"a": (hiss(3, 1), "rain", "5", ""), "b": (pulses(0.02, 1), "wind", "", "")},
    ],
    ids=["one", "one second", "a twentieth of a second", "long and short"],
)
def test_the_smallest_corpora(tmp_path, hasty, corpus):
    model = build(tmp_path, corpus).model
    made(model, kind={"rain": 1.0}, hour=3.0)
    made(model)
    assert torch.isfinite(model.bank.drift).all() and torch.isfinite(model.autocorrelation).all()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert math.isfinite(metrics["prior"]["floor"])


def test_no_labels_at_all_and_labels_for_half(tmp_path, hasty):
    made(build(tmp_path / "none", conditions={}).model)
    half = {
        name: (samples, kind if name[-1] != "1" else "", "", "")
        for name, (samples, kind, _, _) in sounds().items()
    }
    conditions = {"kind": CONDITIONS["kind"]}
    model = build(tmp_path / "half", half, conditions=conditions).model
    assert model.front.vocabulary.columns["kind"].values == ("hiss", "pulses", "rumble")
    unlabelled = (model.bank.conditions == 0).all(1)
    assert 0 < int(unlabelled.sum()) < len(unlabelled)
    made(model, kind={"pulses": 1.0})
    made(model)


def test_two_channels(tmp_path, hasty):
    corpus = {}
    for name, (samples, *labels) in sounds().items():
        other = hiss(len(samples) / RATE, 77, "hiss" in name)
        corpus[name] = (np.stack([samples, 0.6 * samples + 0.8 * 0.3 * other]), *labels)
    model = build(tmp_path, corpus, channels=2).model
    assert model.front.channels == 2 and model.network.bands == 2 * 129
    assert model.coherence.shape == (129,)
    assert 0.2 < float(model.coherence[20:100].mean()) < 0.98
    sound = made(model, seconds=4, kind={"hiss": 1.0})
    correlation = np.corrcoef(sound)[0, 1]
    assert 0.2 < correlation < 0.98
    generator = NeuralGenerator(model)
    first = read_recordings(tmp_path / "recordings.csv", "train")[0]
    assert generator.reconstruction(first, 2, {}).shape == (2, first.frames)


def test_mono_recordings_as_two_channels_are_the_same_on_both(tmp_path, hasty):
    model = build(tmp_path, channels=2).model
    assert torch.allclose(model.coherence, torch.ones(129))
    left, right = made(model)
    assert np.corrcoef(left, right)[0, 1] > 0.9


def test_different_sample_rates_are_refused(tmp_path):
    table = prepare(tmp_path, sounds())
    (tmp_path / "b").mkdir()
    other = prepare(tmp_path / "b" / "c", {"z": (hiss(9, 1), "hiss", "1", "")})
    rows = read_table(table)
    path = other.parent / "wav" / "00" / "z.wav"
    data = path.read_bytes()
    path.write_bytes(data.replace(RATE.to_bytes(4, "little"), (11_025).to_bytes(4, "little"), 1))
    for split in ("train", "valid", "test"):
        mixed = [*rows, {**rows[0], "id": "z", "wav": str(path), "split": split}]
        write_table(tmp_path / "mixed.csv", mixed, list(rows[0]))
        with pytest.raises(InputError, match=r"several sample rates \(8000, 11025 Hz\)"):
            train_first(tmp_path / "mixed.csv", tmp_path, SHORT)
    nothing = [{**row, "split": "test"} for row in rows]
    write_table(tmp_path / "none.csv", nothing, list(rows[0]))
    with pytest.raises(InputError, match="no recording to learn from"):
        train_first(tmp_path / "none.csv", tmp_path, SHORT)
    assert autoencoder_training.START_CROPS >= 64

import math
import os
import re

import lightning as L
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from soundmill import training
from soundmill.training import Keeper, copy_weights, fit, open_state

EPOCHS, BATCHES = 5, 4


class Interrupted(Exception):
    """What a test throws into a training."""


class Learner(L.LightningModule):
    """A line through noise, with dropout and momentum: nothing of it survives by itself."""

    def __init__(self, fail_at=None):
        super().__init__()
        torch.manual_seed(0)
        self.network, self.fail_at = nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 1)), fail_at

    def train_dataloader(self):
        random = torch.Generator().manual_seed(self.trainer.current_epoch)
        batches = [torch.randn(8, 3, generator=random) for _ in range(BATCHES)]
        return DataLoader(batches, batch_size=None)

    def training_step(self, batch, index):
        if self.global_step == self.fail_at:
            raise Interrupted
        torch.manual_seed(self.global_step)
        return (self.network(batch)[:, 0] - batch.sum(1)).square().mean()

    def val_dataloader(self):
        return DataLoader([torch.ones(8, 3)], batch_size=None)

    def validation_step(self, batch, index):
        self.log("held_out", self.network(batch).mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)


class ToyKeeper(Keeper):
    """Judges epochs by the figures it was given; remembers the weights of each."""

    def __init__(self, path=None, figures=(5, 4, 3, 2, 1), patience=0):
        super().__init__(path, patience, "toy")
        self.figures, self.seen = figures, []

    def measure(self, trainer, module):
        self.seen.append(copy_weights(module.network))
        figure = self.figures[len(self.curve)]
        return {"loss": float(trainer.callback_metrics.get("loss", 0.5)), "figure": figure}, figure

    def say(self, row):
        return f"loss {row['loss']:.1f}"

    def kept(self, module):
        return module.network


def run(keeper, learner=None, **settings):
    learner = learner or Learner()
    fit(learner, keeper, **{"max_epochs": EPOCHS, "gradient_clip_val": 1.0, **settings})
    return copy_weights(learner.network)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def without_seconds(curve):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in curve]


def interrupted(path, at, **settings):
    """Train until step ``at`` fails; with ``at`` None until the third state is half written."""
    keeper = ToyKeeper(path)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        if at is None:
            save = L.Trainer.save_checkpoint

            def save_half(trainer, file):
                save(trainer, file)
                if len(keeper.curve) == 3:
                    os.truncate(file, 1000)
                    raise Interrupted

            patch.setattr(L.Trainer, "save_checkpoint", save_half)
        run(keeper, Learner(at), **settings)
    return keeper


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize(("at", "epoch"), [(10, 2), (8, 2), (None, 2), (19, 4)])
def test_an_interrupted_training_ends_as_an_undisturbed_one(tmp_path, at, epoch, validated, caplog):
    settings = {}
    if validated:  # by lightning, which then ends the epoch of the saved state once more
        settings = {"max_epochs": -1, "max_steps": EPOCHS * BATCHES, "limit_val_batches": 1.0}
    whole = ToyKeeper()
    last = run(whole, **settings)
    first = interrupted(tmp_path / "a.ckpt", at, **settings)
    again = ToyKeeper(tmp_path / "a.ckpt")
    with caplog.at_level("INFO"):
        assert same(run(again, **settings), last)
    assert f"toy: resuming after epoch {epoch} (step {epoch * BATCHES})" in caplog.text
    assert same(again.best_weights, whole.best_weights) and again.best_epoch == EPOCHS
    assert without_seconds(again.curve) == without_seconds(whole.curve)
    assert again.curve[:epoch] == first.curve[:epoch]  # seconds too
    seconds = [row["seconds"] for row in again.curve]
    assert seconds == sorted(seconds) and len(again.seen) == EPOCHS - epoch


def test_seconds_go_on_from_those_of_the_earlier_run(tmp_path, monkeypatch):
    clock = iter(range(1000, 10**6, 10))
    monkeypatch.setattr(training.time, "monotonic", lambda: float(next(clock)))
    before = interrupted(tmp_path / "a.ckpt", 10).curve[-1]["seconds"]
    again = ToyKeeper(tmp_path / "a.ckpt")
    run(again)
    assert before < again.curve[2]["seconds"] < 2 * before


def test_a_damaged_state_starts_anew_with_a_warning(tmp_path, caplog):
    path = tmp_path / "a.ckpt"
    interrupted(path, 10)
    path.write_bytes(path.read_bytes()[:1000])
    keeper = ToyKeeper(path)
    assert same(run(keeper), run(ToyKeeper()))
    assert len(keeper.seen) == EPOCHS
    (warning,) = [r for r in caplog.records if r.levelname == "WARNING" and r.name == "soundmill"]
    assert str(path) in warning.message and "damaged, toy starts anew" in warning.message


def test_the_best_weights_are_kept_and_patience_stops(tmp_path):
    keeper = ToyKeeper(tmp_path / "a.ckpt", figures=(3, 2, 2.5, 2, 1), patience=2)
    last = run(keeper)
    assert len(keeper.curve) == 4 and keeper.best_epoch == 2 and keeper.ended
    assert same(keeper.weights(None), keeper.seen[1]) and not same(keeper.weights(None), last)
    assert keeper.best_row["figure"] == 2 and keeper.best_row["step"] == 2 * BATCHES
    again = ToyKeeper(tmp_path / "a.ckpt", figures=keeper.figures, patience=2)
    assert same(run(again), last)
    assert again.curve == keeper.curve and not again.seen  # it had ended: no step more
    assert same(again.weights(None), keeper.seen[1])
    patient = ToyKeeper(tmp_path / "b.ckpt", figures=keeper.figures)
    last = run(patient)
    again = ToyKeeper(tmp_path / "b.ckpt", figures=keeper.figures)
    assert same(run(again), last) and again.curve == patient.curve  # all epochs were done
    assert patient.best_epoch == len(patient.curve) == EPOCHS and not patient.ended


def test_patience_counts_on_after_an_interruption(tmp_path):
    figures = (3, 4, 4, 4, 1)
    with pytest.raises(Interrupted):
        run(ToyKeeper(tmp_path / "a.ckpt", figures, 3), Learner(10))
    keeper = ToyKeeper(tmp_path / "a.ckpt", figures, 3)
    run(keeper)
    assert len(keeper.curve) == 4 and keeper.best_epoch == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_figure_that_is_not_finite_ends_the_training(tmp_path, bad):
    figures = (3, bad, 1, 1, 1)
    for _ in range(2):  # the second takes up the state of the first
        keeper = ToyKeeper(tmp_path / "a.ckpt", figures)
        run(keeper)
        assert len(keeper.curve) == 2 and keeper.best_epoch == 1


def test_without_a_figure_the_last_weights_are_the_best():
    keeper, learner = ToyKeeper(figures=[None] * EPOCHS, patience=1), Learner()
    last = run(keeper, learner)
    assert len(keeper.curve) == keeper.best_epoch == EPOCHS and keeper.best_weights is None
    assert same(keeper.weights(learner), last)


def test_reports_are_rare_but_the_end_is_said(monkeypatch, caplog):
    def lines():
        return [r.message for r in caplog.records if r.message.startswith("toy, ")]

    caplog.set_level("INFO")
    run(ToyKeeper())
    assert [re.sub(r", \d+ s left", "", line) for line in lines()] == [
        "toy, epoch 1 of 5: loss 0.5", "toy, epoch 5 of 5: loss 0.5",
    ]  # fmt: skip
    assert lines()[-1].endswith(", 0 s left")
    caplog.clear()
    monkeypatch.setattr(training, "LOG_INTERVAL_SECONDS", 0.0)
    run(ToyKeeper(figures=(1, 2, 3, 4, 5), patience=2), max_epochs=-1, max_steps=5 * BATCHES)
    assert [line.split(":")[0] for line in lines()] == [
        f"toy, step {step} of 20" for step in (4, 8, 12)
    ]
    assert lines()[-1].endswith(", 0 s left")


def test_time_left_is_the_pace_of_this_run(tmp_path, monkeypatch, caplog):
    interrupted(tmp_path / "a.ckpt", 10)
    now = [0.0]
    monkeypatch.setattr(training.time, "monotonic", lambda: now[0])
    caplog.set_level("INFO")
    caplog.clear()  # of what the interrupted run said, where an earlier test had lowered the level

    class Slow(ToyKeeper):
        def measure(self, trainer, module):
            now[0] += 100
            return super().measure(trainer, module)

    def left():
        return [r.message.rsplit(", ")[-1] for r in caplog.records if r.message.startswith("toy, ")]

    run(Slow(tmp_path / "a.ckpt"))
    assert left() == ["200 s left", "100 s left", "0 s left"]
    caplog.clear()
    monkeypatch.setattr(training, "LOG_INTERVAL_SECONDS", 1000.0)
    run(Slow(figures=(1, 2, 3, 4, 5), patience=2))  # the first epoch is said, and the last
    assert left() == ["400 s left", "0 s left"]


def test_precision_auto_is_32_bits_on_a_processor_and_a_copy_is_a_copy():
    learner = Learner()
    trainer = fit(learner, ToyKeeper(), max_epochs=1, precision="auto")
    assert trainer.precision == "32-true"
    copied = copy_weights(learner.network)
    before = copied["1.bias"].item()
    with torch.no_grad():
        learner.network[1].bias += 1
    assert copied["1.bias"].item() == before


def test_a_state_is_kept_for_the_same_inputs_and_discarded_for_others(tmp_path, caplog):
    state, file = tmp_path / "state", tmp_path / "in.npy"
    file.write_bytes(b"abc")
    os.utime(file, ns=(10**18, 10**18))
    saved = state / "a.ckpt"

    def open_with(*parts):
        caplog.clear()
        open_state(state, [file], *parts)
        kept = saved.exists()
        saved.write_text("saved")
        assert ("discarded" in caplog.text) != kept
        return kept

    caplog.set_level("INFO")
    open_state(state, [file], {"rate": 1, "width": 2}, 3)
    saved.write_text("saved")
    assert open_with({"width": 2, "rate": 1}, 3)
    assert not open_with({"width": 2, "rate": 1}, 4)
    assert open_with({"width": 2, "rate": 1}, 4)
    os.utime(file, ns=(10**18, 10**18 + 1))
    assert not open_with({"width": 2, "rate": 1}, 4)
    file.write_bytes(b"abcd")
    os.utime(file, ns=(10**18, 10**18 + 1))
    assert not open_with({"width": 2, "rate": 1}, 4)
    (state / "key").unlink()
    assert not open_with({"width": 2, "rate": 1}, 4)

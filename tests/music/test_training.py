import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_shards import write_toy_shards

from soundmill.errors import InputError
from soundmill.music.data import TrainingWindows, all_windows
from soundmill.music.likelihood import floors, score, summarise
from soundmill.music.network_options import NetworkOptions, TrainingOptions
from soundmill.music.shards import Piece, ShardReader
from soundmill.music.training import train
from soundmill.music.vocabulary import END, PAD, SIZE, START
from soundmill.records import shard_paths, write_records
from soundmill.status import read_table

NETWORK = NetworkOptions(width=16, layers=1, heads=2, context=32)
TRAINING = TrainingOptions(
    max_steps=20, batch=2, validation_interval=6, warmup_steps=4, accelerator="cpu"
)
OUTPUTS = ("model/model.safetensors", "model/last.safetensors", "model/config.json")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_toy_shards(tmp_path_factory.mktemp("shards"))


def run(shards, folder, training=TRAINING, network=NETWORK, seed=3):
    train(
        shards, folder / "model", folder / "metrics.json", folder / "curves.csv",
        folder / "state", network, training, seed, code="abc", threads=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(shards, tmp_path_factory):
    """An uninterrupted training."""
    folder = tmp_path_factory.mktemp("whole")
    run(shards, folder)
    return folder


def weights(folder):
    return [(folder / name).read_bytes() for name in OUTPUTS]


def curve(folder):
    rows = read_table(folder / "curves.csv")
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {tests!r}
import test_training as t
from soundmill.music import data, training

def kill(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

read = data.TrainingWindows.__getitem__
if {step} is None:
    training.save_model = kill  # after training, before anything is written
else:
    data.TrainingWindows.__getitem__ = lambda self, i: kill() if i == {step} else read(self, i)
t.run(Path({shards!r}), Path({folder!r}), t.TrainingOptions(**{options!r}))
"""


def kill_training(shards, folder, step, options=TRAINING):
    script = KILLED.format(
        tests=[str(p) for p in Path(__file__).parents[:2]], step=step, shards=str(shards),
        folder=str(folder), options=options.model_dump(),
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (folder / "model").exists()


@pytest.mark.parametrize("step", [15, None])
def test_a_killed_training_resumes_to_the_same_bytes(shards, whole, tmp_path, step, caplog):
    kill_training(shards, tmp_path, step)
    with caplog.at_level("INFO"):
        run(shards, tmp_path)
    assert "resuming after epoch " + ("2 (step 12)" if step else "4 (step 20)") in caplog.text
    assert weights(tmp_path) == weights(whole)
    assert curve(tmp_path) == curve(whole)
    assert not (tmp_path / "state").exists()


def test_early_stopping_counts_on_after_a_kill(shards, tmp_path):
    """The rate is so high that the first validation stays the best: it stops after three more."""
    options = TRAINING.model_copy(
        update={"learning_rate": 1.0, "max_steps": 60, "validation_interval": 3, "patience": 3}
    )
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    run(shards, tmp_path / "whole", options)
    steps = [int(row["step"]) for row in curve(tmp_path / "whole")]
    best = json.loads((tmp_path / "whole/metrics.json").read_text())["best_step"]
    assert steps[-1] < 60 and steps[-1] == best + 9
    kill_training(shards, tmp_path / "killed", None, options)
    run(shards, tmp_path / "killed", options)
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")
    model, last, _ = weights(tmp_path / "whole")
    assert model != last


def test_same_seed_same_bytes_other_seed_other_weights(shards, whole, tmp_path):
    run(shards, tmp_path)
    assert weights(tmp_path) == weights(whole)
    run(shards, tmp_path, seed=4)
    assert weights(tmp_path)[0] != weights(whole)[0]


def test_a_state_outlives_a_copy_of_the_shards_and_nothing_else(
    shards, tmp_path, monkeypatch, caplog
):
    short = TRAINING.model_copy(update={"max_steps": 2, "validation_interval": 1})
    copied = shutil.copytree(shards, tmp_path / "shards")
    for path in copied.iterdir():
        os.utime(path, (0, 0))

    def interrupt(*args, **kwargs):
        raise InterruptedError

    def heard(shards, **changes):
        caplog.clear()
        with pytest.raises(InterruptedError):
            run(shards, tmp_path, **{"training": short, **changes})
        return [word for word in ("resuming", "discarded") if word in caplog.text]

    monkeypatch.setattr("soundmill.music.training.save_model", interrupt)
    caplog.set_level("INFO")
    assert heard(shards) == []
    assert heard(copied) == ["resuming"]
    assert heard(copied, seed=4) == ["discarded"]
    assert heard(copied, training=short.model_copy(update={"dropout": 0.3})) == ["discarded"]
    write_toy_shards(copied, train=5)
    assert heard(copied, training=short.model_copy(update={"dropout": 0.3})) == ["discarded"]


def test_it_learns_and_beats_the_floors(shards, tmp_path):
    network = NetworkOptions(width=48, layers=2, heads=2, context=64)
    options = TrainingOptions(
        max_steps=240, batch=8, validation_interval=60, warmup_steps=20, learning_rate=5e-3,
        accelerator="cpu",
    )  # fmt: skip
    run(shards, tmp_path, options, network)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    rows = curve(tmp_path)
    assert [row["step"] for row in rows] == ["60", "120", "180", "240"]
    assert float(rows[-1]["train_nll"]) < 0.5 * float(rows[0]["train_nll"])
    for split in ("validation", "test"):
        model, previous, unigram = (
            metrics[split][who]["nll_per_event"]["value"]
            for who in ("model", "previous_event", "unigram")
        )
        assert model < previous < unigram
        interval = metrics[split]["model"]["nll_per_event"]["interval"]
        assert interval[0] <= model <= interval[1]
        assert metrics[split]["model"]["nll_per_note"]["items"] == 3
        assert metrics[split]["model"]["notes"] == 3 * 40
    assert metrics["validation"]["model"]["nll_per_event"]["value"] == pytest.approx(
        min(float(row["validation_nll"]) for row in rows), abs=1e-4
    )


def test_empty_splits(tmp_path):
    empty = write_toy_shards(tmp_path / "shards", valid=0, test=0)
    run(empty, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["validation"] is None and "no piece" in metrics["validation_reason"]
    assert metrics["test"] is None and metrics["best_step"] == 20
    assert {row["validation_nll"] for row in curve(tmp_path)} == {""}
    write_toy_shards(tmp_path / "shards", train=0)
    with pytest.raises(InputError, match="no training piece"):
        run(empty, tmp_path)


def test_events_of_another_vocabulary_are_refused(tmp_path):
    write_toy_shards(tmp_path)
    piece = Piece("x", "x", 0, 1.0, np.array([START, SIZE, END], np.int16))
    write_records(shard_paths(tmp_path, "train", 1)[0], [piece.to_bytes()])
    with pytest.raises(InputError, match="another version"):
        TrainingWindows(ShardReader(tmp_path, "train"), 32, 2, 0)
    (tmp_path / "card.json").write_text('{"vocabulary": {"size": 391, "steps_per_second": 50}}')
    with pytest.raises(InputError, match="another event vocabulary"):
        run(tmp_path, tmp_path)


def test_training_windows_are_pieces_of_pieces_and_a_function_of_the_step(shards, monkeypatch):
    reader = ShardReader(shards, "train")
    windows = TrainingWindows(reader, 32, 16, 5)
    whole = [bytes(piece.tokens.astype(np.int64)) for piece in reader]
    rows = torch.cat([windows[step] for step in range(40)]).numpy()
    assert rows.shape == (640, 33)
    assert all(any(bytes(row) in piece for piece in whole) for row in rows)
    assert (rows[:, 0] == START).mean() > 0.05 and (rows[:, -1] == END).mean() > 0.05
    again = TrainingWindows(reader, 32, 16, 5)
    assert torch.equal(again[7], windows[7]) and not torch.equal(windows[7], windows[8])
    monkeypatch.setattr("soundmill.music.data.EVENTS_KEPT", 300)  # the rest stays in the shards
    few = TrainingWindows(reader, 32, 16, 5)
    assert 0 < len(few._kept) < len(reader) and torch.equal(few[7], windows[7])
    long = TrainingWindows(reader, 500, 2, 5)[0].numpy()  # longer than any piece: padded
    assert (long[:, 0] == START).all() and (long[:, -1] == PAD).all() and (long == END).any(1).all()


def test_scores_count_each_event_once_and_intervals_cover_pieces(shards):
    reader = ShardReader(shards, "valid")
    uniform = {"uniform": lambda tokens: torch.zeros(*tokens.shape, SIZE)}
    for context in (7, 64, 1000):
        scores = score(uniform["uniform"], all_windows(reader, context, 4))
        summary = summarise(scores, 0)
        assert summary["events"] == sum(len(piece.tokens) - 1 for piece in reader)
        assert summary["nll_per_event"]["value"] == pytest.approx(np.log(SIZE), rel=1e-5)
    assert summarise(scores[:1], 0)["accuracy"]["interval"] is None


def test_floors_are_the_smoothed_counts():
    bigrams = np.zeros((SIZE, SIZE), int)
    bigrams[5, 6], bigrams[5, 7] = 3, 1
    predictors = floors(bigrams)
    probability = predictors["previous_event"](torch.tensor([[5, 8]])).softmax(-1)[0]
    assert probability[0, 6] == pytest.approx(3.1 / (4 + 0.1 * SIZE))
    assert probability[1, 6] == pytest.approx(1 / SIZE)
    unigram = predictors["unigram"](torch.tensor([[5, 8]])).softmax(-1)[0]
    assert unigram[1, 7] == pytest.approx((1 + 0.1) / (4 + 0.1 * SIZE))

"""Trainings by several processes: the same as by one, but for the rounding of sums."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import load_file
from soundscape.tiny_model import AUTOENCODER, CONDITIONS, hiss, prepare, sounds
from toy_processes import TwoProcesses, fail, train_both
from toy_shards import write_toy_shards

from soundmill.errors import InputError
from soundmill.music.network_options import NetworkOptions, TrainingOptions
from soundmill.music.training import train
from soundmill.soundscape.autoencoder_options import AutoencoderOptions
from soundmill.soundscape.autoencoder_training import train_autoencoder
from soundmill.soundscape.recordings_options import HeldOutOptions
from soundmill.status import read_table

NETWORK = NetworkOptions(width=16, layers=2, heads=2, context=64)
TRAINING = TrainingOptions(
    max_steps=16, batch=6, validation_interval=4, warmup_steps=4, accelerator="cpu", dropout=0.2
)
# longer crops than some recordings, so that they are padded; more condition_dropout and free_bits
# than usual, so that both tell
SOUND = AUTOENCODER.model_copy(
    update={"steps": 10, "epoch_steps": 4, "batch": 6, "crop_seconds": 2.6, "free_bits": 0.3,
            "condition_dropout": 0.5}
)  # fmt: skip


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Processes import what they are to do from the tests, as the tests do."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))


def music(shards, folder, **update):
    return {
        "shards": shards, "model": folder / "model", "metrics": folder / "metrics.json",
        "curves": folder / "curves.csv", "state": folder / "state", "network": NETWORK,
        "training": TRAINING.model_copy(update=update), "seed": 3, "code": "abc",
        "threads": 1,
    }  # fmt: skip


def sound(table, folder, **update):
    return {
        "recordings": table, "output": folder / "sound", "metrics": folder / "sound.json",
        "curves": folder / "sound.csv", "state": folder / "sound-state",
        "options": SOUND.model_copy(update=update), "conditions": CONDITIONS, "channels": 1,
        "seed": 3, "code": "abc", "threads": 1,
    }  # fmt: skip


def assert_alike(one, other, curves, model):
    """Learning curves and weights differ by rounding at most."""
    rows = [read_table(folder / curves) for folder in (one, other)]
    assert len(rows[0]) == len(rows[1]) > 2
    for row, same in zip(*rows, strict=True):
        for name in row.keys() - {"seconds"}:
            assert float(same[name]) == pytest.approx(float(row[name]), rel=1e-4, abs=2e-6), name
    first, second = (load_file(folder / model / "model.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_allclose(second[name], values, rtol=1e-3, atol=1e-4, err_msg=name)


def test_two_processes_learn_as_one_with_the_whole_batch_also_after_a_kill(tmp_path, caplog):
    """Pieces and recordings have several lengths: the shares of a batch weigh differently."""
    shards = write_toy_shards(tmp_path / "shards", notes=8, longer=4)
    more = sounds() | {"hiss3": (hiss(2, 50), "hiss", "4", "site3")}
    table = prepare(tmp_path / "corpus", more, held_out=HeldOutOptions(valid=0.3))
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    train(**music(shards, one))
    train_autoencoder(**sound(table, one))

    both = {"first": sound(table, two, devices=2), "second": music(shards, two, devices=2)}
    with pytest.raises(RuntimeError, match=r"process 1 was ended by SIGKILL.*memory"):
        train_both(tmp_path / "state", TwoProcesses(), **both, kill_at=10)
    assert_alike(one, two, "sound.csv", "sound")
    assert not (two / "model").exists() and (two / "state/last.ckpt").exists()
    caplog.clear()
    with caplog.at_level("INFO"):
        train(**both["second"])
    assert_alike(one, two, "curves.csv", "model")
    # just one of them writes and logs
    assert caplog.text.count("resuming after epoch 2 (step 8)") == 1
    assert re.search("2 processes share each batch: 2 on ", caplog.text)
    assert sorted(path.name for path in two.iterdir()) == sorted(
        ["curves.csv", "metrics.json", "model", "sound", "sound.csv", "sound.json"]
    )


@pytest.mark.slow
def test_three_processes_resume_to_the_same_bytes(tmp_path):
    """Sums of three depend on their order, which a resumption must not change."""
    shards = write_toy_shards(tmp_path / "shards", notes=8, longer=4)
    table = prepare(tmp_path / "corpus", sounds())
    three = TwoProcesses(devices=3)
    for name, kill_at in (("whole", -1), ("killed", 10)):
        folder = tmp_path / name
        folder.mkdir()
        both = {
            "first": sound(table, folder, devices=3),
            "second": music(shards, folder, devices=3),
        }
        if kill_at < 0:
            train_both(tmp_path / "state", three, **both, kill_at=kill_at)
            continue
        with pytest.raises(RuntimeError, match="SIGKILL"):
            train_both(tmp_path / "state", three, **both, kill_at=kill_at)
        train(**both["second"])
    for file in ("model/model.safetensors", "model/last.safetensors", "sound/model.safetensors"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "killed" / file).read_bytes()


def test_a_process_that_fails_ends_all_and_its_traceback_is_logged(tmp_path, caplog):
    with caplog.at_level("INFO"), pytest.raises(RuntimeError) as failure:
        fail("alone", tmp_path / "state", TwoProcesses())
    assert re.fullmatch(r"process 1 of 2 on \S+ failed: KeyError: 'lost'", str(failure.value))
    assert 'raise KeyError("lost")' in caplog.text and "a library says something" in caplog.text
    with pytest.raises(InputError, match=r"^a\.wav is empty; copy it again$"):
        fail("input", tmp_path / "state", TwoProcesses())
    assert list(tmp_path.iterdir()) == []


def test_a_process_ends_with_the_one_that_started_it(tmp_path):
    """It waits for another, which never comes."""
    variables = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                 "MASTER_PORT": "9"}  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "soundmill.distributed", str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, **variables},
    )  # fmt: skip
    process.stdin.close()
    assert process.wait(120) == 1
    assert list(tmp_path.iterdir()) == []  # nothing had failed in it


def test_what_processes_cannot_share_is_refused(tmp_path, monkeypatch):
    wrong = {"batch": 6, "devices": 2, "nodes": 2}
    for options in (TrainingOptions, AutoencoderOptions):
        with pytest.raises(ValidationError, match="batch 6 must be a multiple of 4: 2 devices on"):
            options(**wrong)
    with pytest.raises(ValidationError, match="mps is one device"):
        TrainingOptions(accelerator="mps", devices=2)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(InputError, match=r"2 nodes needs a Slurm job .* profiles/slurm"):
        train(**music(Path("shards"), tmp_path, nodes=2))
    assert list(tmp_path.iterdir()) == []

"""What the processes of a test are told to do; they import it from here."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import torch

from soundmill.distributed import in_processes
from soundmill.errors import InputError
from soundmill.shares import Share


@dataclass
class TwoProcesses:
    """The options that tell how many there are."""

    devices: int = 2
    nodes: int = 1
    accelerator: str = "cpu"


@in_processes("options")
def fail(how: str, state: Path, options: TwoProcesses, threads: int | None = None) -> None:
    """Fail in one process, or in all, while the first waits for the second."""
    share = Share.present()
    if how == "input":
        raise InputError("a.wav is empty; copy it again")
    # the mean over both is at least 1.55, as that of all items would be: of each number by itself
    own = torch.tensor([[1.0, 3.0], [2.0, 0.2]])[share.rank]
    expected = torch.tensor([[1.55, 3.0], [1.55, 0.2]])[share.rank]
    torch.testing.assert_close(share.at_least(own, 1.55), expected)
    if share.rank == 1:
        print("a library says something")
        raise KeyError("lost")
    share.wait()


@in_processes("options")
def train_both(
    state: Path, options: TwoProcesses, first: dict, second: dict, kill_at: int, threads: int = 1
) -> None:
    """Train an autoencoder, then a Music Transformer until its second process is killed."""
    from soundmill.music.data import TrainingWindows
    from soundmill.music.training import train
    from soundmill.soundscape.autoencoder_training import train_autoencoder

    read = TrainingWindows.__getitem__

    def read_or_die(self, step):
        if step == kill_at and Share.present().rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return read(self, step)

    TrainingWindows.__getitem__ = read_or_die
    train_autoencoder(**first)
    train(**second)

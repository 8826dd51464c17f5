"""Train the practical's network as it was there, on a random split, and on honest folds beside."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from soundmill.classification.bootstrap import percentile_interval, resample
from soundmill.classification.network_files import Pair
from soundmill.classification.networks import count_parameters
from soundmill.classification.task import TEST, TRAIN, VALID, Task, read_task
from soundmill.errors import InputError
from soundmill.features.spectra_store import SpectraStore
from soundmill.files import atomic_path, sha256_file, write_json
from soundmill.fusion.encoder_learning import Rows, epoch_loader, steps_of
from soundmill.fusion.practical_network import PracticalCNN, fit_length
from soundmill.fusion.practical_options import PracticalOptions
from soundmill.log import logger
from soundmill.seeds import derive
from soundmill.status import write_table
from soundmill.training import Keeper, fit, open_state

RANDOM = "random"
"""Name of the split that ignores groups."""
TRAIN_SHARE = 0.75
"""Of that split."""
AT_ONCE = 100
"""Recordings that are judged together."""
CURVE_COLUMNS = ("split", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
RESAMPLES = 1000
"""Resamples of the bootstrap behind intervals."""


@dataclass(frozen=True)
class Sounds:
    """The recordings of a task that have a spectrum, in its order.

    Attributes
    ----------
    levels : (n, bands, frames) dB. targets : (n,). rows : (n,) their rows in the task.
    """

    task: Task
    levels: Tensor
    targets: Tensor
    rows: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Trained:
    """One training: its curve, and whether each test recording (``test``, rows) was right."""

    curve: list[dict[str, Any]]
    test: npt.NDArray[np.intp]
    right: npt.NDArray[np.bool_]


def train_practical(
    task_folder: Path,
    spectra: Sequence[Pair],
    options: PracticalOptions,
    output: Path,
    curves: Path,
    state: Path,
    *,
    frame_rate: float,
    seed: int,
    code: str = "",
    threads: int | None = None,
) -> None:
    """Train on a random split of 75 to 25 %, and on every honest fold of a task.

    The random split is stratified by class and ignores groups, as the practical's did; honest folds
    train on their train and valid parts, since nothing is chosen by the latter. Networks are those
    after the last epoch. Interrupted and called again it goes on, and ends with the same bytes.

    Parameters
    ----------
    task_folder : of the classification task, one class each.
    output : JSON to write: parameters, epochs, ``random`` and ``honest`` with the accuracy of the
        test recordings: ``value``, ``interval`` (95 %, bootstrap over groups where there are),
        ``n``; honest also ``folds`` and ``groups``, of all folds together.
    curves : CSV to write, a row an epoch and split, `CURVE_COLUMNS`.
    state : folder of the training state; removed when all succeed.
    frame_rate : frames of the spectra a second.

    Raises
    ------
    InputError
        When the task has not one class each or no honest fold, or the spectra are too small.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    task = read_task(task_folder)
    if task.kind != "single" or not task.honest_folds:
        raise InputError(f"{task_folder}: the practical's network needs one class each, and folds")
    sounds = _read_sounds(task, SpectraStore(spectra), round(options.seconds * frame_rate) + 1)
    inputs = [sha256_file(task_folder / name) for name in ("examples.csv", "folds.csv")]
    inputs += [sha256_file(path) for pair in spectra for path in pair]
    open_state(state, [], inputs, options.model_dump(mode="json"), frame_rate, seed, code)
    splits = make_splits(sounds, seed)
    found = {
        name: _train(sounds, name, *parts, options, derive(seed, name), state)
        for name, parts in splits.items()
    }
    bands, frames = sounds.levels.shape[1:]
    honest = [found[name] for name in splits if name != RANDOM]
    pooled = _measure(sounds, honest, seed)
    facts = {
        "parameters": count_parameters(PracticalCNN(bands, frames, len(task.classes))),
        "classes": len(task.classes),
        "bands": bands,
        "frames": frames,
        **options.model_dump(mode="json"),
        RANDOM: {
            "train": len(splits[RANDOM][0]),
            "accuracy": _measure(sounds, [found[RANDOM]], seed),
            "shared_groups": _shared_groups(sounds, *splits[RANDOM]),
        },
        "honest": {
            "accuracy": pooled,
            "folds": {n: _measure(sounds, [found[n]], seed) for n in splits if n != RANDOM},
            "groups": _by_group(sounds, honest),
        },
    }
    rows = [{"split": name, **row} for name, one in found.items() for row in one.curve]
    write_table(curves, [{c: row[c] for c in CURVE_COLUMNS} for row in rows], CURVE_COLUMNS)
    write_json(output, facts)
    random = facts[RANDOM]["accuracy"]["value"]
    logger.info("practical: random split %.3f, honest folds %.3f", random, pooled["value"])
    shutil.rmtree(state)


def _read_sounds(task: Task, store: SpectraStore, frames: int) -> Sounds:
    ids = task.ids
    rows = [row for row, name in enumerate(ids) if name in store]
    if not rows:
        raise InputError("no recording of the task has a spectrum; compute the spectra again")
    if len(rows) < len(task):
        logger.warning("%d recordings have no spectrum and are left out", len(task) - len(rows))
    levels = np.stack([fit_length(store[ids[row]], frames) for row in rows])
    targets = torch.from_numpy(task.targets[rows])
    return Sounds(task, torch.from_numpy(levels), targets, np.array(rows, np.intp))


def make_splits(
    sounds: Sounds, seed: int
) -> dict[str, tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Return train and test rows of ``sounds`` by split: the random one first, then the folds."""
    random = np.random.default_rng(derive(seed, "random split"))
    targets = sounds.targets.numpy()
    train: list[int] = []
    for number in np.unique(targets):
        own = random.permutation(np.flatnonzero(targets == number))
        train += own[: round(TRAIN_SHARE * len(own))].tolist()
    every = np.arange(len(targets))
    splits = {RANDOM: (np.sort(train), np.setdiff1d(every, train))}
    for fold in sounds.task.honest_folds:
        parts = sounds.task.folds[fold][sounds.rows]
        splits[fold] = np.flatnonzero(np.isin(parts, (TRAIN, VALID))), every[parts == TEST]
    empty = [name for name, parts in splits.items() if not all(map(len, parts))]
    if empty:
        raise InputError(f"split {empty[0]} trains or tests on no recording; it needs more of them")
    return splits


class PracticalLearner(L.LightningModule):
    """The network as lightning trains it.

    One step of lightning is a whole epoch: between batches this small its bookkeeping would take
    as long as the network.
    """

    def __init__(
        self,
        sounds: Sounds,
        train: npt.NDArray[np.intp],
        test: npt.NDArray[np.intp],
        options: PracticalOptions,
        seed: int,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.options, self.seed = options, seed
        self.parts = [(sounds.levels[rows], sounds.targets[rows]) for rows in (train, test)]
        torch.manual_seed(derive(seed, "weights"))
        bands, frames = sounds.levels.shape[1:]
        self.network = PracticalCNN(bands, frames, len(sounds.task.classes))
        self.network.normalise_by(self.parts[0][0])

    def train_dataloader(self) -> Any:
        """Return the order of the recordings in the present epoch, as one batch."""
        count = len(self.parts[0][1])
        return epoch_loader(lambda rows, _: rows, count, count, self.seed, self.current_epoch)

    def training_step(self, order: Rows, index: int) -> None:
        """Pass once over the training recordings."""
        levels, targets = self.parts[0]
        wrapped: Any = self.optimizers()
        batches = np.array_split(order, steps_of(len(order), self.options.batch))
        for number, rows in enumerate(batches, 1):
            chosen = torch.as_tensor(rows)
            loss = F.cross_entropy(self.network(levels[chosen]), targets[chosen])
            wrapped.optimizer.zero_grad()
            loss.backward()
            # lightning counts the last one, and so the epoch
            (wrapped if number == len(batches) else wrapped.optimizer).step()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return SGD with momentum."""
        options = self.options
        return torch.optim.SGD(
            self.network.parameters(), options.learning_rate, options.momentum, foreach=True
        )

    @torch.no_grad()
    def judge(self, part: int) -> tuple[float, npt.NDArray[np.bool_]]:
        """Return the mean loss over a part (0 train, 1 test), and who was right (n,)."""
        levels, targets = self.parts[part]
        logits = torch.cat([self.network(x) for x in levels.split(AT_ONCE)])
        return float(F.cross_entropy(logits, targets)), (logits.argmax(1) == targets).numpy()


class PracticalKeeper(Keeper):
    """Judges both parts after each epoch; the last network is the one."""

    def measure(self, trainer: L.Trainer, module: Any) -> tuple[dict[str, Any], float | None]:
        """Return the row of this epoch, and no figure: nothing is chosen by it."""
        row: dict[str, Any] = {"epoch": len(self.curve) + 1}
        for part, name in enumerate(("train", "test")):
            loss, right = module.judge(part)
            row |= {
                f"{name}_loss": round(loss, 6) if np.isfinite(loss) else None,
                f"{name}_accuracy": round(float(right.mean()), 6),
            }
        return row, None

    def say(self, row: Mapping[str, Any]) -> str:
        """Return the accuracies."""
        return f"accuracy {row['train_accuracy']:.3f} train, {row['test_accuracy']:.3f} test"


def _train(
    sounds: Sounds,
    name: str,
    train: npt.NDArray[np.intp],
    test: npt.NDArray[np.intp],
    options: PracticalOptions,
    seed: int,
    state: Path,
) -> Trained:
    done = state / f"{name}.pt"
    if done.exists():
        saved = torch.load(done, weights_only=True)
        return Trained(saved["curve"], test, saved["right"].numpy())
    learner = PracticalLearner(sounds, train, test, options, seed)
    keeper = PracticalKeeper(state / f"{name}.ckpt", what=f"practical, {name}")
    fit(learner, keeper, max_epochs=options.epochs)
    right = learner.judge(1)[1]
    with atomic_path(done) as temporary:
        torch.save({"curve": keeper.curve, "right": torch.from_numpy(right)}, temporary)
    return Trained(keeper.curve, test, right)


def _measure(sounds: Sounds, trained: Sequence[Trained], seed: int) -> dict[str, Any]:
    """Return the accuracy of test recordings of some trainings together, and its interval."""
    rows = sounds.rows[np.concatenate([one.test for one in trained])]
    right = np.concatenate([one.right for one in trained]).astype(np.float64)
    task = sounds.task
    resamples = resample(
        task.ids, task.groups, np.unique(rows), RESAMPLES, derive(seed, "practical", "bootstrap")
    )
    draws = resamples.draws(rows, lambda w: {"accuracy": (right @ w) / w.sum(0)})
    return {
        "value": round(float(right.mean()), 6),
        "interval": percentile_interval(draws["accuracy"]),
        "n": len(right),
        "over": resamples.over,
    }


def _by_group(sounds: Sounds, trained: Sequence[Trained]) -> dict[str, Any]:
    """Return the accuracy of each group's test recordings, alphabetically."""
    rows = sounds.rows[np.concatenate([one.test for one in trained])]
    right = np.concatenate([one.right for one in trained])
    groups = sounds.task.groups[rows]
    return {
        str(name): {
            "value": round(float(right[groups == name].mean()), 6),
            "n": int((groups == name).sum()),
        }
        for name in np.unique(groups)
        if name
    }


def _shared_groups(
    sounds: Sounds, train: npt.NDArray[np.intp], test: npt.NDArray[np.intp]
) -> dict[str, int]:
    """Return how many groups are tested, and how many of them were also trained on."""
    groups = sounds.task.groups[sounds.rows]
    tested = set(groups[test]) - {""}
    return {"tested": len(tested), "also_trained": len(tested & set(groups[train]))}

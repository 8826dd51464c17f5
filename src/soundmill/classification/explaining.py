"""Occlusion maps of a few held-out recordings: what a network's decisions rest on."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from soundmill.classification.network_files import Pair
from soundmill.classification.network_model import TrainedNetwork, load_network
from soundmill.classification.occlusion import occlusion_map
from soundmill.classification.study_options import OcclusionOptions
from soundmill.classification.task import TEST, Task, read_task
from soundmill.errors import InputError
from soundmill.features.spectra_store import SpectraStore
from soundmill.files import atomic_path
from soundmill.log import progress

FOLD = "0"


def explain_network(
    task_folder: str | os.PathLike[str],
    spectra: Sequence[Pair],
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: OcclusionOptions,
) -> None:
    """Write the occlusion maps of held-out recordings of the first fold.

    Parameters
    ----------
    spectra : array and index of each bucket. model : the folder of the network of that fold.
    output : .npz with, for recording number n: ``spectrum_<n>`` (frames, bands) in dB,
        ``drop_<n>`` (t, b), its cells' edges ``frames_<n>`` and ``bands_<n>``, and
        ``probability_<n>``; and ``ids``, ``classes`` (what was decided) and ``frame_rate`` (Hz).

    Raises
    ------
    InputError
        When no held-out recording has a spectrum.
    """
    task, store = read_task(task_folder), SpectraStore(spectra)
    network = load_network(Path(model))
    rate = float(network.config["frame_rate"])
    chosen = choose_examples(task, store, network, options.recordings)
    if not chosen:
        raise InputError(f"{task_folder}: no recording that fold {FOLD} tests has a spectrum")
    arrays: dict[str, np.ndarray] = {
        "ids": np.array([task.ids[row] for row, _ in chosen]),
        "classes": np.array([task.classes[number] for _, number in chosen]),
        "frame_rate": np.array(rate),
    }
    for n, (row, number) in enumerate(progress(chosen, total=len(chosen), label="covering")):
        spectrum = store[task.ids[row]]
        patch = max(2, round(options.seconds * rate))
        found = occlusion_map(network, spectrum, number, patch, options.bands)
        arrays |= {
            f"spectrum_{n}": spectrum,
            f"drop_{n}": found.drop.astype(np.float32),
            f"frames_{n}": found.frames,
            f"bands_{n}": found.bands,
            f"probability_{n}": np.array(found.probability),
        }
    with atomic_path(Path(output)) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def choose_examples(
    task: Task, store: SpectraStore, network: TrainedNetwork, most: int
) -> list[tuple[int, int]]:
    """Return (row, class number) of the surest right decisions, the classes in turn.

    Of a network that decides nothing rightly, the recordings of each class. Tags: recordings that
    have the tag and get it; a regression: recordings in order, its first target.
    """
    rows = [int(row) for row in task.rows(FOLD, TEST) if task.ids[row] in store]
    if task.kind == "regression":
        return [(row, 0) for row in rows[:most]]
    values = {row: network.predict(store[task.ids[row]])[2] for row in rows}
    true = [(row, number) for number in range(len(task.classes)) for row in rows
            if _belongs(task, row, number)]  # fmt: skip
    right = [pair for pair in true if _decided(task, values[pair[0]], pair[1])]
    by_class: dict[int, list[tuple[int, int]]] = {}
    for row, number in sorted(right or true, key=lambda pair: -values[pair[0]][pair[1]]):
        by_class.setdefault(number, []).append((row, number))
    queues = [by_class[number] for number in sorted(by_class)]
    turns = max(map(len, queues), default=0)
    in_turn = [own[turn] for turn in range(turns) for own in queues if turn < len(own)]
    return in_turn[:most]


def _belongs(task: Task, row: int, number: int) -> bool:
    if task.kind == "single":
        return bool(task.targets[row] == number)
    return bool(task.targets[row, number] > 0)


def _decided(task: Task, values: npt.NDArray[np.float64], number: int) -> bool:
    return bool(values.argmax() == number if task.kind == "single" else values[number] >= 0.5)

"""What a classification task's trained network says of sounds, clean and from augmented copies."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.classification.aggregation import aggregate
from soundmill.classification.network_data import Spectrum, cut_chunks
from soundmill.classification.network_files import Pair
from soundmill.classification.network_model import TrainedNetwork, decide, load_network
from soundmill.classification.networks import Classifier, count_parameters
from soundmill.classification.task import TEST, TRAIN, VALID, Task, read_task
from soundmill.errors import InputError
from soundmill.features.spectra_store import SpectraStore
from soundmill.fusion.conditions import CLEAN
from soundmill.fusion.encoded import (
    Encoded,
    Picture,
    accuracies,
    median_milliseconds,
    pooling_matrix,
    resize_picture,
)
from soundmill.fusion.outputs import Outputs, write_outputs
from soundmill.log import logger, progress

TOKENS = 8
"""Parts of a recording's time that cross-attention tells apart."""
FLOOR = 1e-7
"""Least probability whose logarithm is taken."""
REACH = 3.0
"""Levels of the network's front that are black and white in a picture, minus and plus."""


def encode_sounds(
    task_folder: str | os.PathLike[str],
    fold: str,
    model: str | os.PathLike[str],
    spectra: Sequence[Pair],
    augmented: Mapping[str, Sequence[Pair]],
    output: Path,
    *,
    modality: str,
    threads: int | None = None,
) -> Outputs:
    """Write what a network says of the recordings of one fold of its task.

    Nothing is random: the copies were drawn when they were made.

    Parameters
    ----------
    task_folder : of the classification task, one class each.
    fold : an honest one; ``model`` is the folder of the network trained in it.
    spectra : of the recordings, by bucket.
    augmented : of their copies, by condition and bucket; the first copy of each recording is used.
    output : folder of `soundmill.fusion.outputs` to write, which also says the accuracy by
        condition and part.
    modality : name to write.

    Raises
    ------
    InputError
        When the fold has no part to validate on, the network is of another task, or a recording
        has no spectrum or no copy.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    task = read_task(task_folder)
    _check_fold(task, fold, Path(task_folder))
    trained = load_network(Path(model))
    if trained.classes != task.classes or task.kind != "single":
        raise InputError(
            f"{model} is no network for the classes of {task_folder}, one class a recording "
            f"({', '.join(task.classes)})"
        )
    store = SpectraStore(spectra)
    copies = {name: SpectraStore(pairs) for name, pairs in augmented.items()}
    rows, ids = _known(task, fold, store)
    found: list[list[npt.NDArray[Any]]] = []
    for condition, read in {CLEAN: None, **copies}.items():
        sounds = [store[name] if read is None else _copy(read, name, condition) for name in ids]
        label = f"{modality}, {condition}"
        heard = progress(sounds, total=len(sounds), unit="recordings", label=label)
        each = [encode_sound(trained, spectrum) for spectrum in heard]
        found.append([np.stack(values) for values in zip(*each, strict=True)])
    logits, embeddings, tokens, pictures = (np.stack(a) for a in zip(*found, strict=True))
    conditions, parts, targets = [CLEAN, *copies], task.folds[fold][rows], task.targets[rows]
    first = store[ids[0]]
    facts = {
        "fold": fold,
        "parameters": sum(count_parameters(network) for network in trained.networks),
        "milliseconds": median_milliseconds(lambda: encode_sound(trained, first)),
        "accuracy": accuracies(logits, targets, parts, conditions),
    }
    outputs = Outputs(
        modality, task.classes, conditions, np.array(ids), parts, task.groups[rows], targets,
        logits, embeddings.astype(np.float16), tokens.astype(np.float16), pictures, facts,
    )  # fmt: skip
    write_outputs(output, outputs)
    return outputs


def encode_sound(trained: TrainedNetwork, spectrum: Spectrum) -> Encoded:
    """Return what a network says of one recording.

    Of several trainings the log probabilities are averaged; embedding, tokens and picture are of
    the first. Embedding and tokens are means over the chunks of a recording, whose tokens are in
    the order of time: the eighth part of a long recording is its last.

    Parameters
    ----------
    spectrum : (frames, bands) in dB, made with the options in the network's config.
    """
    network = trained.networks[0]
    chunks = torch.from_numpy(cut_chunks(spectrum, trained.frames, network.options)[0])
    with torch.inference_mode():
        shown = network.front(chunks)
        embedded, tokens = listen(network, shown)
        probabilities = [_decision(network, embedded)]
    for other in trained.networks[1:]:
        probabilities.append(next(decide(other, [spectrum], trained.frames)).recording)
    logits = np.log(np.clip(probabilities, FLOOR, 1)).mean(0)
    ordered = tokens.reshape(TOKENS, len(chunks), -1).mean(1)  # neighbours in time, chunk by chunk
    return Encoded(
        logits.astype(np.float32),
        embedded.mean(0).numpy(),
        ordered.numpy(),
        draw_spectrum(shown[0].numpy()),
    )


def listen(network: Classifier, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return embeddings (B, D) and tokens (B, TOKENS, C) of chunks as ``front`` makes them.

    Tokens are what the last block makes of a chunk, the mean over its bands and over each eighth
    of its time; `soundmill.classification.networks.Classifier.embed` gives the same embeddings.
    """
    flat = network.options.kind == "cnn1d"
    x = x.transpose(1, 2).unsqueeze(2) if flat else x.unsqueeze(1)
    for block in network.blocks:
        x = network.block_dropout(block(x))
    x = x.transpose(2, 3) if flat else x  # (B, C, T, F)
    places = x.mean(3).transpose(1, 2)
    return network.summary(x), pooling_matrix(places.shape[1], TOKENS) @ places


def draw_spectrum(shown: npt.NDArray[Any]) -> Picture:
    """Return a picture of a chunk (T, F) as ``front`` makes it: time to the right, low at the
    bottom, black `REACH` below the mean.
    """
    levels = (shown.T[::-1] + REACH) / (2 * REACH)
    return resize_picture(255 * levels.clip(0, 1))


def _decision(network: Classifier, embedded: Tensor) -> npt.NDArray[np.float64]:
    """Return the probabilities (c,) of a recording whose chunks have these embeddings (s, D)."""
    if network.attend is not None:
        return network.decide(network.gather(embedded)).double().numpy()
    segments = network.decide(network.classify(embedded)).double().numpy()
    return aggregate(segments, network.options.aggregation, network.task)


def _known(task: Task, fold: str, store: SpectraStore) -> tuple[npt.NDArray[np.intp], list[str]]:
    """Return rows and ids of a fold's recordings that have a spectrum."""
    names, rows = task.ids, task.rows(fold, TRAIN, VALID, TEST)
    found = rows[[names[row] in store for row in rows]]
    if not len(found):
        raise InputError(f"fold {fold}: no recording has a spectrum; compute the spectra again")
    if len(found) < len(rows):
        lost = len(rows) - len(found)
        logger.warning("fold %s: %d recordings have no spectrum and are left out", fold, lost)
    return found, [names[row] for row in found]


def _copy(store: SpectraStore, name: str, condition: str) -> Spectrum:
    found = store.copies(name)
    if not found:
        raise InputError(
            f"{name}: augmentation {condition!r} has no copy of this recording; compute it for the "
            "whole corpus, with copies of 1 or more"
        )
    return found[0]


def _check_fold(task: Task, fold: str, folder: Path) -> None:
    if fold not in task.honest_folds:
        raise InputError(
            f"{folder} has no fold {fold!r} to test in; it has {', '.join(task.honest_folds)}"
        )
    name = folder.parent.name if folder.name == "task" else folder.name
    for part in (TRAIN, VALID, TEST):
        if not len(task.rows(fold, part)):
            hint = (
                f" Set classification.{name}.split.valid above 0; where the split keeps groups "
                "together, training parts need three groups or more to keep one for it."
                if part == VALID
                else ""
            )
            raise InputError(
                f"{folder}, fold {fold}: part {part} is empty, which a fusion needs.{hint}"
            )

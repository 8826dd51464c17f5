"""A fusion with its encoders as one ONNX file for other programs, checked against the original.

Inputs: one a modality, by its name, and ``present`` (m,), 1 for each modality that is there and 0
for one that is missing, whose input is then anything of the right shape, such as zeros. Outputs:
``probabilities`` (c,), ``weights`` (m,) on whom the fusion leaned (NaN of one that does not say),
``own`` (m, c), each modality's calibrated probabilities. ``export.json`` beside it says how inputs
are made.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from soundmill.classification.network_data import cut_chunks
from soundmill.errors import InputError
from soundmill.files import atomic_path, write_json
from soundmill.fusion.export_graph import DecisionGraph
from soundmill.fusion.model import FusionModel, load_fusion
from soundmill.fusion.user_encoders import Encoder, ImageEncoder, SoundEncoder
from soundmill.log import logger
from soundmill.onnx_files import save_onnx

TOLERANCE = 1e-4
"""Largest difference of a probability or a weight between the export and the original."""
OPSET = 18
COMPARED = 16
"""Examples both are compared on at most, each whole and with each modality missing."""
PRESENT = "present"
OUTPUTS = ("probabilities", "weights", "own")
Floats = npt.NDArray[np.float32]


def export_fusion(
    folder: Path,
    examples: Sequence[Mapping[str, Any]],
    onnx: Path,
    report: Path,
) -> None:
    """Export a model folder, run both, and write what the difference was.

    Parameters
    ----------
    folder : of `soundmill.fusion.model.assemble_fusion`.
    examples : to compare on, by modality what `FusionModel.decide` takes; the first `COMPARED`
        are taken, each also without each of its modalities.
    onnx, report : files to write.

    Raises
    ------
    InputError
        When there is nothing to compare on, or the folder is no model.
    RuntimeError
        When the export decides otherwise (beyond `TOLERANCE`); nothing is written.
    """
    model = load_fusion(folder)
    cases = [case for example in examples[:COMPARED] for case in _cases(model.take(example)[0])]
    if not cases:
        raise InputError(f"no example to compare {onnx} with {folder} on")
    with atomic_path(onnx) as temporary:
        write_onnx(model, temporary)
        difference = compare(model, temporary, cases)
        if not difference <= TOLERANCE:
            raise RuntimeError(f"{onnx}: decisions differ by {difference:.2g} from torch's")
    logger.info("%s: %d cases, largest difference %.2g", onnx, len(cases), difference)
    facts = {"difference": difference, "examples": len(examples[:COMPARED]), "cases": len(cases)}
    write_json(report, {**describe(model, onnx), **facts})


def _cases(samples: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an example whole, and without each modality as long as one is left."""
    whole = dict(samples)
    without = [{n: s for n, s in whole.items() if n != left_out} for left_out in whole]
    return [whole, *(case for case in without if case)]


def inputs_of(model: FusionModel, samples: Mapping[str, Any]) -> dict[str, Floats]:
    """Return what the export is fed for some samples, as `FusionModel.take` returns them."""
    feeds = {
        name: feed(encoder, samples[name]) if name in samples else blank(encoder)
        for name, encoder in model.encoders.items()
    }
    present = [float(name in samples) for name in model.encoders]
    return {**feeds, PRESENT: np.array(present, np.float32)}


def feed(encoder: Encoder, sample: Any) -> Floats:
    """Return the input of one modality: chunks (s, frames, bands), or an image (1, size, size)."""
    if isinstance(encoder, SoundEncoder):
        network = encoder.network
        return cut_chunks(sample, network.frames, network.networks[0].options)[0]
    if isinstance(encoder, ImageEncoder):
        return np.asarray(sample[None] / np.float32(255), np.float32)
    raise InputError(f"a modality of kind {encoder.kind!r} cannot be exported")


def blank(encoder: Encoder, chunks: int = 1) -> Floats:
    """Return the input of a modality that is missing: zeros."""
    if isinstance(encoder, SoundEncoder):
        bands = int(encoder.network.config["bands"])
        return np.zeros((chunks, encoder.network.frames, bands), np.float32)
    if isinstance(encoder, ImageEncoder):
        return np.zeros((1, encoder.model.size, encoder.model.size), np.float32)
    raise InputError(f"a modality of kind {encoder.kind!r} cannot be exported")


def write_onnx(model: FusionModel, path: Path) -> None:
    """Write encoders and fusion as one ONNX file, with any number of chunks of a sound."""
    # two chunks: one would be taken for a fixed number
    example = [torch.from_numpy(blank(encoder, 2)) for encoder in model.encoders.values()]
    shapes: list[Any] = [
        {0: torch.export.Dim(f"chunks_of_{name}", min=1, max=4096)} if kind == "sound" else None
        for name, kind in model.kinds.items()
    ]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            DecisionGraph(model).eval(),
            (*example, torch.ones(len(example))),
            dynamo=True,
            dynamic_shapes=((*shapes, None),),
            input_names=[*model.encoders, PRESENT],
            output_names=list(OUTPUTS),
            opset_version=OPSET,
            verbose=False,
        )
    save_onnx(program, path)


def compare(model: FusionModel, onnx: Path, cases: Sequence[Mapping[str, Any]]) -> float:
    """Return the largest difference to torch's decisions on samples as `take` returns them."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    worst: list[float] = []
    for samples in cases:
        found = dict(zip(OUTPUTS, session.run(None, inputs_of(model, samples)), strict=True))
        decision = model.decide_samples(samples)
        there = [i for i, name in enumerate(model.encoders) if name in samples]
        pairs = [(found["probabilities"], list(decision.probabilities.values()))]
        pairs += [
            (found["own"][i], list(decision.own[name].probabilities.values()))
            for i, name in enumerate(model.encoders)
            if name in samples
        ]
        if decision.weights:
            pairs.append((found["weights"][there], list(decision.weights.values())))
        worst += [float(np.abs(a - np.array(b)).max()) for a, b in pairs]
    return float(np.max(worst))  # NaN where one is: it is no agreement


def describe(model: FusionModel, onnx: Path) -> dict[str, Any]:
    """Return what a program needs to know to feed the export."""
    return {
        "file": onnx.name,
        "classes": model.classes,
        "modalities": list(model.encoders),
        "inputs": {
            **{name: _input(encoder) for name, encoder in model.encoders.items()},
            PRESENT: {
                "shape": [len(model.encoders)],
                "meaning": "1 for each modality that is there, 0 for a missing one, whose input "
                "is zeros; in the order of modalities",
            },
        },
        "outputs": {
            "probabilities": [len(model.classes)],
            "weights": [len(model.encoders)],
            "own": [len(model.encoders), len(model.classes)],
        },
        "fusion": model.config["use"],
        "opset": OPSET,
    }


def _input(encoder: Encoder) -> dict[str, Any]:
    if isinstance(encoder, SoundEncoder):
        config, options = encoder.network.config, encoder.network.networks[0].options
        frames = encoder.network.frames
        return {
            "kind": encoder.kind,
            "shape": ["chunks", frames, config["bands"]],
            "decode": config.get("decode"),
            "spectra": config["spectra"],
            "chunk_step_frames": max(round(frames * (1 - options.overlap)), 1),
            "padding": options.padding,
            "silence": options.silence,
            "silence_below": options.silence_below,
            "longest_seconds": encoder.longest,
        }
    if isinstance(encoder, ImageEncoder):
        size = encoder.model.size
        return {
            "kind": encoder.kind,
            "shape": [1, size, size],
            "range": [0, 1],
            "ink": "bright on black",
            "preparation": encoder.preparation,
        }
    raise InputError(f"a modality of kind {encoder.kind!r} cannot be exported")

"""A trained network as one ONNX file that other programs can run, checked against the original.

Input ``spectra`` (s, frames, bands): the chunks of one recording, s at will. Outputs ``segments``
(s, classes) and ``recording`` (classes,): probabilities, or the values of a regression, averaged
over the seeds. ``export.json`` beside it says how spectra and chunks are made.
"""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from soundmill.classification.aggregation import FLOOR
from soundmill.classification.network_data import Store, cut_chunks
from soundmill.classification.network_model import TrainedNetwork, load_network
from soundmill.classification.networks import Classifier
from soundmill.errors import InputError
from soundmill.features.spectra_store import SpectraStore
from soundmill.files import atomic_path, write_json
from soundmill.log import logger
from soundmill.onnx_files import save_onnx

TOLERANCE = 1e-4
"""Largest difference of a probability between the exported network and the original."""
OPSET = 18
COMPARED = 32
"""Recordings both are compared on at most."""


class Exported(nn.Module):
    """All seeds and the aggregation as one module."""

    def __init__(self, networks: Sequence[Classifier]) -> None:
        super().__init__()
        self.networks, self._seeds = nn.ModuleList(networks), list(networks)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Map chunks (s, frames, bands) in dB to decisions on them and on the recording."""
        segments, recordings = [], []
        for network in self._seeds:
            embedded = network.embed(network.front(spectra))
            segments.append(network.decide(network.classify(embedded)))
            if network.attend is None:
                method, task = network.options.aggregation, network.task
                recordings.append(aggregate_tensor(segments[-1], method, task))
            else:
                recordings.append(network.decide(network.gather(embedded)))
        return torch.stack(segments).mean(0), torch.stack(recordings).mean(0)


def aggregate_tensor(values: Tensor, method: str, kind: str) -> Tensor:
    """Do what `soundmill.classification.aggregation.aggregate` does, to a tensor (s, c)."""
    if kind == "regression" and method != "max":
        if method != "vote":
            return values.mean(0)
        ordered, count = values.sort(0).values, values.shape[0]
        return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    if method == "log_mean":
        decided = values.clamp(min=FLOOR).log().mean(0).exp()
        if kind == "multi":
            against = (1 - values).clamp(min=FLOOR).log().mean(0).exp()
            decided = decided / (decided + against)
    elif method == "vote" and kind == "single":
        classes = torch.arange(values.shape[1])
        decided = (values.argmax(1, keepdim=True) == classes).to(values.dtype).mean(0)
    elif method == "vote":
        decided = (values >= 0.5).to(values.dtype).mean(0)
    else:
        decided = values.amax(0) if method == "max" else values.mean(0)
    return decided / decided.sum() if kind == "single" else decided


def export_network(
    model_folder: Path,
    spectra: Sequence[tuple[str | Path, str | Path]],
    names: Sequence[str],
    onnx: Path,
    report: Path,
) -> None:
    """Export a model folder, run both, and write what the difference was.

    Parameters
    ----------
    spectra : arrays and indices of some recordings; names : identifiers to compare on, the first
        `COMPARED` are taken.
    onnx, report : files to write.

    Raises
    ------
    InputError
        when there is nothing to compare on.
    RuntimeError
        when the exported network decides otherwise (beyond `TOLERANCE`); nothing is written.
    """
    model = load_network(model_folder)
    if not names:
        raise InputError(f"no recording to compare {onnx} with {model_folder} on")
    with atomic_path(onnx) as temporary:
        write_onnx(model, temporary)
        difference, chunks = compare(model, temporary, SpectraStore(spectra), names[:COMPARED])
        if not difference <= TOLERANCE:
            raise RuntimeError(f"{onnx}: probabilities differ by {difference:.2g} from torch's")
    logger.info("%s: %d chunks, largest difference %.2g", onnx, chunks, difference)
    write_json(report, {**describe(model, onnx), "difference": difference, "chunks": chunks})


def write_onnx(model: TrainedNetwork, path: Path) -> None:
    """Write all seeds of a network as one ONNX file with any number of chunks."""
    # two chunks: one would be taken for a fixed number
    example = torch.zeros(2, model.frames, int(model.config["bands"]))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            Exported(model.networks).eval(),
            (example,),
            dynamo=True,
            dynamic_shapes={"spectra": {0: torch.export.Dim("chunks", min=1, max=4096)}},
            input_names=["spectra"],
            output_names=["segments", "recording"],
            opset_version=OPSET,
            verbose=False,
        )
    save_onnx(program, path)


def compare(
    model: TrainedNetwork, onnx: Path, store: Store, names: Sequence[str]
) -> tuple[float, int]:
    """Return the largest difference to torch's decisions, and the number of chunks compared."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    worst, count = 0.0, 0
    for name in names:
        spectrum = store[name]
        decision = model.decide(spectrum)
        chunks, _ = cut_chunks(spectrum, model.frames, model.networks[0].options)
        segments, recording = session.run(None, {"spectra": chunks})
        pairs = ((segments, decision.segments), (recording, decision.recording))
        worst = max(worst, *(float(np.abs(a - b).max()) for a, b in pairs))
        count += len(chunks)
    return worst, count


def describe(model: TrainedNetwork, onnx: Path) -> dict[str, Any]:
    """Return what a program needs to know to feed the exported network."""
    options, config = model.networks[0].options, model.config
    return {
        "file": onnx.name,
        "input": {"name": "spectra", "shape": ["chunks", model.frames, config["bands"]]},
        "outputs": {
            "segments": ["chunks", len(model.classes)],
            "recording": [len(model.classes)],
        },
        "kind": config["kind"],
        "classes": model.classes,
        "spectra": config["spectra"],
        "chunk_step_frames": max(round(model.frames * (1 - options.overlap)), 1),
        "padding": options.padding,
        "silence": options.silence,
        "silence_below": options.silence_below,
        "aggregation": options.aggregation,
        "seeds": len(model.networks),
        "opset": OPSET,
    }

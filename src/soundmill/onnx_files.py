"""ONNX files as torch's exporter makes them, without what it remembers of the computer."""

import os
from typing import Any


def save_onnx(program: Any, path: str | os.PathLike[str]) -> None:
    """Write an exported program as one file, weights included.

    The exporter notes beside each node which lines of Python it comes from, with the paths of the
    checkout and of the environment: another folder would give other bytes, and whoever is given
    the file would read them. They are left out.

    Parameters
    ----------
    program : `torch.onnx.ONNXProgram`.
    """
    proto = program.model_proto
    for owner in (proto.graph, *proto.functions):
        for part in (owner, *owner.node):
            del part.metadata_props[:]
            part.doc_string = ""
    path = os.fspath(path)
    with open(path, "wb") as file:
        file.write(proto.SerializeToString(deterministic=True))

"""What an encoder says of one sample, and what encoders of all modalities share."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.fusion.outputs import PICTURE

Picture = npt.NDArray[np.uint8]
RUNS = 31
"""Runs whose median is the time of one sample."""


class Encoded(NamedTuple):
    """What is known of one sample, as fusions are given it.

    Attributes
    ----------
    logits : (c,) float32, log probabilities up to a constant.
    embedding : (d,) float32. tokens : (s, e) float32.
    picture : (PICTURE, PICTURE) uint8, the sample as early fusion sees it.
    """

    logits: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.float32]
    picture: Picture


def pooling_matrix(size: int, parts: int) -> Tensor:
    """Return the weights (parts, size) of a mean over equal parts of an axis.

    The same parts as of torch's adaptive average pooling, which overlap where ``parts`` does not
    divide ``size``; as a product with a matrix it can be exported to ONNX for every size.
    """
    weights = torch.zeros(parts, size)
    for part in range(parts):
        first, last = part * size // parts, -(-(part + 1) * size // parts)
        weights[part, first:last] = 1 / (last - first)
    return weights


def resize_picture(values: npt.NDArray[Any]) -> Picture:
    """Return a picture (rows, columns) of levels 0 to 255 at the size of early fusion."""
    if values.shape == (PICTURE, PICTURE) and values.dtype == np.uint8:
        return values
    rows, columns = (pooling_matrix(n, PICTURE).numpy() for n in values.shape)
    small = rows @ values.astype(np.float32) @ columns.T
    return np.rint(small.clip(0, 255)).astype(np.uint8)


def median_milliseconds(run: Callable[[], object]) -> float:
    """Return the time of a call on one thread, the median of `RUNS`, milliseconds.

    Processor time: other jobs on the machine do not make it longer.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run()  # the first prepares kernels
        taken = []
        for _ in range(RUNS):
            began = time.thread_time()
            run()
            taken.append(time.thread_time() - began)
    finally:
        torch.set_num_threads(threads)
    return round(1000 * float(np.median(taken)), 4)


def accuracies(
    logits: npt.NDArray[Any],
    targets: npt.NDArray[np.int64],
    parts: npt.NDArray[np.str_],
    conditions: list[str],
) -> dict[str, dict[str, float]]:
    """Return the accuracy by condition and part of logits (k, n, c)."""
    return {
        condition: {
            str(part): round(float((logits[i].argmax(1) == targets)[parts == part].mean()), 4)
            for part in dict.fromkeys(parts.tolist())
        }
        for i, condition in enumerate(conditions)
    }

"""What a process does of each batch when several train one network: its share, weighed rightly.

Each of W processes takes every W-th item of a batch, computes the gradient of its part of the loss,
and the mean over the processes is applied by all of them. For that mean to be the gradient of the
whole batch, a loss that divides by a count (of events, of frames) must divide by the count of the
whole batch; and what is drawn at random for an item (dropout, noise) must not depend on who takes
it. Then the number of processes changes nothing but the rounding of sums.

With one process everything here is the identity, bit by bit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from soundmill.errors import InputError

REFUSED = (
    "alpha_dropout", "bernoulli", "bernoulli_", "dropout1d", "dropout2d", "dropout3d",
    "exponential_", "feature_alpha_dropout", "multinomial", "normal", "normal_", "rand_like",
    "randint", "randn", "randperm", "uniform_",
)  # fmt: skip
"""Random functions of torch that `Share.draws` does not know to share."""


@dataclass(frozen=True)
class Share:
    """The share of process number ``rank`` among ``of``."""

    rank: int = 0
    of: int = 1

    @classmethod
    def present(cls) -> "Share":
        """Return the share of this process: of `soundmill.distributed`, or the whole."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return cls(torch.distributed.get_rank(), torch.distributed.get_world_size())
        return cls()

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.rank == 0

    @property
    def items(self) -> slice:
        """Places of the items of a batch that this process takes."""
        return slice(self.rank, None, self.of)

    def count(self, items: int) -> int:
        """Return how many of the first so many items of a batch this process takes."""
        return len(range(self.rank, items, self.of))

    def wait(self) -> None:
        """Wait until all processes have come here."""
        if self.of > 1:
            torch.distributed.barrier()

    def total(self, value: Tensor) -> Tensor:
        """Return the sum of a value over all processes; no gradient flows through it."""
        value = value.detach()
        if self.of > 1:
            value = value.clone()
            torch.distributed.all_reduce(value)
        return value

    def mean(self, values: Sequence[float], device: torch.device) -> list[float]:
        """Return the mean over all processes of each number."""
        if self.of == 1:
            return list(values)
        precise = torch.float32 if device.type == "mps" else torch.float64
        found: list[float] = self.total(torch.tensor(values, dtype=precise, device=device)).tolist()
        return [value / self.of for value in found]

    def portion(self, total: Tensor) -> Tensor:
        """Return what a process must divide its own sum by, given its own count.

        The mean over the processes of the quotients is the sum of the whole batch, divided by the
        count of the whole batch.
        """
        return self.total(total) / self.of

    def at_least(self, value: Tensor, least: float) -> Tensor:
        """Return quotients by `portion`, where their mean over the processes is less, ``least``.

        So the mean over the processes of what is returned is ``clamp_min`` of the whole batch, and
        likewise its gradient.
        """
        return torch.where(self.total(value) / self.of < least, least, value)

    def draws(self, items: int) -> AbstractContextManager[Any]:
        """Return a context in which what is drawn for a batch is this process' part of it.

        All processes seed torch alike. Where code draws for the items it has (`dropout`,
        ``randn_like``, ``rand``; the first dimension counts items), numbers for all ``items`` of
        the batch are drawn and those of the other processes thrown away: each process draws as many
        as one would that takes the whole batch.
        """
        return nullcontext() if self.of == 1 else _WholeBatch(items, self)

    def trainer(self, devices: int, nodes: int) -> dict[str, Any]:
        """Return what `soundmill.training.fit` needs to know of several processes."""
        if self.of == 1:
            return {}
        from lightning.pytorch.plugins.environments import TorchElasticEnvironment
        from lightning.pytorch.strategies import DDPStrategy

        # looking for unused parameters keeps DDP from arranging gradients anew after its first
        # step; a resumed training, whose first step is another, would sum them in another order
        return {
            "devices": devices, "num_nodes": nodes, "plugins": [TorchElasticEnvironment()],
            "strategy": DDPStrategy(find_unused_parameters=True),
        }  # fmt: skip

    def agree(self, path: Path) -> None:
        """Raise `InputError` unless all processes, or none, see a file."""
        seen = int(self.total(torch.tensor(float(path.exists()), device=_device())))
        if seen not in (0, self.of):
            raise InputError(
                f"{path}: only {seen} of {self.of} processes see this file. The folder of the "
                "results must lie on a file system that all nodes share; if it does, start again"
            )


def _device() -> torch.device:
    """Return where small numbers that processes exchange must lie."""
    if torch.distributed.is_initialized() and torch.distributed.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


class _WholeBatch(TorchFunctionMode):
    """Draws for a whole batch, and hands out a share."""

    def __init__(self, items: int, share: Share) -> None:
        super().__init__()
        self._items, self._share = items, share

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is F.dropout:
            return self._dropout(*args, **kwargs)
        if func is torch.randn_like:
            return torch.randn_like(self._whole(args[0]), **kwargs)[self._share.items]
        if func is torch.rand:
            return torch.rand(self._items, *args[1:], **kwargs)[self._share.items]
        if getattr(func, "__name__", "") in REFUSED:
            raise RuntimeError(
                f"{func.__name__} would draw other numbers in each process: let Share.draws share "
                "it, or train with devices: 1 and nodes: 1"
            )
        return func(*args, **kwargs)

    def _whole(self, x: Tensor) -> Tensor:
        """Return a tensor for the whole batch, laid out in memory as ``x``: so draws fill it."""
        order = sorted(range(x.dim()), key=x.stride, reverse=True)
        sizes = [self._items if dim == 0 else x.shape[dim] for dim in order]
        back = [order.index(dim) for dim in range(x.dim())]
        return x.new_empty(sizes).permute(back)

    def _dropout(
        self, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        """Multiply by the mask that torch would draw for the whole batch."""
        if not training or p == 0:
            return x
        whole = F.dropout(torch.ones_like(self._whole(x)), p)
        return x * whole[self._share.items]

"""What does not fit into memory is halved, and the work goes on with the same sums.

The limit found is kept, so that memory runs out once and not at every batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

# What devices say where they raise no OutOfMemoryError: Apple's, cuBLAS, and the processor.
_MESSAGES = (
    "MPS backend out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "can't allocate memory",
    "not enough memory",
)

Result = TypeVar("Result")


class Items(Protocol):
    """A tensor or list: something of a length that a slice cuts."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: slice, /) -> Self: ...


Part = TypeVar("Part", bound=Items)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device ran out of memory, as against any other fault."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _MESSAGES)


@dataclass
class Halving:
    """Runs work on items at once, or in parts where memory does not suffice."""

    limit: int | None = None  # items per part since memory ran out; None: it never did

    def __call__(self, work: Callable[[Part], Result], items: Part) -> list[Result]:
        """Returns `work`'s results on the parts of `items`, in their order.

        The work must not care how its items are cut (sums over items do not), and must leave no
        half-done change behind when it fails.

        Raises:
            RuntimeError: `work` failed otherwise, or a single item does not fit.
        """
        waiting, done = [items], list[Result]()
        while waiting:
            part = waiting.pop()
            size = len(part)
            if self.limit is not None and size > self.limit:
                waiting += [part[self.limit :], part[: self.limit]]
                continue
            try:
                done.append(work(part))
                continue
            except (RuntimeError, MemoryError) as error:
                if size < 2 or not is_out_of_memory(error):
                    raise
            # Only here, after the except: the error's traceback holds what filled the memory.
            _release()
            self.limit = (size + 1) // 2
            waiting.append(part)
        return done


def add_gradients(
    loss: Callable[[Part], Tensor],
    items: Part,
    parameters: Sequence[Tensor],
    halving: Halving,
) -> float:
    """Adds the gradients of `loss` over `items` to the parameters' `grad`, and returns the loss.

    `loss` is a sum over items (divided by nothing that depends on the part), so that the gradients
    of parts add up to those of the whole. A part's gradients are added only when all are there:
    `backward` would leave some behind where memory runs out midway.

    Args:
        loss: of a part of the items, a scalar.
        items: tensor or list; what belongs together (a test whose texts are ranked) is one item.
        parameters: that require gradients.
        halving: kept over the steps of a fit, so that a limit found is found once.
    """

    def one(part: Part) -> float:
        value = loss(part)
        found = torch.autograd.grad(value, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, found, strict=True):
            if gradient is None:
                continue
            if parameter.grad is None:
                parameter.grad = gradient
            else:
                parameter.grad += gradient
        return float(value.detach())

    return sum(halving(one, items))


def _release() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()

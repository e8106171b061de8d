"""What can fail in a long training, in one line each: memory, the disk, the numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite

import torch
from safetensors import SafetensorError

from rinject.errors import RinjectError
from rinject.inject.state import State

_NO_MEMORY = re.compile(r"not enough memory|can't allocate memory|out of memory", re.IGNORECASE)
_DISK = re.compile(r"I/O error: (.+?) \(os error")


@contextmanager
def explained_memory() -> Iterator[None]:
    """Says what to do where memory runs out within the block, of a device or of the machine.

    Raises RinjectError in place of what torch or Python raise.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch's CPU allocator has no class of its own
        if not isinstance(error, (torch.OutOfMemoryError, MemoryError)) and not _NO_MEMORY.search(
            str(error)
        ):
            raise
        where = "the device" if isinstance(error, torch.OutOfMemoryError) else "this machine"
        raise RinjectError(
            f"{where} ran out of memory",
            hint="lower --task-rows, --text-rows or --text-tokens; if something else took the"
            " memory, --resume continues from the last checkpoint",
        ) from error


@contextmanager
def explained_writing(what: str, hint: str) -> Iterator[None]:
    """Raises RinjectError with the reason where something cannot be written within the block."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise RinjectError(f"{what} could not be written: {_reason(error)}", hint=hint) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    found = _DISK.search(str(error))  # safetensors keeps the reason in its message
    return found[1] if found else str(error)


_LOWER_RATES = (
    "lower --student-rate, --matrix-rate or --map-rate, or raise --warmup; what was saved last"
    " stays, with numbers only"
)


def check_losses(losses: Mapping[str, float], step: int) -> None:
    """Raises RinjectError for a mean of a loss that is not a number, or infinite."""
    for name, loss in losses.items():
        if not isfinite(loss):
            raise RinjectError(
                f"the {name} loss is {loss} at step {step}: the training has diverged",
                hint=_LOWER_RATES,
            )


def check_state(state: State) -> None:
    """Raises RinjectError where a weight or a moment is not a number, or infinite."""
    if not state.is_finite():
        raise RinjectError(
            f"there are weights that are not numbers after step {state.step}:"
            " the training has diverged",
            hint=_LOWER_RATES,
        )


@contextmanager
def explained_divergence(state: State) -> Iterator[None]:
    """Within the block a step is computed; the roll's decomposition fails on what is no number.

    Raises RinjectError as :func:`check_state` does.
    """
    try:
        yield
    except torch.linalg.LinAlgError:
        check_state(state)
        raise

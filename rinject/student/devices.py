"""The device that a word of the command line means."""

from __future__ import annotations

import torch

from rinject.errors import InputError


def device_of(word: str) -> torch.device:
    """The device called `cpu`, `cuda`, `cuda:N` or `mps`; `auto` is CUDA where there is one.

    Raises InputError where there is no such device.
    """
    if word == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(word)
    except RuntimeError:
        raise InputError(
            f"--device {word}: there is no device of that name",
            hint="use auto, cpu, cuda, cuda:0 or mps",
        ) from None
    if device.type == "cuda":
        _check_cuda(word, device.index)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError(f"--device {word}: this machine has none", hint="use --device cpu")
    return device


def _check_cuda(word: str, index: int | None) -> None:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        raise InputError(f"--device {word}: no CUDA device was found", hint="use --device cpu")
    if index is not None and index >= count:
        raise InputError(
            f"--device {word}: there are {count} CUDA devices",
            hint=f"they are cuda:0 to cuda:{count - 1}",
        )

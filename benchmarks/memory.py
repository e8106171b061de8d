"""The memory of this process, as Linux counts it."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def settle() -> None:
    """Give back what is free, so that only what is held counts."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def resident() -> float:
    """Megabytes in memory now."""
    return _megabytes("VmRSS")


def peak() -> float:
    """Most megabytes in memory at once since :func:`forget_peak`."""
    return _megabytes("VmHWM")


def forget_peak() -> None:
    """Let the peak start from what is in memory now."""
    _CLEAR.write_text("5")


def _megabytes(field: str) -> float:
    lines = _STATUS.read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024

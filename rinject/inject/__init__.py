"""Injection: a student learns to carry a program's variables in its residual stream.

Public names are found on first use, so that the settings can be read without loading torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rinject.inject.bundle import Bundle, load_bundle, save_bundle
    from rinject.inject.curves import save_curves
    from rinject.inject.loop import Interrupted, Progress
    from rinject.inject.run import Result, inject
    from rinject.inject.run_folder import METRICS_FILE, run_path
    from rinject.inject.settings import InjectSettings

__all__ = [
    "METRICS_FILE",
    "Bundle",
    "InjectSettings",
    "Interrupted",
    "Progress",
    "Result",
    "inject",
    "load_bundle",
    "run_path",
    "save_bundle",
    "save_curves",
]

_HOMES = {
    "METRICS_FILE": "run_folder",
    "Bundle": "bundle",
    "InjectSettings": "settings",
    "Interrupted": "loop",
    "Progress": "loop",
    "Result": "run",
    "inject": "run",
    "load_bundle": "bundle",
    "run_path": "run_folder",
    "save_bundle": "bundle",
    "save_curves": "curves",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

"""Injection: a student learns to carry a program's variables in its residual stream.

Public names are found on first use, so that the settings can be read without loading torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rinject.inject.bundle import Bundle, load_bundle, save_bundle
    from rinject.inject.loop import Interrupted, Progress
    from rinject.inject.run import Result, checkpoint_path, inject
    from rinject.inject.settings import InjectSettings

__all__ = [
    "Bundle",
    "InjectSettings",
    "Interrupted",
    "Progress",
    "Result",
    "checkpoint_path",
    "inject",
    "load_bundle",
    "save_bundle",
]

_HOMES = {
    "Bundle": "bundle",
    "InjectSettings": "settings",
    "Interrupted": "loop",
    "Progress": "loop",
    "Result": "run",
    "checkpoint_path": "run",
    "inject": "run",
    "load_bundle": "bundle",
    "save_bundle": "bundle",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

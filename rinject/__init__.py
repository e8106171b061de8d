"""rinject: put the algorithm of a RASP program into a language model, and read it back out.

Public names are found on first use, so that ``import rinject`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rinject.compiler import compile_program
    from rinject.lang import load_program

__version__ = "0.1.0"
__all__ = ["__version__", "compile_program", "load_program"]

_HOMES = {"compile_program": "rinject.compiler", "load_program": "rinject.lang"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

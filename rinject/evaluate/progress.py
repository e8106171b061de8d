"""How measurements that take a while say how far they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Sees how much is done, of how much."""


def unseen(_done: int, _total: int) -> None:
    """Nobody is told."""

"""Whether a model of tracr's says what the program means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

TOLERANCE = 1e-3
"""How far a number may be off."""


def close(expected: Sequence[Any], given: Sequence[Any]) -> bool:
    """Equal values, numbers nearly so, wherever there is a value: tracr has none for None."""
    pairs = zip(expected, given, strict=True)
    return all(_nearly(a, b) for a, b in pairs if a is not None)


def _nearly(a: Any, b: Any) -> bool:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, abs_tol=TOLERANCE)
    return bool(a == b)

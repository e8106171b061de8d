"""How large a compiled model may get."""

from __future__ import annotations

from rinject.errors import InputError

LARGEST_MODEL = 500_000_000
"""Most weights, zeros included: 2 GB in float32."""


def check_size(weights: int) -> None:
    """Raises InputError for more weights than a model may have."""
    if weights > LARGEST_MODEL:
        raise InputError(
            f"the model would have more than {LARGEST_MODEL:,} weights",
            hint="compile for shorter inputs (--max-seq-len), keep fewer variables (--keep output),"
            " or give them fewer values",
        )

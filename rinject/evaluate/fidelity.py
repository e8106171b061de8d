"""How faithfully the student of a bundle carries the program's variables."""

from __future__ import annotations

from rinject.inject import fidelity as reading
from rinject.inject.bundle import Bundle
from rinject.inject.fidelity import FidelityReport
from rinject.inject.rows import Rows


def fidelity(bundle: Bundle, rows: Rows) -> FidelityReport:
    """The fidelity of each variable at all tokens read; positions without a value are skipped.

    Raises InputError for a prompt that does not fit the program.
    """
    targets = bundle.targets
    maps = bundle.projection.maps()
    return reading.fidelity(bundle.model, maps, bundle.record.layers, targets, rows)

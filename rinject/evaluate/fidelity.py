"""How faithfully the student of a bundle carries the program's variables."""

from __future__ import annotations

import numpy as np

from rinject.inject import fidelity as reading
from rinject.inject.bundle import Bundle
from rinject.inject.fidelity import FidelityReport
from rinject.inject.rows import Rows
from rinject.inject.targets import Targets


def fidelity(bundle: Bundle, rows: Rows) -> FidelityReport:
    """The fidelity of each variable at all tokens read; positions without a value are skipped.

    Raises InputError for a prompt that does not fit the program.
    """
    targets = Targets(bundle.graph, bundle.reconciliation)
    maps = bundle.projection.maps()
    return reading.fidelity(bundle.model, maps, bundle.record.layers, targets, rows)


def read_variables(bundle: Bundle, rows: Rows, layer: int) -> np.ndarray:
    """int64 [N, V]: the value index of each variable at all tokens read, row after row.

    `layer` counts compiled streams; the student's stream aligned with it is read.
    """
    maps, layers = bundle.projection.maps(), bundle.record.layers
    return reading.read_variables(bundle.model, maps, layers, rows, layer)

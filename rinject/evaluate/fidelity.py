"""How faithfully a student carries the program's variables in its residual stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from rinject.graph.tables import NONE
from rinject.inject.bundle import Bundle
from rinject.inject.projection import VariableSlice, variable_slices
from rinject.inject.rows import Rows
from rinject.inject.targets import Targets
from rinject.student import residual_streams

LEAST_OCCURRENCES = 20
ROWS_AT_ONCE = 50


@dataclass(frozen=True)
class FidelityReport:
    """What was decoded right at the last aligned layer."""

    variables: dict[str, float]
    """For each variable, the share of positions decoded right: the mean over its values that occur
    at least 20 times, so that a constant guess does not look good. Others are left out."""
    changing: tuple[str, ...]
    """The variables of which at least two values occur so often."""
    positions: int
    """Positions read."""

    @property
    def mean(self) -> float | None:
        """Mean over the changing variables; None without any."""
        read = [self.variables[name] for name in self.changing]
        return sum(read) / len(read) if read else None


def fidelity(bundle: Bundle, rows: Rows) -> FidelityReport:
    """The fidelity of each variable at all prompt positions; positions without a value are skipped.

    Raises InputError for a prompt that does not fit the program.
    """
    read, true = _read_all(bundle, rows)  # [N, V] each
    shares = {
        one.name: _shares(one, read[:, index], true[:, index])
        for index, one in enumerate(variable_slices(bundle.graph))
    }
    return FidelityReport(
        variables={name: float(found.mean()) for name, found in shares.items() if len(found)},
        changing=tuple(name for name, found in shares.items() if len(found) > 1),
        positions=len(true),
    )


def read_variables(bundle: Bundle, rows: Rows, layer: int) -> np.ndarray:
    """int64 [N, V]: the value index of each variable at all prompt positions, row after row.

    `layer` counts compiled streams; the student's stream aligned with it is read.
    """
    model, layer = bundle.model, bundle.record.layers[layer]
    with torch.no_grad():
        ids = torch.from_numpy(rows.ids).to(model.device)
        stream = residual_streams(model, ids, layers=[layer])[layer]  # [B, T, D]
        prompts = stream[torch.from_numpy(rows.in_prompt()).to(model.device)]  # [N, D]
        return bundle.projection.read(prompts.float()).cpu().numpy()


def _read_all(bundle: Bundle, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    targets = Targets(bundle.graph, bundle.reconciliation)
    pairs = [
        (read_variables(bundle, batch, bundle.last_layer), targets.values(batch))
        for batch in _batches(rows)
    ]
    return np.concatenate([read for read, _ in pairs]), np.concatenate([true for _, true in pairs])


def _batches(rows: Rows) -> Iterator[Rows]:
    return (batch for _, batch in rows.by_length(ROWS_AT_ONCE))


def _shares(variable: VariableSlice, read: np.ndarray, true: np.ndarray) -> np.ndarray:
    """float [values that occur often]: for each, the share of its positions read right."""
    valid = true != NONE
    read, true = read[valid], true[valid]
    occurring = np.bincount(true, minlength=variable.size)  # [size]
    right = np.bincount(true[read == true], minlength=variable.size)  # [size]
    often = occurring >= LEAST_OCCURRENCES
    shares: np.ndarray = right[often] / occurring[often]
    return shares

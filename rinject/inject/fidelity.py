"""How faithfully a student carries the program's variables in its residual stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from rinject.graph.tables import NONE
from rinject.inject.answering import ROWS_AT_ONCE
from rinject.inject.projection import Maps, VariableSlice
from rinject.inject.rows import Rows
from rinject.inject.targets import Targets
from rinject.student import residual_streams

LEAST_OCCURRENCES = 20


@dataclass(frozen=True)
class FidelityReport:
    """What was decoded right at one aligned layer."""

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


def fidelity(
    model: PreTrainedModel,
    maps: Maps,
    layers: Sequence[int],
    targets: Targets,
    rows: Rows,
    layer: int = -1,
) -> FidelityReport:
    """The fidelity of each variable at all tokens read; positions without a value are skipped.

    `layers` are the student's, aligned with each compiled stream; that of `layer` is read, by
    default the last. Variables that the program computes later are read there too. Raises
    InputError for a prompt that does not fit the program.
    """
    pairs = [
        (read_variables(model, maps, layers, batch, layer), targets.values(batch))
        for _, batch in rows.by_length(ROWS_AT_ONCE)
    ]
    read = np.concatenate([read for read, _ in pairs])  # [N, V]
    true = np.concatenate([true for _, true in pairs])  # [N, V]
    shares = {
        one.name: _shares(one, read[:, place], true[:, place])
        for place, one in enumerate(maps.slices)
    }
    return FidelityReport(
        variables={name: float(found.mean()) for name, found in shares.items() if len(found)},
        changing=tuple(name for name, found in shares.items() if len(found) > 1),
        positions=len(true),
    )


@torch.no_grad()
def read_variables(
    model: PreTrainedModel, maps: Maps, layers: Sequence[int], rows: Rows, layer: int
) -> np.ndarray:
    """int64 [N, V]: the value index of each variable at all tokens read, row after row.

    `layer` counts compiled streams; the student's stream aligned with it is read.
    """
    aligned = layers[layer]
    ids = torch.from_numpy(rows.ids).to(model.device)
    stream = residual_streams(model, ids, layers=[aligned])[aligned]  # [B, T, D]
    tokens = stream[torch.from_numpy(rows.are_read()).to(model.device)]  # [N, D]
    return maps.read(layer, tokens.float()).cpu().numpy()


def _shares(variable: VariableSlice, read: np.ndarray, true: np.ndarray) -> np.ndarray:
    """float [values that occur often]: for each, the share of its positions read right."""
    valid = true != NONE
    read, true = read[valid], true[valid]
    occurring = np.bincount(true, minlength=variable.size)  # [size]
    right = np.bincount(true[read == true], minlength=variable.size)  # [size]
    often = occurring >= LEAST_OCCURRENCES
    shares: np.ndarray = right[often] / occurring[often]
    return shares

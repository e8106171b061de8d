"""How faithfully a student carries the program's variables in its residual stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from rinject.graph.edges import Edge, edges_of
from rinject.graph.tables import NONE
from rinject.inject.answering import ROWS_AT_ONCE
from rinject.inject.projection import Maps, VariableSlice
from rinject.inject.rows import Rows
from rinject.inject.targets import Targets
from rinject.student import residual_streams

LEAST_OCCURRENCES = 20


@dataclass(frozen=True)
class ValueCounts:
    """What was read of one variable, by its true value."""

    occurring: np.ndarray
    """int64 [size]: positions with each value."""
    right: np.ndarray
    """int64 [size]: those of them that were read right."""

    def shares(self) -> np.ndarray:
        """float [values that occur often]: for each, the share of its positions read right."""
        often = self.occurring >= LEAST_OCCURRENCES
        found: np.ndarray = self.right[often] / self.occurring[often]
        return found


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
    counts: tuple[ValueCounts, ...]
    """Of each variable of the program."""
    followed: tuple[ValueCounts, ...]
    """The same at those positions where all that the variable is computed from was read right: what
    is wrong there is wrong by the edge itself. Tokens and the like are computed from nothing."""

    @property
    def mean(self) -> float | None:
        """Mean over the changing variables; None without any."""
        read = [self.variables[name] for name in self.changing]
        return sum(read) / len(read) if read else None


def fidelity(
    model: PreTrainedModel, maps: Maps, layers: Sequence[int], targets: Targets, rows: Rows
) -> FidelityReport:
    """The fidelity of each variable at all tokens read; positions without a value are skipped.

    `layers` are the student's, aligned with each compiled stream; the last is read. Raises
    InputError for a prompt that does not fit the program.
    """
    (found,) = fidelity_at(model, maps, layers, targets, rows, [len(layers) - 1])
    return found


def fidelity_at(
    model: PreTrainedModel,
    maps: Maps,
    layers: Sequence[int],
    targets: Targets,
    rows: Rows,
    streams: Sequence[int],
) -> list[FidelityReport]:
    """The same at several compiled streams, where variables computed later are read too."""
    batches = [batch for _, batch in rows.by_length(ROWS_AT_ONCE)]
    true = [targets.values(batch) for batch in batches]  # [N, V] each
    read = [read_variables(model, maps, layers, batch, streams) for batch in batches]
    values, edges = np.concatenate(true), edges_of(targets.graph)  # [N, V]
    reports = []
    for parts in zip(*read, strict=True):  # one for each stream
        given = [
            _are_inputs_right(
                edges,
                batch.are_read(),
                (own == NONE) | (own == found),
                causal=targets.graph.causal,
            )
            for batch, own, found in zip(batches, true, parts, strict=True)
        ]
        found = np.concatenate(parts)  # [N, V]
        reports.append(_report(maps.slices, found, values, np.concatenate(given)))
    return reports


@torch.no_grad()
def read_variables(
    model: PreTrainedModel, maps: Maps, layers: Sequence[int], rows: Rows, streams: Sequence[int]
) -> list[np.ndarray]:
    """int64 [N, V]: the value index of each variable at all tokens read, row after row.

    At each of several compiled streams, which are read from the student's aligned with them.
    """
    ids = torch.from_numpy(rows.ids).to(model.device)
    inside = torch.from_numpy(rows.are_read()).to(model.device)  # [B, T]
    held = residual_streams(model, ids, layers=[layers[one] for one in streams])  # [B, T, D] each
    return [
        maps.read(one, held[layers[one]][inside].float()).cpu().numpy()  # [N, V]
        for one in streams
    ]


def _are_inputs_right(
    edges: Sequence[Edge], inside: np.ndarray, right: np.ndarray, *, causal: bool
) -> np.ndarray:
    """bool [N, V]: where each variable's inputs are all right, from what is `right` [N, V] at the
    tokens read, `inside` [B, T]."""
    everywhere = np.ones((*inside.shape, right.shape[1]), dtype=bool)  # [B, T, V]
    everywhere[inside] = right
    given = np.zeros_like(right)
    for edge in edges:
        of_all = edge.are_inputs_right(everywhere, causal=causal)  # [B, T]
        given[:, edge.index] = of_all[inside]
    return given


def _report(
    variables: Sequence[VariableSlice], read: np.ndarray, true: np.ndarray, given: np.ndarray
) -> FidelityReport:
    """What was read of what is true, and where all inputs of a variable were, [N, V] each."""
    columns = list(zip(variables, read.T, true.T, given.T, strict=True))
    counts = tuple(_counts(one, found, own) for one, found, own, _ in columns)
    followed = tuple(_counts(one, found[where], own[where]) for one, found, own, where in columns)
    shares = {one.name: own.shares() for one, own in zip(variables, counts, strict=True)}
    return FidelityReport(
        variables={name: float(found.mean()) for name, found in shares.items() if len(found)},
        changing=tuple(name for name, found in shares.items() if len(found) > 1),
        positions=len(true),
        counts=counts,
        followed=followed,
    )


def _counts(variable: VariableSlice, read: np.ndarray, true: np.ndarray) -> ValueCounts:
    valid = true != NONE
    read, true = read[valid], true[valid]
    return ValueCounts(
        occurring=np.bincount(true, minlength=variable.size),
        right=np.bincount(true[read == true], minlength=variable.size),
    )

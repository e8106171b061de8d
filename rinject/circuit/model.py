"""A compiled program as an object: weights, residual layout, and the graph that it must equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rinject.circuit.layout import ResidualLayout, Slot
from rinject.circuit.transformer import Transformer
from rinject.circuit.wiring import LayerRecord
from rinject.graph import Graph
from rinject.lang import Program


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """An exact transformer for a program."""

    transformer: Transformer
    layout: ResidualLayout
    graph: Graph
    """The program as scheduled; its evaluation is what the weights must reproduce."""
    backend: str
    """`native` or `tracr`."""
    program: Program | None = None
    """The `.rasp` program, when it came from one."""
    wiring: tuple[LayerRecord, ...] = ()
    """What the heads and the MLP units of each layer are for; empty where that is not known."""
    margin: float | None = None
    """The least margin of all scores and thresholds, as computed: 1 is as designed, 0 an error."""

    @property
    def num_layers(self) -> int:
        """Layers of attention and MLP."""
        return len(self.transformer.layers)

    @property
    def num_heads(self) -> int:
        """Most attention heads in a layer."""
        return max((layer.heads for layer in self.transformer.layers), default=0)

    @property
    def residual_width(self) -> int:
        """Dimensions of the residual stream."""
        return self.transformer.width

    @property
    def parameters(self) -> int:
        """Number of weights, zeros included."""
        return self.transformer.parameters

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of what the residual stream holds, in the order of the slices."""
        return tuple(slot.variable for slot in self.layout.slots)

    def run(self, tokens: Sequence[Any]) -> list[Any]:
        """The program's output at each token, None where it has none.

        Raises InputError for unknown tokens and too long inputs.
        """
        return self.run_batch([tokens])[0]

    def run_batch(self, inputs: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """As :meth:`run` for inputs of any lengths together."""
        ids = torch.from_numpy(self.graph.encode(inputs))  # [B, T]
        if not ids.numel():
            return [[] for _ in inputs]
        slot = self.layout.slot(self.graph.output)
        outputs: list[list[Any]] = []
        for rows in self.transformer.batches(ids):
            outputs += read_slot(slot, self.transformer.final(rows)[:, 1:])  # [rows, T, D]
        return [row[: len(tokens)] for row, tokens in zip(outputs, inputs, strict=True)]

    def residuals(self, ids: np.ndarray) -> list[Tensor]:
        """The residual streams [B, T, D] of encoded inputs [B, T], BOS left out.

        Entry 0 is the embedding, entry i the stream after layer i.
        """
        return [stream[:, 1:] for stream in self.transformer.residuals(torch.from_numpy(ids))]

    def save(self, directory: str | Path) -> None:
        """Write the model; an older one there is replaced only when the new one is complete.

        The same model gives the same bytes. Raises InputError where the directory holds anything
        else.
        """
        from rinject.circuit.saving import save_model

        save_model(self, directory)

    @classmethod
    def load(cls, directory: str | Path) -> CompiledModel:
        """Read what :meth:`save` wrote. Raises InputError when it is missing or damaged."""
        from rinject.circuit.saving import load_model

        return load_model(directory)


def read_slot(slot: Slot, stream: Tensor) -> list[list[Any]]:
    """The values of a variable in streams [B, T, D], as rows of Python values."""
    part = stream[..., slot.start : slot.stop]  # [B, T, size]
    if slot.reading == "number" and slot.points:
        return _nearest(slot, part[..., 0])
    if slot.reading == "number":
        return [[float(value) for value in row] for row in part[..., 0].tolist()]
    if not slot.values:
        return [[None] * part.shape[1] for _ in range(part.shape[0])]
    best, place = part.max(dim=-1)  # [B, T] each
    if slot.reading == "one-hot":
        place = torch.where(best > 0.5, place, -1)
    values = (*slot.values, None)
    return [[values[index] for index in row] for row in place.tolist()]


def _nearest(slot: Slot, numbers: Tensor) -> list[list[Any]]:
    """The values whose points are nearest to numbers [B, T]."""
    points = torch.tensor([point for point, _ in slot.points], dtype=torch.float64)
    between = (points[1:] + points[:-1]) / 2
    places = torch.bucketize(numbers.double(), between)  # [B, T]
    values = (*slot.values, None)
    return [[values[slot.points[place][1]] for place in row] for row in places.tolist()]

"""The output variable as logits: what an exported model ends in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from rinject.circuit.layout import Slot
from rinject.circuit.model import CompiledModel
from rinject.errors import InputError
from rinject.graph import Aggregate
from rinject.graph.means import is_number
from rinject.graph.uniqueness import selects_itself

THRESHOLD = 0.5 + 2**-24
"""Logit of "no value", the least float32 above 1/2: the dimension of a value holds 1 or 0."""


@dataclass(frozen=True)
class Readout:
    """Logits are `stream @ weight + bias`."""

    weight: Tensor  # [D, N]
    bias: Tensor  # [N]
    values: tuple[Any, ...]
    """What the largest logit stands for, None for no value; empty where the only logit is the
    number itself."""

    @property
    def is_number(self) -> bool:
        """Whether the only logit is the number that the program computes."""
        return not self.values

    @property
    def labels(self) -> tuple[str, ...]:
        """A distinct name for each logit."""
        if self.is_number:
            return ("number",)
        labels = tuple(v if isinstance(v, str) else repr(v) for v in self.values)
        return labels if len(set(labels)) == len(labels) else tuple(map(repr, self.values))

    def decode(self, logits: Tensor) -> list[list[Any]]:
        """The values of logits [B, T, N], as rows of Python values."""
        if self.is_number:
            return [list(row) for row in logits[..., 0].tolist()]
        return [[self.values[index] for index in row] for row in logits.argmax(-1).tolist()]


def readout_of(model: CompiledModel, *, number: bool = False) -> Readout:
    """One logit for each value of the output, and one for "no value" where it can be missing.

    With `number`, one logit that is the output as a number; 0 where it has none.
    An output that the stream holds as a number, scaled to 0 to 1, is always scaled back to it.
    Raises InputError when an output that is to be a number is none.
    """
    slot = model.layout.slot(model.graph.output)
    if slot.reading == "number" and slot.points:
        return _scaled(slot, model)
    if slot.reading == "number":
        return _columns(slot, model.residual_width, [1.0])
    if number:
        return _columns(slot, model.residual_width, _numbers(slot))
    optional = slot.reading == "one-hot"
    weight = torch.zeros(model.residual_width, slot.size + optional)
    weight[slot.start : slot.stop, : slot.size] = torch.eye(slot.size)
    bias = torch.zeros(weight.shape[1])
    if optional:
        bias[-1] = THRESHOLD
    return Readout(weight, bias, (*slot.values, None) if optional else slot.values)


def _scaled(slot: Slot, model: CompiledModel) -> Readout:
    """The mean from its place between 0 and 1."""
    node = model.graph.output_node
    may_be_default = isinstance(node, Aggregate) and not selects_itself(node.selector)
    if may_be_default:
        raise InputError(
            f"the output `{slot.variable}` is a mean of very many values, or of no position",
            hint="compile for a shorter input: up to 256 values it is one-hot, and can be exported",
        )
    inside = [(point, float(node.values[place])) for point, place in slot.points if point <= 1]
    (low, first), (high, last) = inside[0], inside[-1]
    scale = (last - first) / (high - low) if high > low else 1.0
    found = _columns(slot, model.residual_width, [scale])
    return replace(found, bias=torch.tensor([first - low * scale]))


def _columns(slot: Slot, width: int, numbers: list[float]) -> Readout:
    weight = torch.zeros(width, 1)
    weight[slot.start : slot.stop, 0] = torch.tensor(numbers)
    return Readout(weight, torch.zeros(1), ())


def _numbers(slot: Slot) -> list[float]:
    values: tuple[Any, ...] = slot.values
    for value in values:
        if not is_number(value):
            raise InputError(
                f"the output `{slot.variable}` is not always a number: it can be {value!r}",
                hint="export its values instead, without --number",
            )
    return [float(value) for value in values]

"""A layer's weights as plain matrices, heads side by side, all layers of one shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rinject.circuit.transformer import Layer, Transformer


@dataclass(frozen=True)
class Shape:
    """What all layers of a standard architecture share."""

    width: int
    """D, of the residual stream."""
    heads: int
    """H, of every layer."""
    head_width: int
    """E, of queries, keys and values alike."""
    units: int
    """F, hidden units of an MLP."""

    @classmethod
    def least(cls, transformer: Transformer) -> Shape:
        """The smallest that every layer fits into; nothing is 0."""
        layers = transformer.layers
        widths = [layer.query.shape[2] for layer in layers]
        widths += [layer.value.shape[2] for layer in layers]
        return cls(
            width=transformer.width,
            heads=max([1, *(layer.heads for layer in layers)]),
            head_width=max([1, *widths]),
            units=max([1, *(layer.hidden.shape[1] for layer in layers)]),
        )


@dataclass(frozen=True)
class Matrices:
    """A layer; what it lacks in heads, width or units is zero. Vectors are rows: x @ W + b."""

    query: Tensor  # [D, H * E]
    query_bias: Tensor  # [H * E]
    key: Tensor  # [D, H * E]
    key_bias: Tensor  # [H * E]
    value: Tensor  # [D, H * E]
    value_bias: Tensor  # [H * E]
    output: Tensor  # [H * E, D]
    output_bias: Tensor  # [D]
    hidden: Tensor  # [D, F]
    hidden_bias: Tensor  # [F]
    mlp_output: Tensor  # [F, D]
    mlp_output_bias: Tensor  # [D]


def matrices(layer: Layer, shape: Shape) -> Matrices:
    """The weights of a layer in a shape that it fits into."""
    heads, size, width, units = shape.heads, shape.head_width, shape.width, shape.units

    def reading(weight: Tensor) -> Tensor:
        return padded(weight.permute(1, 0, 2), width, heads, size).reshape(width, -1)

    def of_heads(bias: Tensor) -> Tensor:
        return padded(bias, heads, size).reshape(-1)

    return Matrices(
        query=reading(layer.query),
        query_bias=of_heads(layer.query_bias),
        key=reading(layer.key),
        key_bias=of_heads(layer.key_bias),
        value=reading(layer.value),
        value_bias=of_heads(layer.value_bias),
        output=padded(layer.output, heads, size, width).reshape(-1, width),
        output_bias=padded(layer.output_bias, width),
        hidden=padded(layer.hidden, width, units),
        hidden_bias=padded(layer.hidden_bias, units),
        mlp_output=padded(layer.mlp_output, units, width),
        mlp_output_bias=padded(layer.mlp_output_bias, width),
    )


def idle_layer(width: int) -> Layer:
    """A layer without heads and units, for architectures that need one."""
    nothing = {
        "query": (0, width, 0),
        "query_bias": (0, 0),
        "key": (0, width, 0),
        "key_bias": (0, 0),
        "value": (0, width, 0),
        "value_bias": (0, 0),
        "output": (0, 0, width),
        "output_bias": (width,),
        "hidden": (width, 0),
        "hidden_bias": (0,),
        "mlp_output": (0, width),
        "mlp_output_bias": (width,),
    }
    return Layer(**{name: torch.zeros(sizes) for name, sizes in nothing.items()})


def padded(tensor: Tensor, *sizes: int) -> Tensor:
    """The tensor in a corner of zeros."""
    zeros = torch.zeros(sizes)
    zeros[tuple(slice(size) for size in tensor.shape)] = tensor
    return zeros

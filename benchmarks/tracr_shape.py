"""A dense model of the size that tracr gives a program, where only its speed counts.

tracr takes minutes to compile the paper's programs; a product of matrices takes as long whatever
they hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from benchmarks.straightforward_step import DenseTransformer


@dataclass(frozen=True)
class TracrShape:
    """The configuration of a model that tracr compiled: all layers are alike."""

    layers: int
    width: int
    heads: int
    key_size: int
    hidden: int


SHUFFLE_DYCK = TracrShape(layers=7, width=684, heads=6, key_size=83, hidden=6805)
"""The paper's program for 40 positions, `benchmarks.paper_programs.shuffle_dyck`: the one shape of
seven layers, 684 wide, that has as many weights as tracr's model in `compiler.json`."""


def stand_in(shape: TracrShape, symbols: int, positions: int) -> DenseTransformer:
    """A causal model of that size for so many symbols and positions, its weights random."""
    heads, width, key, hidden = shape.heads, shape.width, shape.key_size, shape.hidden
    sizes: dict[str, tuple[int, ...]] = {
        "query": (heads, width, key), "query_bias": (heads, key),
        "key": (heads, width, key), "key_bias": (heads, key),
        "value": (heads, width, key), "value_bias": (heads, key),
        "output": (heads, key, width), "output_bias": (width,),
        "hidden": (width, hidden), "hidden_bias": (hidden,),
        "mlp_output": (hidden, width), "mlp_output_bias": (width,),
    }  # fmt: skip
    names = {
        f"layers.{layer}.{name}": size
        for layer in range(shape.layers)
        for name, size in sizes.items()
    }
    names |= {
        "token_embedding": (symbols + 1, width),
        "position_embedding": (positions + 1, width),
    }
    chance = torch.Generator().manual_seed(0)
    weights = {name: 0.01 * torch.randn(size, generator=chance) for name, size in names.items()}
    return DenseTransformer(weights, shape.layers, causal=True)

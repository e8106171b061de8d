"""Compiled models to export, inputs for them, and what they should yield."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor
from tracr.rasp import rasp

from rinject.circuit import CompiledModel, Layer, Transformer
from rinject.compiler import compile_program
from rinject.lang import load_program

BRACKETS = """
starts = selector_width(select(tokens, "(", ==));
ends = selector_width(select(tokens, ")", ==));
depth = starts - ends;
unmatched = selector_width(select(depth, 0, <));
balanced = depth == 0 and unmatched == 0;
"""
MEANS = "mean = aggregate(select(indices, indices, <=), 1 if tokens == 2 else 0);"
CLASSES = 'kind = "vowel" if tokens == "a" else "other";'


def _brackets() -> CompiledModel:
    return compile_program(load_program(text=BRACKETS), vocab=["(", ")", "x"], max_seq_len=7)


def _full_brackets() -> CompiledModel:
    program = load_program(text=BRACKETS)
    return compile_program(program, vocab=["(", ")"], max_seq_len=6, causal=False)


def _means() -> CompiledModel:
    return compile_program(load_program(text=MEANS), vocab=[1, 2, 3], max_seq_len=6)


def _full_means() -> CompiledModel:
    program = load_program(text=MEANS)
    return compile_program(program, vocab=[1, 2, 3], max_seq_len=6, causal=False)


def _missing() -> CompiledModel:
    """The token before: at the first position there is none."""
    before = rasp.Select(rasp.indices, rasp.indices, lambda key, query: key == query - 1)
    shifted = rasp.Aggregate(before, rasp.tokens, default=None).named("shifted")
    return compile_program(shifted, vocab=[*"abc"], max_seq_len=5, causal=False)


def _no_layers() -> CompiledModel:
    return compile_program(load_program(text=CLASSES), vocab=["a", "b", "ab"], max_seq_len=3)


def _tracr() -> CompiledModel:
    """The share of "a" so far, by tracr's compiler: a number in the stream."""
    is_a = rasp.numerical(rasp.Map(lambda token: float(token == "a"), rasp.tokens)).named("is_a")
    so_far = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.LEQ)
    share = rasp.numerical(rasp.Aggregate(so_far, is_a, default=0)).named("share")
    return compile_program(share, vocab=["a", "b"], max_seq_len=4, backend="tracr")


@cache
def _model(make: Callable[[], CompiledModel]) -> CompiledModel:
    return make()


@dataclass(frozen=True)
class Sample:
    """A compiled model by name; compiled when first asked for."""

    name: str
    make: Callable[[], CompiledModel]

    @property
    def model(self) -> CompiledModel:
        return _model(self.make)

    def __str__(self) -> str:
        return self.name


SAMPLES = [
    Sample("causal classes", _brackets),
    Sample("full classes", _full_brackets),
    Sample("causal means", _means),
    Sample("full means", _full_means),
    Sample("no value", _missing),
    Sample("no layers", _no_layers),
    Sample("tracr", _tracr),
]
MEAN_SAMPLES = [sample for sample in SAMPLES if "means" in sample.name]


@dataclass(frozen=True)
class Batch:
    """Inputs of different lengths, and our own model's answers."""

    model: CompiledModel
    inputs: list[list[Any]]
    ids: Tensor  # [B, 1 + T], BOS in front, PAD on the right
    mask: Tensor  # [B, 1 + T], 0 at PAD
    streams: list[Tensor]  # [B, 1 + T, D] each

    @property
    def is_number(self) -> bool:
        """Whether the output is one dimension, not one for each value."""
        return self.model.layout.slot(self.model.graph.output).reading == "number"

    def assert_same_streams(self, streams: Sequence[Tensor], tolerance: float = 1e-5) -> None:
        """Equal at every layer and position, BOS included, PAD left out."""
        width, seen = self.model.residual_width, self.mask.bool()
        for theirs, ours in zip(streams, self.streams, strict=True):
            found, expected = theirs[..., :width][seen], ours[seen]
            torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)

    def assert_same_outputs(self, rows: Sequence[Sequence[Any]]) -> None:
        """Equal values at every token; rows may go on over PAD."""
        expected = self.model.run_batch(self.inputs)
        for row, values in zip(rows, expected, strict=True):
            found = [*row[: len(values)]]
            assert found == (pytest.approx(values, abs=1e-5) if self.is_number else values)

    def assert_same_numbers(self, logits: Tensor) -> None:
        """The one logit [B, 1 + T, 1] is the number that the program computes."""
        expected = self.model.run_batch(self.inputs)
        for row, numbers in zip(logits[:, 1:, 0], expected, strict=True):
            torch.testing.assert_close(
                row[: len(numbers)], torch.tensor(numbers, dtype=torch.float32)
            )


def batch_of(model: CompiledModel, count: int = 24) -> Batch:
    """Random inputs of all lengths."""
    rng = random.Random(0)
    vocab, longest = model.graph.vocab, model.graph.max_seq_len
    inputs = [rng.choices(vocab, k=1 + index % longest) for index in range(count)]
    encoded = torch.from_numpy(model.graph.encode(inputs))  # [B, T]
    bos = model.transformer.bos
    front = torch.full((count, 1), bos)
    ids = torch.cat([front, encoded.masked_fill(encoded < 0, bos + 1)], dim=1)
    mask = (ids <= bos).long()
    return Batch(model, inputs, ids, mask, model.transformer.residuals(encoded))


def random_model(seed: int, *, causal: bool) -> CompiledModel:
    """A model whose weights mean nothing: heads, widths and units differ from layer to layer."""
    drawn = torch.Generator().manual_seed(seed)
    model = _brackets() if causal else _full_brackets()
    old = model.transformer
    width = old.width

    def random(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=drawn) / max(sizes[-1], 1) ** 0.5

    def layer(heads: int, keys: int, values: int, units: int) -> Layer:
        return Layer(
            query=random(heads, width, keys),
            query_bias=random(heads, keys),
            key=random(heads, width, keys),
            key_bias=random(heads, keys),
            value=random(heads, width, values),
            value_bias=random(heads, values),
            output=random(heads, values, width),
            output_bias=torch.zeros(width) if heads == 0 else random(width),
            hidden=random(width, units),
            hidden_bias=random(units),
            mlp_output=random(units, width),
            mlp_output_bias=random(width),
        )

    transformer = Transformer(
        random(*old.token_embedding.shape),
        random(*old.position_embedding.shape),
        (layer(2, 3, 5, 4), layer(0, 0, 0, 7), layer(3, 6, 1, 0)),
        causal,
    )
    return replace(model, transformer=transformer)

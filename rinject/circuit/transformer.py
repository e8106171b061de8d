"""The compiled transformer: ReLU MLPs, softmax attention, no norms, in float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Tensor

MASKED = -1e9
"""Attention score of what may not be seen: e^-1e9 is exactly 0 in float32."""


NUMBERS_AT_ONCE = 8_000_000
"""Most activations of one kind that a batch may have at a time; 32 MB."""


@dataclass(frozen=True)
class Layer:
    """Weights of one layer: H heads of key width E and value width V, an MLP of F units."""

    query: Tensor  # [H, D, E]
    query_bias: Tensor  # [H, E]
    key: Tensor  # [H, D, E]
    key_bias: Tensor  # [H, E]
    value: Tensor  # [H, D, V]
    value_bias: Tensor  # [H, V]
    output: Tensor  # [H, V, D]
    output_bias: Tensor  # [D]
    hidden: Tensor  # [D, F]
    hidden_bias: Tensor  # [F]
    mlp_output: Tensor  # [F, D]
    mlp_output_bias: Tensor  # [D]

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        return self.query.shape[0]

    @cached_property
    def used(self) -> Used:
        """What there is to compute, without zeros for dimensions that the layer leaves alone."""
        reads = ((self.query != 0) | (self.key != 0)).any(dim=2).any(dim=0)  # [D]
        reads |= (self.value != 0).any(dim=2).any(dim=0)
        writes = (self.output != 0).any(dim=1).any(dim=0) | (self.output_bias != 0)  # [D]
        hidden_reads = (self.hidden != 0).any(dim=1)  # [D]
        hidden_writes = (self.mlp_output != 0).any(dim=0) | (self.mlp_output_bias != 0)  # [D]
        fst, snd, third, fourth = (
            mask.nonzero().flatten() for mask in (reads, writes, hidden_reads, hidden_writes)
        )
        return Used(
            heads_read=fst,
            query=self.query[:, fst],
            key=self.key[:, fst],
            value=self.value[:, fst],
            heads_write=snd,
            output=self.output[:, :, snd],
            output_bias=self.output_bias[snd],
            mlp_reads=third,
            hidden=self.hidden[third],
            mlp_writes=fourth,
            mlp_output=self.mlp_output[:, fourth],
            mlp_output_bias=self.mlp_output_bias[fourth],
        )


@dataclass(frozen=True)
class Used:
    """The weights of a layer between the dimensions of the stream that it reads and writes."""

    heads_read: Tensor  # [R]
    query: Tensor  # [H, R, E]
    key: Tensor  # [H, R, E]
    value: Tensor  # [H, R, V]
    heads_write: Tensor  # [W]
    output: Tensor  # [H, V, W]
    output_bias: Tensor  # [W]
    mlp_reads: Tensor  # [R']
    hidden: Tensor  # [R', F]
    mlp_writes: Tensor  # [W']
    mlp_output: Tensor  # [F, W']
    mlp_output_bias: Tensor  # [W']


@dataclass(frozen=True)
class Transformer:
    """Token id V (one past the vocabulary) is BOS; it stands at position 0 of every input."""

    token_embedding: Tensor  # [vocabulary + 1, D]
    position_embedding: Tensor  # [longest + 1, D]
    layers: tuple[Layer, ...]
    causal: bool

    @property
    def bos(self) -> int:
        """The id of BOS."""
        return self.token_embedding.shape[0] - 1

    @property
    def width(self) -> int:
        """D, of the residual stream."""
        return self.token_embedding.shape[1]

    @property
    def parameters(self) -> int:
        """Number of weights, zeros included."""
        return sum(tensor.numel() for _, tensor in self.named_tensors())

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """All weights by name."""
        yield "token_embedding", self.token_embedding
        yield "position_embedding", self.position_embedding
        for index, layer in enumerate(self.layers):
            for entry in fields(layer):
                yield f"layers.{index}.{entry.name}", getattr(layer, entry.name)

    def to(self, dtype: torch.dtype) -> Transformer:
        """The same weights in another precision; exact is float32 only (docs/exactness.md)."""
        layers = tuple(
            Layer(**{entry.name: getattr(layer, entry.name).to(dtype) for entry in fields(Layer)})
            for layer in self.layers
        )
        tokens, positions = self.token_embedding.to(dtype), self.position_embedding.to(dtype)
        return Transformer(tokens, positions, layers, self.causal)

    @torch.no_grad()
    def residuals(self, ids: Tensor) -> list[Tensor]:
        """The residual stream [B, T + 1, D] at the embedding and after each layer.

        `ids` [B, T] holds vocabulary indices, PAD = -1 on the right; BOS is put in front here.
        """
        return list(self._streams(ids))

    @torch.no_grad()
    def final(self, ids: Tensor) -> Tensor:
        """The last of the residual streams; the others are not kept."""
        for stream in self._streams(ids):
            last = stream
        return last

    def batches(self, ids: Tensor) -> tuple[Tensor, ...]:
        """Rows of `ids` [B, T], so many at a time that no activations take much memory."""
        hidden = max((layer.hidden.shape[1] for layer in self.layers), default=0)
        heads = max((layer.heads for layer in self.layers), default=0)
        widest = max(self.width, hidden, heads * ids.shape[1])
        return ids.split(max(1, NUMBERS_AT_ONCE // ((ids.shape[1] + 1) * widest)))

    def _streams(self, ids: Tensor) -> Iterator[Tensor]:
        ids = self.with_bos(ids)  # [B, T + 1]
        mask = self.mask(ids)
        stream = self.token_embedding[ids.clamp(min=0)]  # [B, T + 1, D]
        stream = stream + self.position_embedding[: ids.shape[1]]
        yield stream
        for layer in self.layers:
            stream = stream + attend(layer, stream, mask)
            stream = stream + transform(layer, stream)
            yield stream

    def with_bos(self, ids: Tensor) -> Tensor:
        """Ids [B, T + 1] with BOS in front."""
        return torch.nn.functional.pad(ids, (1, 0), value=self.bos)

    def mask(self, ids: Tensor) -> Tensor:
        """What is added to scores [B, H, queries, keys], for ids [B, T + 1] with BOS."""
        visible = (ids >= 0)[:, None, :]  # [B, 1, keys]
        if self.causal:
            visible = visible & torch.ones(ids.shape[1], ids.shape[1]).tril().bool()
        mask = torch.where(visible, 0.0, MASKED)[:, None]  # [B, 1, queries or 1, keys]
        return mask.to(self.token_embedding.dtype)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], *, layers: int, causal: bool) -> Transformer:
        """The transformer whose weights :meth:`named_tensors` listed."""
        names = [entry.name for entry in fields(Layer)]
        built = (
            Layer(**{name: tensors[f"layers.{index}.{name}"] for name in names})
            for index in range(layers)
        )
        embeddings = tensors["token_embedding"], tensors["position_embedding"]
        return cls(*embeddings, tuple(built), causal)


def scores(layer: Layer, stream: Tensor) -> Tensor:
    """Unscaled attention scores [B, H, queries, keys] of a stream [B, T, D], without a mask."""
    used = layer.used
    read = stream[..., used.heads_read]  # [B, T, R]
    queries = torch.einsum("btr,hre->bhte", read, used.query) + layer.query_bias[:, None]
    keys = torch.einsum("btr,hre->bhte", read, used.key) + layer.key_bias[:, None]
    return queries @ keys.mT


def attend(layer: Layer, stream: Tensor, mask: Tensor) -> Tensor:
    """What the heads of a layer add to the stream [B, T, D]."""
    if not layer.heads:
        return torch.zeros_like(stream)
    used = layer.used
    read = stream[..., used.heads_read]  # [B, T, R]
    values = torch.einsum("btr,hrv->bhtv", read, used.value) + layer.value_bias[:, None]
    pattern = torch.softmax(scores(layer, stream) + mask, dim=-1)  # [B, H, queries, keys]
    written = torch.einsum("bhtv,hvw->btw", pattern @ values, used.output) + used.output_bias
    return _spread(written, used.heads_write, stream)


def activations(layer: Layer, stream: Tensor) -> Tensor:
    """What the hidden units [B, T, F] of a layer's MLP get from a stream [B, T, D], before ReLU."""
    return stream[..., layer.used.mlp_reads] @ layer.used.hidden + layer.hidden_bias


def transform(layer: Layer, stream: Tensor) -> Tensor:
    """What the MLP of a layer adds to the stream [B, T, D]."""
    used = layer.used
    written = torch.relu(activations(layer, stream)) @ used.mlp_output + used.mlp_output_bias
    return _spread(written, used.mlp_writes, stream)


def _spread(written: Tensor, dimensions: Tensor, stream: Tensor) -> Tensor:
    """What goes to some dimensions [B, T, W] as an addition to the whole stream [B, T, D]."""
    return torch.zeros_like(stream).index_copy(-1, dimensions, written)

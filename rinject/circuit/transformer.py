"""The compiled transformer: ReLU MLPs, softmax attention, no norms, in float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

MASKED = -1e9
"""Attention score of what may not be seen: e^-1e9 is exactly 0 in float32."""


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
        ids = self.with_bos(ids)  # [B, T + 1]
        mask = self.mask(ids)
        stream = self.token_embedding[ids.clamp(min=0)]  # [B, T + 1, D]
        stream = stream + self.position_embedding[: ids.shape[1]]
        streams = [stream]
        for layer in self.layers:
            stream = stream + attend(layer, stream, mask)
            stream = stream + transform(layer, stream)
            streams.append(stream)
        return streams

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
    queries = torch.einsum("btd,hde->bhte", stream, layer.query) + layer.query_bias[:, None]
    keys = torch.einsum("btd,hde->bhte", stream, layer.key) + layer.key_bias[:, None]
    return queries @ keys.mT


def attend(layer: Layer, stream: Tensor, mask: Tensor) -> Tensor:
    """What the heads of a layer add to the stream [B, T, D]."""
    if not layer.heads:
        return torch.zeros_like(stream)
    values = torch.einsum("btd,hdv->bhtv", stream, layer.value) + layer.value_bias[:, None]
    pattern = torch.softmax(scores(layer, stream) + mask, dim=-1)  # [B, H, queries, keys]
    return torch.einsum("bhtv,hvd->btd", pattern @ values, layer.output) + layer.output_bias


def activations(layer: Layer, stream: Tensor) -> Tensor:
    """What the hidden units [B, T, F] of a layer's MLP get from a stream [B, T, D], before ReLU."""
    return stream @ layer.hidden + layer.hidden_bias


def transform(layer: Layer, stream: Tensor) -> Tensor:
    """What the MLP of a layer adds to the stream [B, T, D]."""
    return torch.relu(activations(layer, stream)) @ layer.mlp_output + layer.mlp_output_bias

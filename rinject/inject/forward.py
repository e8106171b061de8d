"""One forward pass of a student that yields logits and streams only where they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rinject.student import capture_streams


@contextmanager
def logits_at(model: PreTrainedModel, places: Tensor) -> Iterator[None]:
    """Within the block, the model's logits are [1, M, vocabulary]: those of M flat positions.

    `places` [M] index the positions of the batch, row after row. The states are picked on their
    way into the output embeddings, so whatever a model does to its logits after that still holds.
    """

    def pick(_head: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (flat(args[0]).index_select(0, places)[None], *args[1:])

    handle = model.get_output_embeddings().register_forward_pre_hook(pick)
    try:
        yield
    finally:
        handle.remove()


def logits_and_streams(
    model: PreTrainedModel,
    ids: Tensor,
    *,
    logits_for: Tensor,
    streams_for: Tensor,
    layers: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """Logits [M, vocabulary] and streams [L, N, D] at flat positions of `ids` [B, T].

    Rows are filled up on the right: under causal attention that needs no mask.
    """
    with capture_streams(model, layers) as captured, logits_at(model, logits_for):
        logits = model(input_ids=ids, use_cache=False).logits[0]  # [M, vocabulary]
    streams = [flat(captured[layer]).index_select(0, streams_for) for layer in layers]
    return logits, torch.stack(streams)


def flat(hidden: Tensor) -> Tensor:
    """[B, T, D] as [B * T, D]."""
    return hidden.reshape(-1, hidden.shape[-1])

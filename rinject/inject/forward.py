"""Forward passes of a student that yield logits only where they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel


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


def flat(hidden: Tensor) -> Tensor:
    """[B, T, D] as [B * T, D]."""
    return hidden.reshape(-1, hidden.shape[-1])

"""A student's forward pass in two parts: up to one of its layers, and on from there.

What is done to a stream changes nothing before it, so many interventions on one layer share the
first part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rinject.graph.tables import NONE
from rinject.inject.forward import logits_at
from rinject.inject.rows import Rows
from rinject.student.surgery import blocks, residual_streams, rewrite_stream

TOKENS_AT_ONCE = 4096


@dataclass(frozen=True)
class Predictions:
    """What the student makes of rows [B, T]; places where no answer token is due hold -1 and 0."""

    likeliest: np.ndarray
    """int64 [B, T]: the likeliest next token."""
    losses: np.ndarray
    """float32 [B, T]: the cross-entropy of the row's next token, in nats."""


@torch.no_grad()
def stream_after(model: PreTrainedModel, rows: Rows, layer: int) -> Tensor:
    """float32 [B, T, D]: the student's stream after a layer, zero at fillers beyond a batch."""
    with _passing_over(model, _outputs(model), slice(layer, None)):
        parts = [
            (places, residual_streams(model, _ids(model, batch), layers=[layer])[layer].float())
            for places, batch in _batches(rows)
        ]
    stream = parts[0][1].new_zeros(*rows.ids.shape, parts[0][1].shape[-1])  # [B, T, D]
    for places, part in parts:
        stream[torch.from_numpy(places).to(stream.device), : part.shape[1]] = part
    return stream


@torch.no_grad()
def predict(model: PreTrainedModel, rows: Rows, layer: int, stream: Tensor) -> Predictions:
    """What the student predicts where an answer token is due, the stream after a layer given.

    `stream` [B, T, D] is that of :func:`stream_after`, or what an intervention made of it.
    """
    likeliest = np.full(rows.ids.shape, NONE, dtype=np.int64)
    losses = np.zeros(rows.ids.shape, dtype=np.float32)
    outputs = _outputs(model)
    for places, batch in _batches(rows):
        part = stream[torch.from_numpy(places).to(stream.device), : batch.ids.shape[1]]
        inside, at = np.nonzero(batch.before_answer())  # [M] each
        with _continued(model, outputs, layer, part):
            logits = _answer_logits(model, batch)  # [M, vocabulary]
        due = torch.from_numpy(batch.answers()).to(logits.device)  # [M]
        likeliest[places[inside], at] = logits.argmax(dim=-1).cpu().numpy()
        loss = nn.functional.cross_entropy(logits, due, reduction="none")
        losses[places[inside], at] = loss.cpu().numpy()
    return Predictions(likeliest, losses)


def _batches(rows: Rows) -> list[tuple[np.ndarray, Rows]]:
    return rows.by_length(max(1, TOKENS_AT_ONCE // rows.ids.shape[1]))


@contextmanager
def continued(model: PreTrainedModel, layer: int, stream: Tensor) -> Iterator[None]:
    """Within the block a forward pass begins after `layer`, with `stream` [B, T, D] there.

    The blocks before it are passed over. Raises InputError where there is no such layer.
    """
    with _continued(model, _outputs(model), layer, stream):
        yield


def _answer_logits(model: PreTrainedModel, rows: Rows) -> Tensor:
    """float32 [M, vocabulary]: the logits where an answer token is due."""
    places = torch.from_numpy(np.flatnonzero(rows.before_answer())).to(model.device)  # [M]
    with logits_at(model, places):
        logits: Tensor = model(input_ids=_ids(model, rows), use_cache=False).logits[0]
    return logits.float()


def _ids(model: PreTrainedModel, rows: Rows) -> Tensor:
    return torch.from_numpy(rows.ids).to(model.device)


# --- passing over blocks --------------------------------------------------------------------------


@contextmanager
def _continued(
    model: PreTrainedModel, outputs: Sequence[Any], layer: int, stream: Tensor
) -> Iterator[None]:
    given = rewrite_stream(model, layer, lambda old: stream.to(old.dtype))
    with given, _passing_over(model, outputs, slice(layer)):
        yield


@contextmanager
def _passing_over(model: PreTrainedModel, outputs: Sequence[Any], which: slice) -> Iterator[None]:
    with ExitStack() as changed:
        for block, output in zip(blocks(model)[which], outputs[which], strict=True):
            changed.enter_context(_passed_over(block, output))
        yield


@contextmanager
def _passed_over(block: nn.Module, output: Any) -> Iterator[None]:
    """Within the block, a decoder block hands on the stream that it is given.

    It does so as it gave its `output`: bare, or first of several things.
    """
    had_its_own, before = "forward" in vars(block), block.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        stream = args[0] if args else kwargs["hidden_states"]
        return stream if isinstance(output, Tensor) else (stream, *output[1:])

    vars(block)["forward"] = forward
    try:
        yield
    finally:
        if had_its_own:
            vars(block)["forward"] = before
        else:
            del vars(block)["forward"]


def _outputs(model: PreTrainedModel) -> list[Any]:
    """What each decoder block returns for one token."""
    found: list[Any] = []
    with ExitStack() as hooks:
        for block in blocks(model):
            hook = block.register_forward_hook(lambda _block, _args, out: found.append(out))
            hooks.callback(hook.remove)
        model.base_model(input_ids=torch.zeros(1, 1, dtype=torch.long, device=model.device))
    return found

"""Token perplexity on ordinary text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.inject.batches import text_ids
from rinject.inject.positions import most_positions
from rinject.tokens import Reconciliation

WINDOW = 256
LOGITS_AT_ONCE = 16_000_000


@dataclass(frozen=True)
class PerplexityReport:
    """exp of the mean negative log-likelihood of all tokens."""

    perplexity: float
    tokens: int
    """Tokens predicted."""
    window: int
    """Tokens that the model sees at once, at most."""


def perplexity(
    model: PreTrainedModel, reconciliation: Reconciliation, texts: Sequence[str]
) -> PerplexityReport:
    """The perplexity of a model on texts, as the reconciled tokenizer splits them.

    Two models are comparable on the same reconciliation only, since both then predict the same
    tokens. Raises InputError without text.
    """
    return perplexity_of_ids(model, text_ids(texts, reconciliation))


def perplexity_of_ids(
    model: PreTrainedModel, ids: np.ndarray, *, window: int = WINDOW
) -> PerplexityReport:
    """The same on one row of ids [K]."""
    found = window_losses(model, ids, window=window)
    tokens = int(found.tokens.sum())
    return PerplexityReport(math.exp(found.losses.sum() / tokens), tokens, found.window)


@dataclass(frozen=True)
class WindowLosses:
    """What text costs a model, in windows side by side: each token but the first is predicted."""

    losses: np.ndarray
    """float64 [W]: the summed negative log-likelihood of each window."""
    tokens: np.ndarray
    """int64 [W]: the tokens predicted in each; as many in all but the last."""
    window: int
    """Tokens that the model sees at once, at most."""


def window_losses(model: PreTrainedModel, ids: np.ndarray, *, window: int = WINDOW) -> WindowLosses:
    """The losses on one row of ids [K]. Raises InputError where nothing can be predicted."""
    if len(ids) < 2:
        raise InputError("there is no text to measure perplexity on")
    config = model.config.get_text_config(decoder=True)
    window = min(window, most_positions(model) or window)
    at_once = max(1, LOGITS_AT_ONCE // (window * config.vocab_size))
    row = torch.from_numpy(ids)
    whole = (len(row) - 1) // window * window
    inputs = [*row[:whole].view(-1, window).split(at_once), row[None, whole:-1]]
    following = [*row[1 : whole + 1].view(-1, window).split(at_once), row[None, whole + 1 :]]
    pairs = [(x, y) for x, y in zip(inputs, following, strict=True) if x.numel()]
    tokens = [np.full(len(x), x.shape[1], dtype=np.int64) for x, _ in pairs]
    losses = [_losses(model, x, y) for x, y in pairs]
    return WindowLosses(np.concatenate(losses), np.concatenate(tokens), window)


@torch.no_grad()
def _losses(model: PreTrainedModel, inputs: Tensor, following: Tensor) -> np.ndarray:
    """float64 [B]: each row's summed negative log-likelihood of the tokens [B, T] that follow its
    input tokens [B, T]."""
    logits = model(input_ids=inputs.to(model.device), use_cache=False).logits  # [B, T, vocabulary]
    flat = logits.flatten(0, 1).float()
    loss = functional.cross_entropy(flat, following.to(model.device).flatten(), reduction="none")
    return loss.view(following.shape).double().sum(dim=1).cpu().numpy()

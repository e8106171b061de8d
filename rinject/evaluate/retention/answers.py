"""How likely given answers are, with logits only where an answer is predicted.

Rows of a few-shot prompt begin alike: what they share is read once, and its keys and values are
kept for all of them.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerFast

from rinject.inject.forward import logits_at
from rinject.inject.rows import Rows, encode_all, rows_of

ROWS_AT_ONCE = 64
LEAST_SHARED = 16  # tokens; fewer are not worth a cache


@dataclass(frozen=True)
class AnswerScores:
    """For each row, what the model makes of its answer."""

    losses: np.ndarray
    """float64 [B]: the negative log-likelihood of the whole answer."""
    right: np.ndarray
    """bool [B]: whether each of its tokens is the likeliest, which is what greedy decoding needs to
    write it."""
    last_right: np.ndarray
    """bool [B]: whether its last token is, after all before it."""


def continued_rows(
    tokenizer: PreTrainedTokenizerFast, prompts: list[str], answers: list[str]
) -> Rows:
    """Rows of prompts, each with the text that continues it.

    The whole is tokenized and the answer is what comes after the prompt's own tokens, since some
    tokenizers begin every text with a blank; where the two melt together they are tokenized apart.
    """
    starts = encode_all(tokenizer, prompts)
    wholes = encode_all(tokenizer, [p + a for p, a in zip(prompts, answers, strict=True)])
    apart = encode_all(tokenizer, answers)
    ends = [
        whole[len(start) :] if whole[: len(start)] == start and len(whole) > len(start) else alone
        for start, whole, alone in zip(starts, wholes, apart, strict=True)
    ]
    return rows_of(starts, ends)


@torch.no_grad()
def score_answers(model: PreTrainedModel, rows: Rows) -> AnswerScores:
    """The scores of all rows; each has a prompt and an answer of at least one token."""
    losses = np.zeros(len(rows))
    right, last_right = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    prefix = _shared_prefix(model, rows)
    for places, batch in rows.by_length(ROWS_AT_ONCE):
        token_losses, hits = _scored(model, batch, prefix)  # [M], [M]
        sizes = batch.lengths - batch.prompt_lengths
        starts = np.concatenate([[0], sizes.cumsum()[:-1]])
        losses[places] = np.add.reduceat(token_losses, starts)
        right[places] = np.logical_and.reduceat(hits, starts)
        last_right[places] = hits[starts + sizes - 1]
    return AnswerScores(losses, right, last_right)


def _scored(
    model: PreTrainedModel, rows: Rows, prefix: DynamicCache | None
) -> tuple[np.ndarray, np.ndarray]:
    """The loss of each answer token, float64 [M], and whether it is the likeliest, bool [M]."""
    known = 0 if prefix is None else prefix.get_seq_length()
    asked = rows.before_answer()[:, known:]  # [B, T]
    device = model.device
    places = torch.from_numpy(np.flatnonzero(asked)).to(device)  # [M]
    ids = torch.from_numpy(rows.ids[:, known:]).to(device)  # [B, T]
    answers = torch.from_numpy(rows.answers()).to(device)  # [M]
    with logits_at(model, places):
        logits = _logits(model, ids, prefix)[0].float()  # [M, vocabulary]
    losses = functional.cross_entropy(logits, answers, reduction="none")
    return losses.double().cpu().numpy(), (logits.argmax(dim=-1) == answers).cpu().numpy()


def _logits(model: PreTrainedModel, ids: Tensor, prefix: DynamicCache | None) -> Tensor:
    if prefix is None:
        return model(input_ids=ids, use_cache=False).logits
    cache = deepcopy(prefix)  # the forward pass adds to it
    cache.batch_repeat_interleave(len(ids))
    return model(input_ids=ids, past_key_values=cache, use_cache=True).logits


def _shared_prefix(model: PreTrainedModel, rows: Rows) -> DynamicCache | None:
    """Keys and values of the tokens that all prompts begin with; None where that does not pay, or
    the model keeps something else."""
    if len(rows) < 2:
        return None
    alike = (rows.ids == rows.ids[:1]).all(axis=0)  # [T]
    known = min(int(alike.cumprod().sum()), int(rows.prompt_lengths.min()) - 1)
    if known < LEAST_SHARED:
        return None
    ids = torch.from_numpy(rows.ids[:1, :known]).to(model.device)
    kept = getattr(model.base_model(input_ids=ids, use_cache=True), "past_key_values", None)
    return kept if type(kept) is DynamicCache and kept.get_seq_length() == known else None

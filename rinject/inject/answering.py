"""Whether a student answers as it should."""

from __future__ import annotations

import numpy as np
import torch
from transformers import PreTrainedModel

from rinject.inject.forward import logits_at
from rinject.inject.rows import Rows

ROWS_AT_ONCE = 50
"""Rows that a student reads together where nothing is trained."""


@torch.no_grad()
def right_answers(model: PreTrainedModel, rows: Rows) -> np.ndarray:
    """bool [B]: the rows whose every answer token greedy decoding reproduces.

    Greedy decoding writes the whole answer if and only if each of its tokens is the likeliest one
    after the prompt and the answer's tokens before it; so one forward pass over prompt and answer
    decides, and nothing has to be generated.
    """
    right = np.zeros(len(rows), dtype=bool)
    for places, batch in rows.by_length(ROWS_AT_ONCE):
        right[places] = _right(model, batch)
    return right


def _right(model: PreTrainedModel, rows: Rows) -> np.ndarray:
    asked = rows.before_answer()  # [B, T]
    device = model.device
    places = torch.from_numpy(np.flatnonzero(asked)).to(device)  # [M]
    with logits_at(model, places):
        ids = torch.from_numpy(rows.ids).to(device)
        logits = model(input_ids=ids, use_cache=False).logits[0]  # [M, vocabulary]
    wrong = np.zeros_like(asked)
    wrong[asked] = logits.argmax(dim=-1).cpu().numpy() != rows.answers()
    return np.logical_not(wrong.any(axis=1))

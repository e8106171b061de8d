"""What a student writes after prompts, greedily, many at a time."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rinject.inject.answering import ROWS_AT_ONCE
from rinject.inject.bundle import Bundle
from rinject.inject.forward import logits_at
from rinject.inject.positions import most_positions
from rinject.inject.rows import rows_of

SHOWN_TOKENS = 16
"""So many at least, whatever the program writes: what is no answer should be seen."""


@dataclass(frozen=True)
class Written:
    """What one prompt was answered."""

    answer: str
    tokens: list[int]
    """As the student wrote them, without an end."""
    is_ended: bool
    """Whether it wrote the end of the text after them."""


def write_answers(
    bundle: Bundle, prompts: Sequence[list[int]], true_answers: Sequence[str | None]
) -> list[Written]:
    """The student's answers. Where none was taught to end, a spelled one is as long as the true
    one, and others are those that the program knows."""
    end = bundle.reconciliation.end if bundle.record.settings.end_answers else None
    most = [
        min(_most(bundle, prompt, true, is_ended=end is not None), _room(bundle, prompt))
        for prompt, true in zip(prompts, true_answers, strict=True)
    ]
    written: list[Written] = []
    for tokens in _generate(bundle, prompts, most, end):
        is_ended = tokens[-1:] == [end]
        kept = tokens[:-1] if is_ended else tokens
        text = bundle.reconciliation.written(kept)
        written.append(Written(_known(bundle, text) if end is None else text, kept, is_ended))
    return written


def _most(bundle: Bundle, prompt: list[int], true_answer: str | None, *, is_ended: bool) -> int:
    """The tokens that an answer may have, with its end."""
    header = bundle.program.header
    known = [rule.text for rule in header.answers if rule.text]
    likely = [true_answer] if header.spelled and true_answer else known
    longest = max((len(bundle.reconciliation.student_ids(text)) for text in likely), default=1)
    if not is_ended:
        return longest
    reads = bundle.graph.max_seq_len - len(prompt) if header.spelled else longest
    return max(reads + 1, SHOWN_TOKENS)


def _room(bundle: Bundle, prompt: list[int]) -> int:
    """The tokens that the student has positions for; the last one needs none."""
    positions = most_positions(bundle.model)
    return sys.maxsize if positions is None else positions - len(prompt) + 1


def _known(bundle: Bundle, written: str) -> str:
    """What a text without an end begins with, of what the program writes; or all of it."""
    header = bundle.program.header
    known = [rule.text for rule in header.answers if rule.text]
    if header.spelled:
        symbols = re.match(f"({'|'.join(map(re.escape, known))})*", written)
        return symbols[0] if symbols and symbols[0] else written
    return max((text for text in known if written.startswith(text)), key=len, default=written)


def _generate(
    bundle: Bundle, prompts: Sequence[list[int]], most: Sequence[int], end: int | None
) -> list[list[int]]:
    """The likeliest next tokens of each prompt, one by one, up to the end or so many."""
    written: list[list[int]] = [[] for _ in prompts]
    order = np.argsort([len(prompt) for prompt in prompts], kind="stable").tolist()
    for start in range(0, len(order), ROWS_AT_ONCE):
        left = order[start : start + ROWS_AT_ONCE]
        while left:
            after = _likeliest(bundle, [[*prompts[place], *written[place]] for place in left])
            for place, token in zip(left, after, strict=True):
                written[place].append(token)
            left = [p for p in left if written[p][-1] != end and len(written[p]) < most[p]]
    return written


@torch.no_grad()
def _likeliest(bundle: Bundle, ids: Sequence[list[int]]) -> list[int]:
    """The likeliest token after each row."""
    rows, device = rows_of(list(ids), [[] for _ in ids]), bundle.model.device
    width = rows.ids.shape[1]
    places = np.arange(len(rows)) * width + rows.lengths - 1  # [B], flat
    with logits_at(bundle.model, torch.from_numpy(places).to(device)):
        inputs = torch.from_numpy(rows.ids).to(device)  # [B, T]
        logits = bundle.model(input_ids=inputs, use_cache=False).logits[0]  # [B, vocabulary]
    found: list[int] = logits.argmax(dim=-1).tolist()
    return found

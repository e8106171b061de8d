"""Examples as rows of student ids: prompt, answer, and nothing after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerFast

from rinject.lang import Header
from rinject.tasks.task import Example
from rinject.tokens import Reconciliation

FILLER = 0  # any id will do: under causal attention nothing before it sees what is on the right


@dataclass(frozen=True)
class Rows:
    """B rows of at most T tokens, filled up on the right."""

    ids: np.ndarray
    """int64 [B, T]."""
    prompt_lengths: np.ndarray
    """int64 [B]: tokens before the answer."""
    lengths: np.ndarray
    """int64 [B]: tokens of prompt and answer."""
    read_lengths: np.ndarray
    """int64 [B]: tokens that the program reads: the prompt, and of an answer that it spells symbol
    by symbol all but the last."""

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, index: np.ndarray | slice) -> Rows:
        """Some of the rows, no wider than they need."""
        lengths = self.lengths[index]
        width = int(lengths.max(initial=0))
        return Rows(
            self.ids[index][:, :width],
            self.prompt_lengths[index],
            lengths,
            self.read_lengths[index],
        )

    def by_length(self, size: int) -> list[tuple[np.ndarray, Rows]]:
        """All rows in batches of rows alike in length; with each batch, where its rows stood."""
        order = np.argsort(self.lengths, kind="stable")
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        return [(part, self.take(part)) for part in parts]

    def are_read(self) -> np.ndarray:
        """bool [B, T]: the tokens that the program reads."""
        return np.arange(self.ids.shape[1]) < self.read_lengths[:, None]

    @property
    def are_answers_read(self) -> bool:
        """Whether the program reads something of an answer."""
        return bool((self.read_lengths > self.prompt_lengths).any())

    def before_answer(self) -> np.ndarray:
        """bool [B, T]: the tokens whose next token belongs to the answer."""
        place = np.arange(self.ids.shape[1])
        ends = self.lengths[:, None] - 1
        return (place >= self.prompt_lengths[:, None] - 1) & (place < ends)

    def answers(self) -> np.ndarray:
        """int64 [M]: the answer tokens, row after row, as `before_answer` selects them."""
        return self.ids[:, 1:][self.before_answer()[:, :-1]]


def example_rows(
    examples: Iterable[Example],
    reconciliation: Reconciliation,
    *,
    spelled: bool = False,
    ended: bool = False,
) -> Rows:
    """The rows of all examples, tokenized in bulk.

    `spelled` as the program's header has it. Where answers are `ended`, the student's end-of-text
    token, if it has one, is the last of each.

    Prompt and answer are tokenized apart, as when the student is asked for the answer, so the
    border between them is one between tokens whatever their characters.
    """
    pairs = [(example.prompt, example.answer) for example in examples]
    prompts = encode_all(reconciliation.tokenizer, [prompt for prompt, _ in pairs])
    answers = encode_all(reconciliation.tokenizer, [answer for _, answer in pairs])
    tail = end_tokens(reconciliation, ended=ended)
    return rows_of(prompts, [[*ids, *tail] for ids in answers], spelled=spelled)


def rows_of(prompts: list[list[int]], answers: list[list[int]], *, spelled: bool = False) -> Rows:
    """Rows of prompts and answers that are tokenized already."""
    prompt_lengths = np.array([len(ids) for ids in prompts], dtype=np.int64)
    lengths = prompt_lengths + np.array([len(ids) for ids in answers], dtype=np.int64)
    ids = np.full((len(prompts), int(lengths.max(initial=0))), FILLER, dtype=np.int64)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        ids[row, : lengths[row]] = prompt + answer
    read_lengths = np.maximum(prompt_lengths, lengths - 1) if spelled else prompt_lengths
    return Rows(ids, prompt_lengths, lengths, read_lengths)


def end_tokens(reconciliation: Reconciliation, *, ended: bool = True) -> list[int]:
    """What follows a text that is `ended`: the student's end-of-text token, if it has one."""
    return [reconciliation.end] if ended and reconciliation.end is not None else []


def written_outputs(
    header: Header, values: Iterable[Any], reconciliation: Reconciliation, *, ended: bool
) -> list[list[int] | None]:
    """For each output value the student's tokens that write it; None where nothing does.

    Those of a spelled answer come one by one: the end is a token of its own, where answers are
    `ended`.
    """
    tail, found = end_tokens(reconciliation, ended=ended), list[list[int] | None]()
    for value in values:
        text = header.answer_texts.get((type(value), value))
        if text is None:
            found.append(None)
            continue
        (ids,) = encode_all(reconciliation.tokenizer, [text])
        is_last = not (header.spelled and text)
        found.append([*ids, *(tail if is_last else [])] or None)
    return found


def encode_all(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> list[list[int]]:
    """The ids of many texts, without special tokens around them."""
    backend = tokenizer.backend_tokenizer
    return [encoded.ids for encoded in backend.encode_batch(texts, add_special_tokens=False)]

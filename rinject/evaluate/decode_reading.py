"""Prompts as the student sees them: its aligned streams, its answers, and the program's values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rinject.errors import InputError
from rinject.evaluate.decode_answers import Written, write_answers
from rinject.graph.tables import NONE
from rinject.inject.answering import ROWS_AT_ONCE
from rinject.inject.bundle import Bundle
from rinject.inject.rows import Rows, rows_of
from rinject.inject.targets import Targets
from rinject.lang.header import INPUT_SLOT
from rinject.student import residual_streams
from rinject.tasks.oracle import Oracle
from rinject.tokens.reconciliation import UNMAPPED


@dataclass(frozen=True)
class Token:
    """One token of a prompt, or of the answer after it."""

    text: str
    symbol: str | None
    """What the program sees in its place; None where it has no symbol for it."""
    is_read: bool = True
    """Whether the program reads it; only there its variables have true values."""
    writes: str | None = None
    """What the student writes after it, where its answer is followed; nothing is the end."""


@dataclass(frozen=True, eq=False)
class Reading:
    """One prompt of T tokens, and the answer's where it is followed."""

    prompt: str
    answer: str
    true_answer: str | None
    tokens: tuple[Token, ...]
    prompt_tokens: int
    true: np.ndarray
    """int64 [T, V]: the program's values, -1 where it has none."""
    streams: dict[int, Tensor]
    """[T, D] of the student, for each of the compiled layers that were asked for."""

    @property
    def is_right(self) -> bool | None:
        """Whether the answer is the program's; None where it has none."""
        return None if self.true_answer is None else self.answer == self.true_answer


def read_prompts(
    bundle: Bundle, texts: Sequence[str], *, layers: Sequence[int], generate: bool = False
) -> list[Reading]:
    """Reads prompts or bare inputs, at some compiled layers; all together, in batches.

    With `generate` the tokens go on over the answer that the student writes. Raises InputError for
    an empty prompt, or one longer than the program's positions.
    """
    prompts = [full_prompt(bundle, text) for text in texts]
    ids = [bundle.reconciliation.student_ids(prompt) for prompt in prompts]
    targets = bundle.targets
    _check(targets, prompts, ids)
    true = _values(targets, ids)
    true_answers = _true_answers(bundle, ids, true)
    written = write_answers(bundle, ids, true_answers)
    followed = [one.tokens if generate else [] for one in written]
    seen = [[*prompt, *answer] for prompt, answer in zip(ids, followed, strict=True)]
    read = [_read_length(bundle, *pair) for pair in zip(ids, written, strict=True)]
    if generate and bundle.program.header.spelled:
        true = _values(targets, [one[:length] for one, length in zip(seen, read, strict=True)])
    writes = [_writes(bundle, one) if generate else [] for one in written]
    streams = _streams(bundle, seen, layers)
    return [
        Reading(
            prompt=prompts[place],
            answer=written[place].answer,
            true_answer=true_answers[place],
            tokens=_tokens(bundle, seen[place], read[place], writes[place]),
            prompt_tokens=len(ids[place]),
            true=_filled(true[place], len(seen[place])),
            streams=streams[place],
        )
        for place in range(len(texts))
    ]


def full_prompt(bundle: Bundle, text: str) -> str:
    """The text as it is if it holds the prompt's fixed parts, or else put into the prompt's slot.

    White space at the end is that of the prompt: it ends where the answer begins.
    """
    prefix, suffix = bundle.record.prompt.split(INPUT_SLOT)
    parts = [part.strip() for part in (prefix, suffix)]
    if any(parts) and all(part in text for part in parts):
        text, last_part = text.rstrip(), suffix.rstrip()
        return text + suffix[len(last_part) :] if text.endswith(last_part) else text
    return prefix + text.strip() + suffix


def _check(targets: Targets, prompts: Sequence[str], ids: Sequence[list[int]]) -> None:
    """Raises InputError for a prompt that the program cannot read; among several it is named."""
    for prompt, tokens in zip(prompts, ids, strict=True):
        try:
            if not tokens:
                raise InputError("the prompt is empty")
            targets.program_ids(rows_of([tokens], [[]]))
        except InputError as error:
            if len(prompts) == 1:
                raise
            raise InputError(f"{prompt!r}: {error.message}", hint=error.hint) from error


# --- what the program says ------------------------------------------------------------------------


def _values(targets: Targets, ids: Sequence[list[int]]) -> list[np.ndarray]:
    """int64 [T, V] for each list of T tokens; -1 is no value."""
    values = targets.values(rows_of(list(ids), [[] for _ in ids]))  # [N, V]
    return np.split(values, np.cumsum([len(tokens) for tokens in ids])[:-1])


def _filled(values: np.ndarray, length: int) -> np.ndarray:
    """[T, V] with as many tokens as asked for, the further ones without values."""
    return np.pad(values, ((0, length - len(values)), (0, 0)), constant_values=NONE)


def _true_answers(
    bundle: Bundle, ids: Sequence[list[int]], true: Sequence[np.ndarray]
) -> list[str | None]:
    """What the program answers to each prompt; None where it has no answer."""
    if not bundle.program.header.spelled:
        return [_true_answer(bundle, values[-1]) for values in true]
    prompts = [bundle.reconciliation.symbols(tokens) for tokens in ids]
    return Oracle(bundle.program).answers(prompts)


def _true_answer(bundle: Bundle, values: np.ndarray) -> str | None:
    """What the program's header says for its output at the last token; `values` [V]."""
    index = values[bundle.graph.output_index]
    if index == NONE:
        return None
    output = bundle.graph.output_node.values[index]
    return bundle.program.header.answer_texts.get((type(output), output))


def _read_length(bundle: Bundle, prompt: list[int], written: Written) -> int:
    """How many tokens of prompt and answer the program reads, as in training.

    Of an answer that it spells, it reads what something follows: the next token, or the end.
    """
    if not bundle.program.header.spelled:
        return len(prompt)
    answer = written.tokens if written.is_ended else written.tokens[:-1]
    room = bundle.graph.max_seq_len - len(prompt)
    symbols = bundle.reconciliation.symbol_of[answer[:room]]
    strange = np.flatnonzero(symbols == UNMAPPED)
    return len(prompt) + int(strange[0] if len(strange) else len(symbols))


# --- what the student does ------------------------------------------------------------------------


def _writes(bundle: Bundle, written: Written) -> list[str | None]:
    """What is written after the last token of the prompt, and after each of the answer."""
    texts = [bundle.reconciliation.text_of(token) for token in written.tokens]
    return [*texts, "" if written.is_ended else None]


def _tokens(
    bundle: Bundle, ids: list[int], read: int, writes: Sequence[str | None]
) -> tuple[Token, ...]:
    """Of which the first `read` are read, and the last ones write what `writes` says."""
    reconciliation = bundle.reconciliation
    symbols = (*reconciliation.vocabulary, None)  # UNMAPPED = -1 is the last
    after = [*([None] * (len(ids) - len(writes))), *writes]
    return tuple(
        Token(reconciliation.text_of(token), symbols[symbol], place < read, after[place])
        for place, (token, symbol) in enumerate(
            zip(ids, reconciliation.symbol_of[ids], strict=True)
        )
    )


@torch.no_grad()
def _streams(
    bundle: Bundle, ids: Sequence[list[int]], layers: Sequence[int]
) -> list[dict[int, Tensor]]:
    """For each list of T tokens, the streams [T, D] aligned with compiled layers."""
    found: list[dict[int, Tensor]] = [{} for _ in ids]
    for places, batch in rows_of(list(ids), [[] for _ in ids]).by_length(ROWS_AT_ONCE):
        for place, streams in zip(places, _batch_streams(bundle, batch, layers), strict=True):
            found[place] = streams
    return found


def _batch_streams(
    bundle: Bundle, rows: Rows, layers: Sequence[int]
) -> Iterable[dict[int, Tensor]]:
    model, aligned = bundle.model, {layer: bundle.record.layers[layer] for layer in layers}
    inputs = torch.from_numpy(rows.ids).to(model.device)
    streams = residual_streams(model, inputs, layers=sorted(set(aligned.values())))
    kept = {layer: streams[place].float().cpu() for layer, place in aligned.items()}  # [B, T, D]
    for row, length in enumerate(rows.lengths):
        yield {layer: stream[row, :length] for layer, stream in kept.items()}

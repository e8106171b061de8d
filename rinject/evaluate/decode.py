"""The program's variables, read out of the student while it answers one prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rinject.errors import InputError, RinjectError
from rinject.evaluate.fidelity import read_variables
from rinject.graph import Variable
from rinject.graph.tables import NONE
from rinject.inject.bundle import Bundle
from rinject.inject.rows import Rows, rows_of
from rinject.inject.targets import Targets
from rinject.lang.header import INPUT_SLOT
from rinject.tasks.oracle import Oracle
from rinject.tasks.task import answer_text

MOST_ANSWER_TOKENS = 16


@dataclass(frozen=True)
class Token:
    """One token of the prompt."""

    text: str
    symbol: str
    """What the program sees in its place."""


@dataclass(frozen=True)
class Cell:
    """One variable at one token."""

    decoded: Any
    """The value read out of the student."""
    true: Any
    """The program's; None where it has none."""

    @property
    def is_right(self) -> bool | None:
        """Whether they agree; None where there is nothing to agree with."""
        return None if self.true is None else bool(self.decoded == self.true)


@dataclass(frozen=True)
class VariableRow:
    """One variable along the prompt."""

    name: str
    cells: tuple[Cell, ...]

    @property
    def is_constant(self) -> bool:
        """Whether the true value never changes along the prompt and is never decoded wrong."""
        known = [cell for cell in self.cells if cell.true is not None]
        same = len({cell.true for cell in known}) <= 1
        return same and all(cell.is_right for cell in known)


@dataclass(frozen=True)
class DecodeTable:
    """Variables by tokens (the paper's figure 6), and the answer."""

    prompt: str
    answer: str
    """What the student writes, greedily; one of the program's answers if it begins with one. Where
    answers are spelled: their symbols, as many as the true answer has."""
    true_answer: str | None
    """What the program answers; None where it has no answer at the end of the prompt."""
    tokens: tuple[Token, ...]
    rows: tuple[VariableRow, ...]
    """The variables that the compiled stream of that layer holds."""
    layer: int
    """The compiled stream."""
    student_layer: int
    """The student's stream aligned with it, the one that was read."""


def decode(bundle: Bundle, text: str, *, layer: int | None = None) -> DecodeTable:
    """Decodes a prompt, or a bare input, at one compiled layer (by default the last).

    Raises InputError: no such layer, or a prompt longer than the program's positions.
    """
    layer = _layer(bundle, layer)
    prompt = full_prompt(bundle, text)
    ids = bundle.reconciliation.student_ids(prompt)
    if not ids:
        raise InputError("the prompt is empty")
    rows = rows_of([ids], [[]])
    true = Targets(bundle.graph, bundle.reconciliation).values(rows)  # [N, V]
    read = read_variables(bundle, rows, layer)  # [N, V]
    symbols = bundle.reconciliation.symbols(ids)
    spelled = bundle.program.header.spelled
    true_answer = _spelled(bundle, symbols) if spelled else _true_answer(bundle, true[-1])
    return DecodeTable(
        prompt=prompt,
        answer=_answer(bundle, rows, true_answer),
        true_answer=true_answer,
        tokens=tuple(
            Token(bundle.reconciliation.text_of(token), symbol)
            for token, symbol in zip(ids, symbols, strict=True)
        ),
        rows=tuple(
            _row(variable, read[:, index], true[:, index])
            for index, variable in enumerate(bundle.graph.variables)
            if variable.layer <= layer
        ),
        layer=layer,
        student_layer=bundle.record.layers[layer],
    )


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


def _layer(bundle: Bundle, layer: int | None) -> int:
    last = bundle.last_layer
    if layer is None:
        return last
    if not 0 <= layer <= last:
        raise InputError(
            f"--layer {layer}: the program has no such layer",
            hint=f"its layers are 0 (the embedding) to {last}",
        )
    return layer


def _row(variable: Variable, read: np.ndarray, true: np.ndarray) -> VariableRow:
    values = (*variable.values, None)  # NONE = -1 is the last
    cells = (Cell(values[r], values[t]) for r, t in zip(read, true, strict=True))
    return VariableRow(variable.name, tuple(cells))


def _true_answer(bundle: Bundle, values: np.ndarray) -> str | None:
    """What the program's header says for its output at the last token; `values` [V]."""
    variables = bundle.graph.variables
    (place,) = (i for i, one in enumerate(variables) if one.name == bundle.graph.output)
    if values[place] == NONE:
        return None
    output = variables[place].values[values[place]]
    texts = {(type(rule.value), rule.value): rule.text for rule in bundle.program.header.answers}
    return texts.get((type(output), output))


def _spelled(bundle: Bundle, symbols: Sequence[str]) -> str | None:
    """What the program writes after a prompt, symbol by symbol."""
    header = bundle.program.header
    try:
        (output,) = Oracle(bundle.program).outputs([symbols])
        return answer_text(header, output)
    except RinjectError:
        return None


def _answer(bundle: Bundle, rows: Rows, true_answer: str | None) -> str:
    """The student's answer. Where none was taught to end, a spelled one is as long as the true one,
    and others are those that the program knows."""
    header, end = bundle.program.header, bundle.reconciliation.end
    if bundle.record.settings.end_answers and end is not None:
        return _generate(bundle, rows.ids[0].tolist(), MOST_ANSWER_TOKENS, end)
    known = [rule.text for rule in header.answers if rule.text]
    likely = [true_answer] if header.spelled and true_answer else known
    most = max((len(bundle.reconciliation.student_ids(text)) for text in likely), default=1)
    written = _generate(bundle, rows.ids[0].tolist(), min(most, MOST_ANSWER_TOKENS))
    if header.spelled:
        symbols = re.match(f"({'|'.join(map(re.escape, known))})*", written)
        return symbols[0] if symbols and symbols[0] else written
    return max((text for text in known if written.startswith(text)), key=len, default=written)


@torch.no_grad()
def _generate(bundle: Bundle, ids: list[int], count: int, end: int | None = None) -> str:
    """The text of the likeliest next tokens, one by one, up to the end or so many."""
    device, start = bundle.model.device, len(ids)
    for _ in range(count):
        logits = bundle.model(input_ids=torch.tensor([ids], device=device), use_cache=False).logits
        likeliest = int(logits[0, -1].argmax())
        if likeliest == end:
            break
        ids = [*ids, likeliest]
    return bundle.reconciliation.written(ids[start:])

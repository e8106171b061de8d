"""The program's variables, read out of the student while it answers prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rinject.errors import InputError
from rinject.evaluate.decode_reading import Reading, Token, read_prompts
from rinject.graph import Variable
from rinject.inject.bundle import Bundle


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
    """One variable along the tokens."""

    name: str
    cells: tuple[Cell, ...]

    @property
    def is_constant(self) -> bool:
        """Whether the true value never changes along the tokens and is never decoded wrong."""
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
    """Of the prompt, and of the answer where it is followed."""
    prompt_tokens: int
    """How many of them are the prompt's."""
    rows: tuple[VariableRow, ...]
    """The variables that the compiled stream of that layer holds."""
    layer: int
    """The compiled stream."""
    student_layer: int
    """The student's stream aligned with it, the one that was read."""

    @property
    def is_followed(self) -> bool:
        """Whether the tokens go on over the answer."""
        return any(token.writes is not None for token in self.tokens)


def decode(
    bundle: Bundle, text: str, *, layer: int | None = None, generate: bool = False
) -> DecodeTable:
    """Decodes a prompt, or a bare input, at one compiled layer (by default the last).

    With `generate` the table goes on over the answer that the student writes. Raises InputError: no
    such layer, or a prompt longer than the program's positions.
    """
    return decode_all(bundle, [text], layer=layer, generate=generate)[0]


def decode_all(
    bundle: Bundle, texts: Sequence[str], *, layer: int | None = None, generate: bool = False
) -> list[DecodeTable]:
    """As :func:`decode`, many prompts together."""
    layer = chosen_layer(bundle, layer)
    readings = read_prompts(bundle, texts, layers=[layer], generate=generate)
    return [table_of(bundle, reading, layer) for reading in readings]


def chosen_layer(bundle: Bundle, layer: int | None) -> int:
    """The compiled layer, by default the last. Raises InputError where there is no such layer."""
    last = bundle.last_layer
    if layer is None:
        return last
    if not 0 <= layer <= last:
        raise InputError(
            f"--layer {layer}: the program has no such layer",
            hint=f"its layers are 0 (the embedding) to {last}",
        )
    return layer


def table_of(bundle: Bundle, reading: Reading, layer: int) -> DecodeTable:
    """What was read at one of the layers that were kept."""
    maps = bundle.projection.maps()
    stream = reading.streams[layer].to(maps.weight.device)  # [T, D]
    read = maps.read(layer, stream).cpu().numpy()  # [T, V]
    return DecodeTable(
        prompt=reading.prompt,
        answer=reading.answer,
        true_answer=reading.true_answer,
        tokens=reading.tokens,
        prompt_tokens=reading.prompt_tokens,
        rows=tuple(
            _row(variable, read[:, index], reading.true[:, index])
            for index, variable in enumerate(bundle.graph.variables)
            if variable.layer <= layer
        ),
        layer=layer,
        student_layer=bundle.record.layers[layer],
    )


def _row(variable: Variable, read: np.ndarray, true: np.ndarray) -> VariableRow:
    values = (*variable.values, None)  # NONE = -1 is the last
    cells = (Cell(values[r], values[t]) for r, t in zip(read, true, strict=True))
    return VariableRow(variable.name, tuple(cells))

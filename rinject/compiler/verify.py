"""Is the compiled model what the program means?

Three answers are compared at every position of every input: the compiled model's, the graph's, and
that of tracr's own interpreter. Short inputs are tried exhaustively, long ones at random.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import isclose
from typing import Any

from tracr.rasp import rasp

from rinject.circuit import CompiledModel
from rinject.compiler.observe import smallest_margin
from rinject.errors import InputError
from rinject.lang import interpret

EXHAUSTIVE_INPUTS = 1000
MANY_SYMBOLS = 5000
BATCH = 100
EXACT = 1e-9
"""Sums of fractions differ in their last digits with the order of their terms."""
RAW = 1e-3
"""For a number that is read off the stream as it is, as tracr's are."""
Tokens = tuple[Any, ...]


@dataclass(frozen=True)
class Verification:
    """What was compared, and where it differed."""

    exhaustive: int
    """Inputs from all the shortest ones."""
    random: int
    """Random inputs of half the longest length or more."""
    undefined: int
    """Inputs on which the program has no meaning (the interpreter raises); not compared."""
    mismatches: int
    """Inputs on which the model or the graph differ from the interpreter."""
    first: str | None
    """A description of the first mismatch."""
    margin: float | None = None
    """The smallest margin seen: 1 is as designed, 0 an answer that tips over; None: not known."""

    @property
    def inputs(self) -> int:
        """All inputs compared."""
        return self.exhaustive + self.random - self.undefined


def verify(
    model: CompiledModel,
    *,
    output: rasp.SOp | None = None,
    random_inputs: int = 2000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Compare model, graph and tracr's interpreter.

    `output` is the s-op that was compiled; a model from a `.rasp` program knows its own.
    `progress` is called with the inputs done and in all. Raises InputError without an s-op.
    """
    if output is None:
        if model.program is None:
            raise InputError("give the s-op that was compiled")
        output = model.program.output
    short = list(shortest_inputs(model.graph.vocab, model.graph.max_seq_len))
    drawn = list(drawn_inputs(model, random_inputs, random.Random(seed)))
    inputs = short + drawn
    undefined, mismatches, first = 0, 0, None
    margins = [1.0]
    slot = model.layout.slot(model.graph.output)
    tolerance = RAW if slot.reading == "number" and not slot.points else EXACT
    for start in range(0, len(inputs), BATCH):
        batch = inputs[start : start + BATCH]
        defined = []
        for tokens, *answers in zip(
            batch, model.run_batch(batch), model.graph.run(batch), strict=True
        ):
            try:
                expected = interpret(output, tokens, causal=model.graph.causal)
            except InputError:
                undefined += 1
                continue
            defined.append(tokens)
            if any(not same(expected, answer, tolerance=tolerance) for answer in answers):
                mismatches += 1
                first = first or f"{list(tokens)}: {expected} expected, {answers[0]} from the model"
        seen = smallest_margin(model, model.graph.encode(defined)) if defined else None
        margins = margins if seen is None else [*margins, seen]
        if progress is not None:
            progress(start + len(batch), len(inputs))
    margin = min(margins) if model.wiring else None
    return Verification(len(short), len(drawn), undefined, mismatches, first, margin)


def same(expected: Sequence[Any], answer: Sequence[Any], *, tolerance: float = EXACT) -> bool:
    """Equal values at every position; None equals only None, and numbers within `tolerance`."""
    return len(expected) == len(answer) and all(
        _equal(a, b, tolerance) for a, b in zip(expected, answer, strict=True)
    )


def _equal(a: Any, b: Any, tolerance: float) -> bool:
    if isinstance(a, int | float) and isinstance(b, float):
        return isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return bool(a == b)


def shortest_inputs(vocab: Sequence[Any], longest: int) -> Iterator[Tokens]:
    """All inputs of length 1, 2, … as long as all of one length fit in `EXHAUSTIVE_INPUTS`.

    Those of length 1 come in any case, unless there are more than MANY_SYMBOLS.
    """
    total = 0
    for length in range(1, longest + 1):
        total += len(vocab) ** length
        if total > EXHAUSTIVE_INPUTS and (length > 1 or len(vocab) > MANY_SYMBOLS):
            return
        yield from product(vocab, repeat=length)


def drawn_inputs(model: CompiledModel, count: int, rng: random.Random) -> Iterator[Tokens]:
    """Random inputs of at least half the longest length.

    Each takes its symbols from a random part of the vocabulary, and every third repeats a short
    motif before a last symbol, so that rare cases occur: one symbol all along, balanced brackets.
    """
    vocab, longest = model.graph.vocab, model.graph.max_seq_len
    for index in range(count):
        length = rng.randint((longest + 1) // 2, longest)
        part = rng.sample(vocab, rng.randint(1, min(len(vocab), 12)))
        if index % 3 == 0:
            motif = rng.choices(part, k=rng.randint(1, 4))
            yield (*(motif * length)[: length - 1], rng.choice(vocab))
        else:
            yield tuple(rng.choices(part, k=length))

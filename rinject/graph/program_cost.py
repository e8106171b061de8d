"""What compiling a `.rasp` program costs, with the places in its source that cause it."""

from __future__ import annotations

from rinject.graph.estimate import Cause, Estimate, estimate_cost
from rinject.graph.limits import MANY
from rinject.lang import Diagnostic, Program, Span


def program_cost(
    program: Program, *, max_seq_len: int | None = None, causal: bool | None = None
) -> Estimate | None:
    """The cost of a program; None for one whose header names no vocabulary or no longest input.

    Raises InputError for what cannot be compiled for other reasons than its size.
    """
    header = program.header
    longest = max_seq_len or header.longest
    if not header.vocabulary or longest is None:
        return None
    attention = header.causal if causal is None else causal
    return estimate_cost(program.output, header.vocabulary, longest, causal=attention)


def explosion_warnings(program: Program, estimate: Estimate) -> list[Diagnostic]:
    """A warning at each expression that has too many values, or needs too large a table."""
    return [_warning(cause, place_of(program, cause)) for cause in estimate.explosions]


def place_of(program: Program, cause: Cause) -> Span:
    """Where an expression was written; that of a hidden one is the start of the program."""
    start = Span(str(program.path or "<text>"), 1, 1, 1, 2)
    return program.places.get(id(cause.expr), start)


def _warning(cause: Cause, place: Span) -> Diagnostic:
    amount = f"more than {MANY:,}" if cause.size >= MANY else f"{cause.size:,}"
    what = f"can have {amount} values" if cause.unit == "values" else f"needs {amount} table cells"
    return Diagnostic(
        "too-many-values",
        f"{cause.name} {what}, too many to compile",
        place,
        "give its inputs fewer values first, or shorten `longest`",
        severity="warning",
    )

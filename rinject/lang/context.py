"""What all parts of the checker share: diagnostics, the builder, names, the calls under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tracr.rasp import rasp

from rinject.lang.builder import Builder
from rinject.lang.diagnostics import Collector, Diagnostic, Note, Severity, Span
from rinject.lang.files import LIBRARY
from rinject.lang.index import Index
from rinject.lang.limits import MAX_STEPS
from rinject.lang.naming import Conflict, Naming
from rinject.lang.values import POISON, Frame, Poison

_SHOWN_CALLS = 3


class ProgramTooLarge(Exception):
    """Checking was given up; the diagnostic is recorded."""


@dataclass
class Context:
    """The state of one check."""

    vocabulary: Sequence[str] = ()
    """The symbols of the header; empty where there is none."""
    causal: bool = False
    """Whether the header asks for causal attention."""
    collector: Collector = field(default_factory=Collector)
    builder: Builder = field(default_factory=Builder)
    index: Index = field(default_factory=Index)
    sources: dict[str, str] = field(default_factory=dict)
    """The text of each file read, by the name that spans give it."""
    places: dict[int, Span] = field(default_factory=dict)
    """By the id of an s-op or a selector: the expression that first made it."""
    calls: list[Frame] = field(default_factory=list)
    has_gaps: bool = False
    """Whether statements were left out because of their syntax."""
    steps: int = 0
    naming: Naming = field(init=False)

    def __post_init__(self) -> None:
        self.naming = Naming(self.builder)

    def report(
        self,
        code: str,
        span: Span,
        message: str,
        hint: str | None = None,
        notes: tuple[Note, ...] = (),
        severity: Severity = "error",
    ) -> Poison:
        """Records a diagnostic; inside functions it notes the calls that led there.

        A mistake inside the library is one of whoever called it.
        """
        frames = list(reversed(self.calls))
        while span.file == str(LIBRARY) and frames:
            frame = frames.pop(0)
            span = frame.span
            if span.file != str(LIBRARY):
                message += f" (inside `{frame.definition.name.text}` of the library)"
        calls = [
            Note(f"in this call of `{frame.definition.name.text}`", frame.span) for frame in frames
        ]
        every = (*notes, *list(dict.fromkeys(calls))[:_SHOWN_CALLS])
        self.collector.add(Diagnostic(code, message, span, hint, every, severity))
        return POISON

    def warn(
        self,
        code: str,
        span: Span,
        message: str,
        hint: str | None = None,
        notes: tuple[Note, ...] = (),
    ) -> None:
        """Records something suspicious that does not stop the program."""
        self.report(code, span, message, hint, notes, "warning")

    def report_conflict(self, conflict: Conflict) -> Poison:
        """Two s-ops under one name."""
        return self.report(
            "duplicate-name",
            conflict.second,
            f"another s-op is already named `{conflict.name}`",
            "give each its own name; in a loop, make it from the loop's variable",
            (Note("the first one", conflict.first),),
        )

    def place(self, expr: rasp.RASPExpr, span: Span) -> None:
        """Remembers where an s-op or a selector was made: first, and not inside the library."""
        known = self.places.get(id(expr))
        if known is None or (known.file == str(LIBRARY) != span.file):
            self.places[id(expr)] = span

    def step(self, span: Span, cost: int = 1) -> None:
        """Counts an expression, or work worth several; raises ProgramTooLarge after MAX_STEPS."""
        self.steps += cost
        if self.steps > MAX_STEPS:
            self.report(
                "too-large",
                span,
                f"the program unrolls into more than {MAX_STEPS:,} expressions",
                "loops and functions are unrolled; shorten the lists they run over",
            )
            raise ProgramTooLarge

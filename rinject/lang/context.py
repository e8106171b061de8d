"""What all parts of the checker share: diagnostics, the builder, names, the calls under way."""

from __future__ import annotations

from dataclasses import dataclass, field

from rinject.lang.builder import Builder
from rinject.lang.diagnostics import Collector, Diagnostic, Note, Span
from rinject.lang.naming import Conflict, Naming
from rinject.lang.values import POISON, Frame, Poison

MAX_STEPS = 100_000
_SHOWN_CALLS = 3


class ProgramTooLarge(Exception):
    """Checking was given up; the diagnostic is recorded."""


@dataclass
class Context:
    """The state of one check."""

    collector: Collector = field(default_factory=Collector)
    builder: Builder = field(default_factory=Builder)
    calls: list[Frame] = field(default_factory=list)
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
    ) -> Poison:
        """Records a diagnostic; inside functions it notes the calls that led there."""
        calls = [
            Note(f"in this call of `{frame.definition.name.text}`", frame.span)
            for frame in reversed(self.calls)
        ]
        self.collector.add(Diagnostic(code, message, span, hint, (*notes, *calls[:_SHOWN_CALLS])))
        return POISON

    def report_conflict(self, conflict: Conflict) -> Poison:
        """Two s-ops under one name."""
        return self.report(
            "duplicate-name",
            conflict.second,
            f"another s-op is already named `{conflict.name}`",
            "give each its own name; in a loop, make it from the loop's variable",
            (Note("the first one", conflict.first),),
        )

    def step(self, span: Span) -> None:
        """Counts one expression; raises ProgramTooLarge after MAX_STEPS of them."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            self.report(
                "too-large",
                span,
                f"the program unrolls into more than {MAX_STEPS:,} expressions",
                "loops and functions are unrolled; shorten the lists they run over",
            )
            raise ProgramTooLarge

"""Documents, text with places where a line may break, laid out on lines of limited width.

A group stays on its line if it fits there together with what follows it up to the next break;
otherwise each of its own lines breaks (after Wadler, "A prettier printer", 2003). What follows is
measured as if its author had not broken it: in the result every broken bracket looks as if the
author had, and laying that out must give the same again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rinject.lang.page import INDENT, Page
from rinject.lang.trivia import Gap

WIDTH = 100


@dataclass(frozen=True, eq=False)
class Line:
    """Where a line may break; the comments of the gap are written there."""

    flat: str
    """What stands there when it does not break."""
    gap: int
    back: int = 0
    """How many columns less than its comments the next line is indented."""
    kept: bool = False
    """Whether it always breaks."""


@dataclass(frozen=True, eq=False)
class Nest:
    """Documents whose new lines are indented more."""

    parts: Sequence[Document]
    columns: int = INDENT


@dataclass(frozen=True, eq=False)
class Group:
    """Documents whose lines break all or not at all."""

    parts: Sequence[Document]
    kept: bool = False
    """Whether they always break."""
    is_late: bool = False
    """Whether what is before it on the line should rather break."""


@dataclass(frozen=True, eq=False)
class Chain:
    """Operands joined by operators: each begins a line, or only one breaks, in its brackets."""

    operands: Sequence[Sequence[Document]]
    """Each but the first begins with its operator."""
    lines: Sequence[Line]
    """One before each operand but the first."""
    hangs: bool
    """Whether its new lines are indented more."""

    @property
    def parts(self) -> list[Document]:
        """All operands with the lines between them."""
        parts = [*self.operands[0]]
        for line, operand in zip(self.lines, self.operands[1:], strict=True):
            parts += [line, *operand]
        return parts


Document = str | Line | Nest | Group | Chain


Stack = list[tuple[int, Document]]
"""What is still to be written, the next last, each with the indentation of its new lines."""


class Renderer:
    """Writes documents to a page, with the comments of their gaps."""

    def __init__(self, page: Page, gaps: Sequence[Gap]) -> None:
        self._page = page
        self._gaps = gaps
        self._measured: dict[Document, tuple[int, bool]] = {}

    def render(self, parts: Sequence[Document], indent: int) -> None:
        """Continues the current line, whose statement is indented by `indent` columns."""
        stack = [(indent, part) for part in reversed(parts)]
        while stack:
            indent, document = stack.pop()
            if isinstance(document, str):
                self._page.write(document)
            elif isinstance(document, Line):
                self._break(document, indent)
            elif isinstance(document, Group | Chain) and self._fits(document, stack):
                self._page.write(_flat([document]))
            else:
                inner, opened = self._open(document, indent, stack)
                stack += [(inner, part) for part in reversed(opened)]

    def _break(self, line: Line, indent: int) -> None:
        for comment in self._gaps[line.gap].comments:
            self._page.comment(comment, indent)
        self._page.new_line(indent - line.back)

    def _open(
        self, document: Nest | Group | Chain, indent: int, stack: Stack
    ) -> tuple[int, Sequence[Document]]:
        """What a document that breaks consists of, and the indentation of its new lines."""
        if isinstance(document, Nest):
            return indent + document.columns, document.parts
        if isinstance(document, Group):
            return indent, document.parts
        inner = indent + INDENT * document.hangs
        broken = self._breaking_operand(document, indent, inner, stack)
        if broken is None:
            return inner, document.parts
        parts: list[Document] = []
        for number, operand in enumerate(document.operands):
            parts += [document.lines[number - 1].flat] if number else []
            parts += operand if number == broken else [_flat(operand)]
        return indent, parts

    def _breaking_operand(self, chain: Chain, indent: int, inner: int, stack: Stack) -> int | None:
        """The first or the last operand, if only that one breaks and shares lines with the others.

        It breaks inside of its brackets; `inner` is the indentation of operands that do not share.
        """
        after = self._width_after(stack)
        breaking = self._breaking_operands(chain, inner, after)
        if breaking not in ([0], [len(chain.lines)]):
            return None
        operand = chain.operands[breaking[0]]
        groups = [place for place, part in enumerate(operand) if isinstance(part, Group)]
        if not groups or any(isinstance(part, Chain) for part in operand):
            return None
        others = self._width(chain.parts) - self._width(operand)
        head = self._width(operand[: groups[0]]) + (others if breaking[0] else 0)
        tail = self._width(operand[groups[-1] + 1 :]) + (0 if breaking[0] else others)
        fits = self._page.column + head < WIDTH and indent + tail + after < WIDTH
        return breaking[0] if fits else None

    def _breaking_operands(self, chain: Chain, inner: int, after: int) -> list[int]:
        """The operands that break if each begins a line; none if the comments demand such lines."""
        if any(self._measure(line)[1] for line in chain.lines):
            return []
        starts = [self._page.column] + [inner] * len(chain.lines)
        ends = [start + self._width(op) for start, op in zip(starts, chain.operands, strict=True)]
        ends[-1] += after
        return [
            number
            for number, operand in enumerate(chain.operands)
            if ends[number] > WIDTH or any(self._measure(part)[1] for part in operand)
        ]

    def _fits(self, document: Group | Chain, stack: Stack) -> bool:
        width, breaks = self._measure(document)
        left = WIDTH - self._page.column - width
        return not breaks and left >= 0 and self._width_after(stack) <= left

    def _width_after(self, stack: Stack) -> int:
        """How much follows up to the next break, at least where that is more than a line."""
        width = 0
        for _, document in reversed(stack):
            for part in _opened(document):
                if width > WIDTH or _starts_with_line(part):
                    return width
                if isinstance(part, Group) and not part.is_late:
                    return width + self._measure(part.parts[0])[0]
                width += self._measure(part)[0]
        return width

    def _width(self, parts: Sequence[Document]) -> int:
        return sum(self._measure(part)[0] for part in parts)

    def _measure(self, document: Document) -> tuple[int, bool]:
        """The width on one line, and whether the document cannot be on one."""
        if isinstance(document, str):
            return len(document), False
        if document not in self._measured:
            self._measured[document] = self._measure_anew(document)
        return self._measured[document]

    def _measure_anew(self, document: Line | Nest | Group | Chain) -> tuple[int, bool]:
        if isinstance(document, Line):
            return len(document.flat), document.kept or bool(self._gaps[document.gap].comments)
        widths, breaks = zip(*map(self._measure, document.parts), strict=True)
        return sum(widths), any(breaks) or (isinstance(document, Group) and document.kept)


def _flat(parts: Sequence[Document]) -> str:
    """The parts on one line."""
    return "".join(_on_one_line(part) for part in parts)


def _on_one_line(document: Document) -> str:
    if isinstance(document, str):
        return document
    return document.flat if isinstance(document, Line) else _flat(document.parts)


def _opened(document: Document) -> Iterator[Document]:
    """The document, or what is in it: a Nest has no width of its own and may begin with a Line."""
    if isinstance(document, Nest):
        for part in document.parts:
            yield from _opened(part)
    else:
        yield document


def _starts_with_line(document: Document) -> bool:
    """Whether a line can break before any text of a document of a group that is broken."""
    if isinstance(document, Group):
        return bool(document.parts) and _starts_with_line(document.parts[0])
    return isinstance(document, Line)

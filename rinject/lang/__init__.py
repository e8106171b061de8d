"""The `.rasp` language: source text to checked tracr RASP objects."""

from rinject.lang.diagnostics import Diagnostic, Note, SourceError, Span
from rinject.lang.header import AnswerRule, Header, SymbolRule
from rinject.lang.interpreter import interpret, interpret_many
from rinject.lang.program import Program, load_program

__all__ = [
    "AnswerRule",
    "Diagnostic",
    "Header",
    "Note",
    "Program",
    "SourceError",
    "Span",
    "SymbolRule",
    "interpret",
    "interpret_many",
    "load_program",
]

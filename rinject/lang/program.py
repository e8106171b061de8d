"""A RASP program, ready to be evaluated, compiled or injected."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.lang.checker import check
from rinject.lang.context import Context
from rinject.lang.diagnostics import Diagnostic, SourceError, Span, did_you_mean
from rinject.lang.files import FolderLoader, KeptLoader, check_size, read_source
from rinject.lang.header import Header
from rinject.lang.index import Index
from rinject.lang.interpreter import interpret
from rinject.lang.naming import BASE_SOPS


@dataclass(frozen=True, eq=False)
class Program:
    """A checked program and its s-ops as tracr RASP objects."""

    path: Path | None
    """The file it came from, if any."""
    source: str
    """Its text."""
    sha256: str
    """The hash of its text and of what it loads in UTF-8, in hexadecimal."""
    header: Header
    """What it says about its input, output and text."""
    sops: Mapping[str, rasp.SOp]
    """Its public variables in the order of definition, each annotated with its name."""
    selectors: Mapping[str, rasp.Selector]
    """The selectors of its top level by name."""
    warnings: tuple[Diagnostic, ...]
    """What is suspicious in it, in the order of the source."""
    sources: Mapping[str, str]
    """The text of each file it consists of, its own first, by the name that spans give it."""
    index: Index
    """Where its names are bound and used."""
    places: Mapping[int, Span]
    """By the id of an s-op or selector: the expression that first made it."""

    @property
    def name(self) -> str:
        """What its header calls it, or else its file."""
        return self.header.name

    @property
    def names(self) -> tuple[str, ...]:
        """The public variables; `evaluate` takes the base s-ops too."""
        return tuple(self.sops)

    @property
    def loaded(self) -> dict[str, str]:
        """The texts of the files that it loads, by their names from its own folder."""
        if self.path is None:
            return dict(list(self.sources.items())[1:])
        folder = self.path.parent
        others = list(self.sources.items())[1:]
        return {Path(name).relative_to(folder).as_posix(): text for name, text in others}

    @property
    def output(self) -> rasp.SOp:
        """The s-op that the program computes. Raises InputError where it has none."""
        if self.header.output not in self.sops:
            raise InputError(
                f"the program `{self.name}` computes no s-op",
                hint="assign one to a variable, as in `doubled = indices * 2;`",
            )
        return self.sops[self.header.output]

    def evaluate(
        self, tokens: Sequence[Any], name: str | None = None, *, causal: bool | None = None
    ) -> list[Any]:
        """The values of one variable (default: the output) at each of the T tokens.

        Of a selector: T rows of T truth values, a row for each position that selects. This is the
        reference meaning, computed by tracr's interpreter; None is "no value". `causal` overrides
        the header. Raises InputError for an unknown name, for a token outside the vocabulary, and
        where the program has no meaning on the input.
        """
        self._check_tokens(tokens)
        expr = self.output if name is None else self.find(name)
        return interpret(expr, tokens, causal=self.header.causal if causal is None else causal)

    def find(self, name: str) -> rasp.RASPExpr:
        """The s-op or selector of a public name; raises InputError."""
        known: dict[str, rasp.RASPExpr] = {**BASE_SOPS, **self.selectors, **self.sops}
        if name not in known:
            raise InputError(
                f"the program `{self.name}` has no variable `{name}`",
                hint=did_you_mean(name, known, otherwise=f"it has {', '.join(self.names)}"),
            )
        return known[name]

    def _check_tokens(self, tokens: Sequence[Any]) -> None:
        vocabulary = self.header.vocabulary
        for token in tokens if vocabulary else ():
            if token not in vocabulary:
                raise InputError(
                    f"the program `{self.name}` has no symbol {token!r}",
                    hint=f"its vocabulary is {' '.join(vocabulary)}",
                )


def load_program(
    path: str | Path | None = None,
    *,
    text: str | None = None,
    loaded: Mapping[str, str] | None = None,
) -> Program:
    """Loads a program from a file or from its text.

    With a text, `loaded` holds the texts of what it loads, as `Program.loaded` does. Raises
    InputError when the file cannot be read, and SourceError (an InputError), which carries all
    diagnostics, when the program has mistakes.
    """
    if (path is None) == (text is None):
        raise InputError("give either the path of a program or its text")
    path = None if path is None else Path(path)
    source = read_source(path) if path is not None else text or ""
    return check_program(source, path, loaded=loaded)


@dataclass(frozen=True, eq=False)
class Analysis:
    """What can be said about a text, with or without mistakes."""

    program: Program | None
    """None where there are mistakes."""
    diagnostics: tuple[Diagnostic, ...]
    """Everything wrong or suspicious in it, and in what it loads."""
    sources: Mapping[str, str]
    """The text of each file that was read, by the name that spans give it."""
    index: Index
    """Where names are bound and used, poison where a mistake is; empty after one of syntax."""


def analyse(source: str, path: Path | None) -> Analysis:
    """As `check_program`, but mistakes are not raised; InputError only for a text too long."""
    context = Context()
    try:
        program = check_program(source, path, context=context)
    except SourceError as error:
        return Analysis(None, error.diagnostics, context.sources, context.index)
    return Analysis(program, program.warnings, program.sources, program.index)


def check_program(
    source: str,
    path: Path | None,
    *,
    loaded: Mapping[str, str] | None = None,
    context: Context | None = None,
) -> Program:
    """The program of a text that was, or is to be, the file `path`; errors as `load_program`."""
    check_size(len(source), "the program")
    loader = KeptLoader(loaded or {}) if path is None else FolderLoader(path.parent)
    name = path.stem if path is not None else "program"
    checked = check(source, str(path or "<text>"), name, loader, context)
    return Program(
        path=path,
        source=source,
        sha256=_hash(checked.sources.values()),
        header=checked.header,
        sops=MappingProxyType(checked.sops),
        selectors=MappingProxyType(checked.selectors),
        warnings=checked.warnings,
        sources=MappingProxyType(checked.sources),
        index=checked.index,
        places=checked.places,
    )


def _hash(texts: Iterable[str]) -> str:
    """The hash of the files of a program; that of one file is the hash of its text."""
    whole = "\0".join(texts)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()

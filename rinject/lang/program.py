"""A RASP program, ready to be evaluated, compiled or injected."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.lang.checker import check
from rinject.lang.diagnostics import did_you_mean
from rinject.lang.header import Header
from rinject.lang.interpreter import interpret
from rinject.lang.naming import BASE_SOPS
from rinject.lang.parser import parse


@dataclass(frozen=True, eq=False)
class Program:
    """A checked program and its s-ops as tracr RASP objects."""

    path: Path | None
    """The file it came from, if any."""
    source: str
    """Its text."""
    sha256: str
    """The hash of its text in UTF-8, in hexadecimal."""
    header: Header
    """What it says about its input, output and text."""
    sops: Mapping[str, rasp.SOp]
    """Its public variables in the order of definition, each annotated with its name."""

    @property
    def name(self) -> str:
        """What its header calls it, or else its file."""
        return self.header.name

    @property
    def names(self) -> tuple[str, ...]:
        """The public variables; `evaluate` takes the base s-ops too."""
        return tuple(self.sops)

    @property
    def output(self) -> rasp.SOp:
        """The s-op that the program computes."""
        return self.sops[self.header.output]

    def evaluate(
        self, tokens: Sequence[Any], name: str | None = None, *, causal: bool | None = None
    ) -> list[Any]:
        """The values of one variable (default: the output) at each of the T tokens.

        This is the reference meaning, computed by tracr's interpreter; None is "no value".
        `causal` overrides the header. Raises InputError for an unknown name, for a token outside
        the vocabulary, and where the program has no meaning on the input.
        """
        self._check_tokens(tokens)
        sop = self.output if name is None else self._find(name)
        return interpret(sop, tokens, causal=self.header.causal if causal is None else causal)

    def _find(self, name: str) -> rasp.SOp:
        known = {**BASE_SOPS, **self.sops}
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


def load_program(path: str | Path | None = None, *, text: str | None = None) -> Program:
    """Loads a program from a file or from its text.

    Raises InputError when the file cannot be read, and SourceError (an InputError), which
    carries all diagnostics, when the program has mistakes.
    """
    if (path is None) == (text is None):
        raise InputError("give either the path of a program or its text")
    path = None if path is None else Path(path)
    source = _read(path) if path is not None else text or ""
    header_name = path.stem if path is not None else "program"
    checked = check(parse(source, str(path or "<text>")), source, header_name)
    return Program(
        path=path,
        source=source,
        sha256=hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest(),
        header=checked.header,
        sops=MappingProxyType(checked.sops),
    )


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")  # as it is: line ends are part of the hash
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8 (byte {error.start})", hint="is it a .rasp file?"
        ) from None
    except FileNotFoundError:
        near = [p.name for p in path.parent.glob("*.rasp")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near)
        raise InputError(f"there is no program {path}", hint=hint) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None

"""What the session asks the compiler: a model of an s-op, its drawing, the values it can have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from rinject.cli.console import waiting
from rinject.cli.diagram_words import counted
from rinject.cli.drawing import check_picture, diagram_text, save_drawing
from rinject.cli.repl.rendering import DEEPER, headline, line
from rinject.cli.shown_values import item, literal
from rinject.errors import InputError, RinjectError
from rinject.lang.values import SOpRef

if TYPE_CHECKING:
    from rinject.circuit import CompiledModel
    from rinject.cli.repl.engine import Engine

RANDOM_INPUTS = 200  # to verify a model on, beside all short ones
MOST_VALUES = 24  # of a value set as shown
UNNAMED = "the expression"


@dataclass(frozen=True)
class Domain:
    """The inputs that something is compiled for."""

    vocabulary: tuple[Any, ...]
    longest: int

    def __str__(self) -> str:
        return f"inputs of at most {self.longest} of {', '.join(map(item, self.vocabulary))}"


def domain_of(engine: Engine, tokens: Sequence[Any] | None) -> Domain:
    """From an input; without one, from the program loaded last; else from the running example."""
    header = engine.header
    if tokens is None and header is not None and header.vocabulary and header.longest:
        return Domain(header.vocabulary, header.longest)
    tokens = tokens or engine.examples["s-op"].tokens
    return Domain(tuple(dict.fromkeys(tokens)), len(tokens))


def compiled(
    engine: Engine, value: SOpRef, tokens: Sequence[Any] | None
) -> Iterator[RenderableType]:
    """Compiles an s-op, compares the model with the interpreter, and tells its size."""
    from rinject.compiler import verify

    domain = domain_of(engine, tokens)
    with waiting("compiling", quiet=False):
        model = _model(engine, value, domain)
        verified = verify(model, output=value.expr, random_inputs=RANDOM_INPUTS)
    if verified.mismatches:
        raise RinjectError(
            f"the model differs from the program on {verified.mismatches} of {verified.inputs}"
            f" inputs; the first: {verified.first}",
            hint="please report this program",
        )
    yield headline("compiled", f"{engine.name_of(value) or UNNAMED}, for {domain}")
    yield line(
        f"{counted(model.num_layers, 'layer')}, {counted(model.num_heads, 'head')} at most in"
        f" one, residual width {model.residual_width:,}, {model.parameters:,} parameters",
        DEEPER,
    )
    yield line(f"variables: {', '.join(model.variables)}", DEEPER)
    exact = f"exact on all {verified.inputs:,} inputs tried"
    yield line(exact if verified.inputs else "without a value on any input tried", DEEPER)


def drawn(
    engine: Engine,
    value: SOpRef,
    tokens: Sequence[Any] | None,
    file: Path | None = None,
) -> Iterator[RenderableType]:
    """Draws the transformer of an s-op, here or in a file."""
    from rinject.compiler.diagram import diagram_of

    if file is not None:
        check_picture(file)
    with waiting("compiling", quiet=False):
        model = _model(engine, value, domain_of(engine, tokens))
    diagram = diagram_of(model.graph, name=engine.name_of(value) or UNNAMED)
    if file is None:
        yield diagram_text(diagram, engine.width())
    else:
        save_drawing(diagram, file)
        yield line(f"saved in {file}")


def value_set(engine: Engine, value: SOpRef) -> Iterator[Text]:
    """The values that an s-op can have; a line about the reason where that is not known."""
    from rinject.graph import build_graph

    domain = domain_of(engine, None)
    try:
        graph = build_graph(
            value.expr, domain.vocabulary, domain.longest, causal=engine.session.causal
        )
    except InputError as error:
        yield line(f"values on {domain}: unknown, {error.message}", DEEPER)
        return
    values = graph.output_node.values
    shown = [literal(one) for one in values[:MOST_VALUES]]
    shown += [f"… {len(values) - MOST_VALUES:,} more"] if len(values) > MOST_VALUES else []
    yield line(f"values on {domain}: {', '.join(shown)}", DEEPER)


def _model(engine: Engine, value: SOpRef, domain: Domain) -> CompiledModel:
    from rinject.compiler import compile_program

    engine.session.label()
    return compile_program(
        value.expr,
        vocab=domain.vocabulary,
        max_seq_len=domain.longest,
        causal=engine.session.causal,
    )

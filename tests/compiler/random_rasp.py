"""Random well-typed programs, made of tracr RASP objects.

A program is made as lines of Python and run line by line, so that a failure prints exactly what
was compiled. Beside each s-op stands a superset of its values: functions are chosen that suit them,
and domains stay small.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from hypothesis import strategies as st
from tracr.rasp import rasp

Value = Any
MOST_VALUES = 100
"""Of an s-op that is used further."""
MOST_STEPS = 12
DYADIC = 64
"""Fractions with this denominator add up without rounding."""

VOCABULARIES: tuple[tuple[Value, ...], ...] = (
    (0, 1, 2, 3, 4),
    ("a", "b", "c", "d", "e"),
    (-3, -2, -1, 0, 2),
    (0.5, -1.5, 2.0, 0.25, -0.75),
    (True, False),
    (True, 2, -0.5, 0, 3.25),
    (0.1, 0.2, 0.3, -0.7, 1.1),
    ("a", 1, 2.5, "b", False),
)
CONSTANTS: tuple[Value, ...] = (0, 1, 2, -1, 0.5, -2.5, True, False, "a", "b", "z", None)
NAMES = ("first", "second", "same", "tokens", "map_1", "aggregate_1", "select", "pair_1", "π (x)")


@dataclass(frozen=True)
class RandomProgram:
    """An s-op with its domain."""

    output: rasp.SOp
    vocab: tuple[Value, ...]
    max_seq_len: int
    causal: bool
    lines: tuple[str, ...]

    def __repr__(self) -> str:
        domain = f"vocab={self.vocab}, max_seq_len={self.max_seq_len}, causal={self.causal}"
        return "\n".join(
            (
                "",
                "from tracr.rasp import rasp",
                "from rinject import compile_program",
                *self.lines,
                f"model = compile_program(output, {domain})",
            )
        )

    def inputs(self, count: int, rng: random.Random) -> list[tuple[Value, ...]]:
        """Random inputs of all lengths, one of them as long as can be."""
        lengths = [self.max_seq_len] + [rng.randint(1, self.max_seq_len) for _ in range(count - 1)]
        rng.shuffle(lengths)
        return [tuple(rng.choices(self.vocab, k=length)) for length in lengths]


@dataclass(frozen=True, eq=False)
class Known:
    """An s-op of the program."""

    name: str
    """Its variable in the program's text."""
    sop: rasp.SOp
    values: frozenset[Value]
    """What it can be, and perhaps more; None is one of them."""
    rough: bool = False
    """Its last digits depend on the order in which numbers were added: nothing may compare it."""

    @property
    def present(self) -> list[Value]:
        """The values that are not None, in a fixed order."""
        return sorted(self.values - {None}, key=lambda value: (str(type(value)), repr(value)))

    @property
    def optional(self) -> bool:
        """Whether it may have no value."""
        return None in self.values

    @property
    def numbers(self) -> bool:
        """Whether all its values are numbers."""
        return all(isinstance(value, bool | int | float) for value in self.present)

    @property
    def strings(self) -> bool:
        """Whether all its values are strings."""
        return all(isinstance(value, str) for value in self.present)


@dataclass(frozen=True, eq=False)
class KnownSelector:
    """A selector of the program."""

    name: str
    single: bool
    """It can never select two positions."""


@dataclass
class Writer:
    """The program so far."""

    vocab: tuple[Value, ...]
    max_seq_len: int
    lines: list[str] = field(default_factory=list)
    objects: dict[str, Any] = field(default_factory=lambda: {"rasp": rasp})
    sops: list[Known] = field(default_factory=list)
    selectors: list[KnownSelector] = field(default_factory=list)

    def run(self, name: str, code: str) -> Any:
        """Write `name = code`, and do it."""
        value = eval(code, self.objects)
        self.objects[name] = value
        self.lines.append(f"{name} = {code}")
        return value

    def sop(self, code: str, values: Iterable[Value], *, rough: bool = False) -> Known:
        """Add an s-op."""
        name = f"s{len(self.lines)}"
        known = Known(name, self.run(name, code), frozenset(values), rough)
        self.sops.append(known)
        return known

    def selector(self, code: str, *, single: bool) -> KnownSelector:
        """Add a selector."""
        name = f"s{len(self.lines)}"
        self.run(name, code)
        known = KnownSelector(name, single)
        self.selectors.append(known)
        return known

    def needed(self, output: str) -> tuple[str, ...]:
        """The lines that the s-op of that name depends on, and `output`."""
        lines: list[str] = [f"output = {output}"]
        wanted = {output}
        for line in reversed(self.lines):
            name, _, code = line.partition(" = ")
            if name in wanted:
                wanted.update(re.findall(r"\bs\d+\b", code))
                lines.append(line)
        return tuple(reversed(lines))


def random_programs() -> st.SearchStrategy[RandomProgram]:
    """Programs over up to five symbols and seven positions.

    All but the length comes from a seed: programs then differ as a whole, where Hypothesis would
    vary one detail of the last. A failing program is cut down to its first s-op that fails.
    """
    return st.builds(random_program, st.integers(0, 2**32), st.integers(2, MOST_STEPS))


def random_program(seed: int, steps: int) -> RandomProgram:
    """The same seed with fewer steps is the same program without its last lines."""
    rng = random.Random(seed)
    symbols = rng.choice(VOCABULARIES)
    vocab = tuple(rng.sample(symbols, min(len(symbols), rng.choice((1, 2, 3, 3, 4, 5)))))
    longest, causal = rng.choice((1, 2, 3, 4, 5, 5, 6, 7)), rng.random() < 0.5
    writer = Writer(vocab, longest)
    writer.sop("rasp.tokens", vocab)
    writer.sop("rasp.indices", range(longest))
    if not causal:
        writer.sop("rasp.length", range(1, longest + 1))
    for _ in range(steps):
        count = len(writer.sops)
        while len(writer.sops) == count:
            rng.choice(STEPS)(rng, writer)
    output = writer.sops[-1]
    return RandomProgram(output.sop, vocab, longest, causal, writer.needed(output.name))


# --- steps: each adds an s-op, if one that suits is found ---


def _full(rng: random.Random, writer: Writer) -> None:
    value = rng.choice(CONSTANTS)
    writer.sop(f"rasp.Full({value!r})", [value])


def _map(rng: random.Random, writer: Writer) -> None:
    argument = _sop(rng, writer)
    function = rng.choice(_functions(rng, argument))
    simplify = "" if rng.random() < 0.5 else ", simplify=False"
    values = _results(eval(function), [argument])
    if len(values) <= MOST_VALUES:
        code = f"rasp.Map({function}, {argument.name}{simplify})"
        writer.sop(code, values, rough=argument.rough)


def _sequence_map(rng: random.Random, writer: Writer) -> None:
    first, second = _sop(rng, writer), _sop(rng, writer)
    if first is second:  # rarely: tracr logs a warning each time
        second = _sop(rng, writer)
    function = rng.choice(_functions_of_two(rng, first, second))
    values = _results(eval(function), [first, second])
    if len(values) <= MOST_VALUES:
        code = f"rasp.SequenceMap({function}, {first.name}, {second.name})"
        writer.sop(code, values, rough=first.rough or second.rough)


def _linear(rng: random.Random, writer: Writer) -> None:
    numbers = [known for known in writer.sops if known.numbers]
    first, second = (rng.choice(numbers[::-1]) for _ in range(2))
    factors = [rng.choice((1, -1, 2, 0.5, 0, -3)) for _ in range(2)]
    values = _results(lambda x, y: factors[0] * x + factors[1] * y, [first, second])
    if len(values) <= MOST_VALUES:
        code = f"rasp.LinearSequenceMap({first.name}, {second.name}, {factors[0]}, {factors[1]})"
        writer.sop(code, values, rough=first.rough or second.rough)


def _annotated(rng: random.Random, writer: Writer) -> None:
    inner = _sop(rng, writer)
    codes = [f"{inner.name}.named({name!r})" for name in NAMES]
    codes += [f"rasp.categorical({inner.name})"] * 3
    if inner.numbers:
        codes += [f"rasp.numerical({inner.name})"] * 9
    writer.sop(rng.choice(codes), inner.values, rough=inner.rough)


def _width(rng: random.Random, writer: Writer) -> None:
    selector = _selector(rng, writer, depth=2)
    writer.sop(f"rasp.SelectorWidth({selector.name})", range(writer.max_seq_len + 1))


def _aggregate(rng: random.Random, writer: Writer) -> None:
    selector = _selector(rng, writer, depth=2)
    operand = _sop(rng, writer)
    # Several strings, or a None among several, have no mean; numbers beside strings are refused.
    risky = not selector.single and (operand.optional or not operand.numbers)
    if risky and rng.random() < (0.5 if operand.numbers else 0.9):
        return
    averaged = not selector.single and operand.numbers
    values = _means(operand, writer.max_seq_len) if averaged else set(operand.values)
    default = rng.choice(CONSTANTS) if rng.random() < 0.5 else None
    rough = operand.rough or (averaged and not _adds_exactly(operand.present))
    if len(values) <= MOST_VALUES:
        last = "" if default is None else f", default={default!r}"
        code = f"rasp.Aggregate({selector.name}, {operand.name}{last})"
        writer.sop(code, values | {default}, rough=rough)


Step = Callable[[random.Random, Writer], None]
STEPS: tuple[Step, ...] = (
    _map,
    _sequence_map,
    _aggregate,
    _width,
    _sequence_map,
    _aggregate,
    _map,
    _sequence_map,
    _aggregate,
    _linear,
    _annotated,
    _width,
    _full,
)


# --- selectors ---


def _selector(rng: random.Random, writer: Writer, depth: int) -> KnownSelector:
    kind = rng.randrange(10) if depth else 0
    if kind <= 5:
        return _select(rng, writer)
    if kind == 6 and writer.selectors:
        return rng.choice(writer.selectors[::-1])
    first = _selector(rng, writer, depth - 1)
    if kind == 7:
        code = rng.choice((f"~{first.name}", f"rasp.SelectorNot({first.name})"))
        return writer.selector(code, single=False)
    second = _selector(rng, writer, depth - 1)
    if kind == 8:
        codes = f"{first.name} | {second.name}", f"rasp.SelectorOr({first.name}, {second.name})"
        return writer.selector(rng.choice(codes), single=False)
    codes = f"{first.name} & {second.name}", f"rasp.SelectorAnd({first.name}, {second.name})"
    single = first.single or second.single
    return writer.selector(rng.choice(codes), single=single)


def _select(rng: random.Random, writer: Writer) -> KnownSelector:
    keys, queries = _sop(rng, writer, rough=False), _sop(rng, writer, rough=False)
    if rng.random() < 0.25:  # by position, or most strings could never be moved
        keys = writer.sops[1]
        if queries.numbers and not queries.optional:
            predicate, single = rng.choice(_POSITIONS), True
            code = f"rasp.Select({keys.name}, {queries.name}, {predicate})"
            return writer.selector(code, single=single)
    predicate = rng.choice(_predicates(rng, keys, queries))
    return writer.selector(f"rasp.Select({keys.name}, {queries.name}, {predicate})", single=False)


_POSITIONS = (
    "rasp.Comparison.EQ",
    "lambda k, q: k == q - 1",
    "lambda k, q: k == q + 1",
    "lambda k, q: k == 0",
    "lambda k, q: k == 3 - q",
)


def _predicates(rng: random.Random, keys: Known, queries: Known) -> list[str]:
    key, query = _constant(rng, keys), _constant(rng, queries)
    texts = [
        "lambda k, q: k == q",
        "lambda k, q: k != q",
        f"lambda k, q: k == {key!r}",
        f"lambda k, q: q != {query!r}",
        f"lambda k, q: k == {key!r} and q == {query!r}",
        f"lambda k, q: k == {key!r} or q == {query!r}",
        "lambda k, q: k is None",
        "lambda k, q: q is None or k == q",
        "lambda k, q: k is not None",
        "lambda k, q: q is not None",
    ]
    if keys.optional or queries.optional:
        return texts
    texts += [f"rasp.Comparison.{name}" for name in ("EQ", "NEQ", "TRUE", "FALSE")]
    if (keys.numbers and queries.numbers) or (keys.strings and queries.strings):
        texts += [f"rasp.Comparison.{name}" for name in ("LT", "LEQ", "GT", "GEQ")]
        texts += ["lambda k, q: k < q", "lambda k, q: k >= q"]
    if keys.numbers and queries.numbers:
        texts += [
            "lambda k, q: k % 2 == q % 2",
            "lambda k, q: abs(k - q) <= 1",
            "lambda k, q: k + q > 2",
            "lambda k, q: k and not q",
        ]
    return texts


# --- functions ---


def _functions(rng: random.Random, argument: Known) -> list[str]:
    if argument.rough:
        return ["lambda x: -x", "lambda x: x + 1", "lambda x: 2 * x", "lambda x: x / 4"]
    one, other = _constant(rng, argument), _constant(rng, argument)
    if rng.random() < 0.2:
        return [f"lambda x: None if x == {one!r} else x", f"lambda x: {other!r} if x else None"]
    texts = [
        f"lambda x: x == {one!r}",
        f"lambda x: x != {one!r}",
        f"lambda x: x if x == {one!r} else None",
        f"lambda x: {other!r} if x == {one!r} else x",
        f"lambda x: x in ({one!r}, {other!r})",
        f"lambda x: 'p' if x == {one!r} else 'q'",
        f"lambda x: 1 if x == {one!r} else -2",
        "lambda x: not x",
    ]
    if argument.numbers and not _simplifies(argument):
        texts += [
            "lambda x: x + 1",
            "lambda x: x - 3",
            "lambda x: -x",
            "lambda x: 2 * x",
            "lambda x: x / 2",
            "lambda x: x % 2",
            "lambda x: x // 2",
            "lambda x: abs(x)",
            "lambda x: round(x)",
            "lambda x: x ** 2",
            f"lambda x: x > {one!r}",
            f"lambda x: x <= {one!r}",
            f"lambda x: min(x, {one!r})",
            "lambda x: x / 3",
            "lambda x: x / 7",
            "lambda x: 0.1 * x",
            "lambda x: 1 / x",
            "lambda x: None if x < 1 else x - 1",
        ]
    elif argument.strings and not _simplifies(argument):
        texts += [
            "lambda x: x + 'z'",
            "lambda x: x.upper()",
            "lambda x: len(x)",
            "lambda x: x < 'b'",
            "lambda x: ord(x[0]) % 3",
        ]
    return texts


def _simplifies(argument: Known) -> bool:
    """Whether tracr merges a map of it into one function, whose second half may be given None."""
    return argument.optional and isinstance(argument.sop, rasp.Map)


def _functions_of_two(rng: random.Random, first: Known, second: Known) -> list[str]:
    numbers = first.numbers and second.numbers
    if first.rough or second.rough:
        smooth = ["lambda x, y: x + y", "lambda x, y: x - y", "lambda x, y: 2 * x + y / 2"]
        return smooth if numbers else ["lambda x, y: x", "lambda x, y: y"]
    one = _constant(rng, first)
    texts = [
        "lambda x, y: x == y",
        "lambda x, y: x != y",
        f"lambda x, y: x if x == {one!r} else y",
        f"lambda x, y: y if x == {one!r} else None",
        "lambda x, y: x and y",
        "lambda x, y: x or y",
        "lambda x, y: (x, y)",
    ]
    if numbers:
        texts += [
            "lambda x, y: x + y",
            "lambda x, y: x - y",
            "lambda x, y: x * y",
            "lambda x, y: x > y",
            "lambda x, y: x <= y",
            "lambda x, y: max(x, y)",
            "lambda x, y: (x + y) % 3",
            "lambda x, y: 2 * x + y",
            "lambda x, y: abs(x - y) < 2",
            "lambda x, y: x / y",
        ]
    elif first.strings and second.strings:
        texts += ["lambda x, y: x + y", "lambda x, y: x < y", "lambda x, y: min(x, y)"]
    return texts


def _constant(rng: random.Random, known: Known) -> Value:
    """One of its values mostly; rough ones are compared with nothing."""
    candidates = [] if known.rough else known.present
    return rng.choice([*candidates, *candidates, 1, "a"])


# --- supersets of values ---


def _results(function: Callable[..., Value], arguments: Sequence[Known]) -> set[Value]:
    results: set[Value] = {None} if any(known.optional for known in arguments) else set()
    for combination in product(*(known.present for known in arguments)):
        try:
            results.add(function(*combination))
        except (ArithmeticError, LookupError, TypeError, ValueError):
            continue  # has no meaning there
    return results


def _means(operand: Known, longest: int) -> set[Value]:
    """All means of 1 to `longest` values, to nine digits; with None when that may be alone."""
    means: set[Value] = {None} if operand.optional else set()
    sums: set[float] = {0.0}
    for count in range(1, longest + 1):
        sums = {round(total + value, 9) for total in sums for value in operand.present}
        means |= {total / count for total in sums}
        if len(means) > MOST_VALUES:
            break
    return means


def _adds_exactly(numbers: Iterable[Value]) -> bool:
    return all(abs(number) < 10**6 and (number * DYADIC) % 1 == 0 for number in numbers)


def _sop(rng: random.Random, writer: Writer, *, rough: bool = True) -> Known:
    """One of the s-ops so far: often the tokens, and the last ones more than the first."""
    if rng.random() < 0.2:
        return writer.sops[0]
    found = [known for known in writer.sops if rough or not known.rough]
    return rng.choices(found, weights=[(rank + 1) ** 4 for rank in range(len(found))])[0]

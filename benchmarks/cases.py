"""The programs that both compilers are measured on."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tracr.compiler import lib
from tracr.rasp import rasp

from benchmarks import paper_programs

Draw = Callable[[random.Random, "Case"], list[Any]]


@dataclass(frozen=True)
class Case:
    """A tracr RASP program and the inputs it is measured on."""

    name: str
    build: Callable[[], rasp.SOp]
    vocab: tuple[Any, ...]
    longest: int
    """Positions, without BOS. All inputs are as long as that."""
    causal: bool
    draw: Draw
    """A random input."""
    is_slow: bool = False
    """tracr takes more than 20 s."""

    def inputs(self, count: int) -> list[list[Any]]:
        """The same ones at every call."""
        rng = random.Random(self.name)
        return [self.draw(rng, self) for _ in range(count)]


def _any_tokens(rng: random.Random, case: Case) -> list[Any]:
    return rng.choices(case.vocab, k=case.longest)


def _brackets(rng: random.Random, case: Case) -> list[str]:
    """Half of the inputs are balanced: brackets put in anywhere, each pair in its order."""
    tokens: list[str] = []
    while len(tokens) < case.longest - 2:
        left, right = rng.choice(paper_programs.BRACKETS)
        first, second = sorted(rng.randint(0, len(tokens)) for _ in range(2))
        tokens[first:first] = [left]
        tokens[second + 1 : second + 1] = [right]
    if rng.random() < 0.5:
        tokens[rng.randrange(len(tokens))] = rng.choice("(){}[]")
    return ["_"] * (case.longest - 1 - len(tokens)) + tokens + ["compute"]


def _counted(rng: random.Random, case: Case) -> list[str]:
    share = rng.random()
    text = ["x" if rng.random() < share else "y" for _ in range(case.longest - 3)]
    return [*text, "compute", *f"{text.count('x')}_"[:2]]


def _sum(rng: random.Random, case: Case) -> list[str]:
    """A sum of two numbers of one to three digits, with "_" in front."""
    first, second = (rng.randrange(10 ** rng.randint(1, 3)) for _ in range(2))
    tokens = [*f"{first}+{second}={first + second}"]
    return ["_"] * (case.longest - len(tokens)) + tokens


PAPER = (
    Case(
        "shuffle_dyck",
        paper_programs.shuffle_dyck,
        (*"(){}[]", "compute", "_"),
        40,
        True,
        _brackets,
        is_slow=True,
    ),
    Case(
        "count",
        paper_programs.count,
        ("x", "y", "compute", "_", *paper_programs.DIGITS),
        60,
        True,
        _counted,
        is_slow=True,
    ),
    Case("int_sum", paper_programs.int_sum, (*paper_programs.DIGITS, *"+=_"), 16, True, _sum),
)

# Programs of tracr's library. A width above 9 is more than tracr's models count exactly.
OTHERS = (
    Case("length", lib.make_length, (*"abcd",), 9, False, _any_tokens),
    Case("reverse", lambda: lib.make_reverse(rasp.tokens), (*"abcd",), 9, False, _any_tokens),
    Case("histogram", lib.make_hist, (*"abcd",), 9, False, _any_tokens),
    Case(
        "sort",
        lambda: lib.make_sort(rasp.tokens, rasp.tokens, max_seq_len=8, min_key=1),
        (1, 2, 3, 4, 5, 6, 7, 8),
        8,
        False,
        _any_tokens,
    ),
    Case("sort_by_frequency", lambda: lib.make_sort_freq(8), (1, 2, 3, 4), 8, False, _any_tokens),
    Case("count_less_freq", lambda: lib.make_count_less_freq(2), (*"abcd",), 9, False, _any_tokens),
    Case(
        "frac_prevs",
        lambda: lib.make_frac_prevs(rasp.tokens == "x"),
        (*"xyz",),
        20,
        False,
        _any_tokens,
    ),
    Case(
        "pair_balance",
        lambda: lib.make_pair_balance(rasp.tokens, "(", ")"),
        (*"()a",),
        10,
        False,
        _any_tokens,
    ),
    Case("shuffle_dyck_2", lib.make_shuffle_dyck2, (*"(){}",), 8, False, _any_tokens),
    Case(
        "detect_pattern",
        lambda: lib.detect_pattern(rasp.tokens, "abc"),
        (*"abc",),
        20,
        False,
        _any_tokens,
    ),
)

CASES = {case.name: case for case in (*PAPER, *OTHERS)}
"""All programs by name."""

"""Programs with inputs and expected outputs, shared by the tests of language and compiler.

Every expected output was worked out by hand from the meaning of RASP, not by running anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A program and what it computes."""

    name: str
    source: str
    vocab: tuple[Any, ...]
    max_seq_len: int
    causal: bool
    examples: tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]

    def __str__(self) -> str:
        return self.name


def _case(
    name: str,
    source: str,
    *examples: tuple[Any, Any],
    vocab: Any = "abc",
    longest: int = 5,
    causal: bool = False,
) -> Case:
    pairs = tuple((tuple(given), tuple(expected)) for given, expected in examples)
    return Case(name, source, tuple(vocab), longest, causal, pairs)


T, F, N = True, False, None
DIGITS = (0, 1, 2, 3)

ELEMENTWISE = [
    _case("equals a constant", 'out = tokens == "a";', ("abca", [T, F, F, T])),
    _case("constant on the left", "out = 3 - indices;", ("abc", [3, 2, 1])),
    _case("rewritten tokens", 'out = "x" if tokens == "a" else tokens;', ("abca", "xbcx")),
    _case("sum", "out = indices + 2;", ("abc", [2, 3, 4])),
    _case("sum of two", "out = tokens + indices;", ((3, 1, 2), [3, 2, 4]), vocab=DIGITS),
    _case("difference of two", "out = tokens - indices;", ((0, 0, 3), [0, -1, 1]), vocab=DIGITS),
    _case("product", "out = indices * indices;", ("abcab", [0, 1, 4, 9, 16])),
    _case("true division", "out = tokens / 2;", ((1, 2, 3), [0.5, 1.0, 1.5]), vocab=DIGITS),
    _case("remainder", "out = indices % 2;", ("abcab", [0, 1, 0, 1, 0])),
    _case("power", "out = 2 ^ indices;", ("abca", [1, 2, 4, 8])),
    _case("power binds from the right", "out = indices * 0 + 2 ^ 3 ^ 0;", ("ab", [2, 2])),
    _case("minus binds below power", "out = -indices ^ 2;", ("abc", [0, -1, -4])),
    _case("negation", "out = -indices;", ("abc", [0, -1, -2])),
    _case("comparison of two", "out = tokens < indices;", ((1, 0, 2), [F, T, F]), vocab=DIGITS),
    _case("not equal", 'out = tokens != "b";', ("abc", [T, F, T])),
    _case("at least", "out = indices >= 2;", ("abcd", [F, F, T, T]), vocab="abcd"),
    _case("and", "out = indices > 0 and indices < 3;", ("abcab", [F, T, T, F, F])),
    _case("or", 'out = tokens == "a" or tokens == "b";', ("abc", [T, T, F])),
    _case("not", 'out = not tokens == "a";', ("ab", [F, T])),
    _case("rounding", "out = round(indices / 4);", ("abcd", [0, 0, 0, 1]), vocab="abcd"),
    _case("indicator", 'out = indicator(tokens == "a");', ("aba", [1, 0, 1])),
    _case("member of a list", 'out = tokens in ["a", "c"];', ("abc", [T, F, T])),
    _case("member of s-ops", "out = tokens in [indices, 3];", ((0, 3, 1), [T, T, F]), vocab=DIGITS),
    _case(
        "conditional on two s-ops",
        'out = indices if tokens == "a" else 0;',
        ("abaa", [0, 0, 2, 3]),
    ),
    _case(
        "conditional on three s-ops",
        """
        width = selector_width(select(tokens, tokens, ==));
        out = indices if tokens == "a" else width;
        """,
        ("abca", [0, 1, 1, 3]),
        ("bbab", [3, 3, 2, 3]),
    ),
    _case(
        "conditional chain",
        'out = 1 if tokens == "a" else 2 if tokens == "b" else 3;',
        ("abc", [1, 2, 3]),
    ),
    _case("conditional known in advance", "out = indices if 1 < 2 else tokens;", ("ab", [0, 1])),
]

ATTENTION = [
    _case(
        "reverse",
        """
        flip = select(indices, length - 1 - indices, ==);
        out = aggregate(flip, tokens);
    """,
        ("abca", "acba"),
        ("a", "a"),
    ),
    _case(
        "reverse without length",
        """
        n = selector_width(full_s);
        flip = select(indices, n - 1 - indices, ==);
        out = aggregate(flip, tokens);
        """,
        ("abca", "acba"),
        ("ab", "ba"),
    ),
    _case("histogram", "out = selector_width(select(tokens, tokens, ==));", ("abaa", [3, 1, 3, 3])),
    _case(
        "histogram of the past",
        "out = selector_width(select(tokens, tokens, ==));",
        ("abaa", [1, 1, 2, 3]),
        causal=True,
    ),
    _case(
        "count of a symbol",
        'out = selector_width(select(tokens, "a", ==));',
        ("abaa", [1, 1, 2, 3]),
        ("bb", [0, 0]),
        causal=True,
    ),
    _case(
        "count of a condition",
        'out = selector_width(select(tokens == "a", True, ==));',
        ("abaa", [3, 3, 3, 3]),
    ),
    _case(
        "constant as the key",
        "out = selector_width(select(1, indices, ==));",
        ("abc", [0, 3, 0]),
    ),
    _case(
        "fraction of a symbol so far",
        'out = aggregate(full_s, indicator(tokens == "a"));',
        ("abba", [1, 1 / 2, 1 / 3, 2 / 4]),
        causal=True,
    ),
    _case(
        "previous token",
        "out = aggregate(select(indices, indices - 1, ==), tokens);",
        ("abc", [N, "a", "b"]),
        causal=True,
    ),
    _case(
        "previous token with a default",
        'out = aggregate(select(indices, indices - 1, ==), tokens, "c");',
        ("aba", "cab"),
        causal=True,
    ),
    _case(
        "no value stays no value",
        """
        previous = aggregate(select(indices, indices - 1, ==), tokens);
        out = previous == tokens;
        """,
        ("abb", [N, F, T]),
        causal=True,
    ),
    _case(
        "a number where nothing is selected is 0",
        """
        previous = aggregate(select(indices, indices - 1, ==), indices);
        out = previous + indices;
        """,
        ("abc", [0, 1, 3]),
        causal=True,
    ),
    _case(
        "no value selects nothing",
        """
        previous = aggregate(select(indices, indices - 1, ==), tokens);
        out = selector_width(select(tokens, previous, !=));
        """,
        ("aab", [0, 1, 1]),
        vocab="ab",
    ),
    _case(
        "constant values",
        'out = aggregate(select(tokens, "a", ==), 1, 0);',
        ("ba", [1, 1]),
        ("bb", [0, 0]),
    ),
    _case("mean", "out = aggregate(full_s, tokens);", ((1, 2, 3), [2.0] * 3), vocab=DIGITS),
    _case(
        "selectors joined by and",
        """
        earlier = select(indices, indices, <);
        same = select(tokens, tokens, ==);
        out = selector_width(earlier and same);
        """,
        ("abaa", [0, 0, 1, 2]),
    ),
    _case(
        "selectors joined by or and not",
        """
        first = select(indices, 0, ==);
        out = selector_width(first or not select(tokens, tokens, ==));
        """,
        ("abb", [3, 1, 1]),
    ),
    _case(
        "sorted numbers",
        """
        smaller = select(tokens, tokens, <)
            or (select(tokens, tokens, ==) and select(indices, indices, <));
        place = selector_width(smaller);
        out = aggregate(select(place, indices, ==), tokens);
        """,
        ((3, 1, 2, 1), (1, 1, 2, 3)),
        vocab=DIGITS,
        longest=4,
    ),
]

PROGRAMS = [
    _case(
        "rebinding keeps earlier uses",
        "x = indices; y = x + 1; x = y * 2; out = x - y;",
        ("abc", [1, 2, 3]),
    ),
    _case(
        "function with two results",
        """
        def both(x, y) { total = x + y; return total, x - y; }
        plus, minus = both(indices, 1);
        out = plus * minus;
        """,
        ("abc", [-1, 0, 3]),
    ),
    _case(
        "function of a function",
        """
        def twice(f, x) { return f(f(x)); }
        def next(x) { return x + 1; }
        out = twice(next, indices);
        """,
        ("ab", [2, 3]),
    ),
    _case(
        "loop with accumulator",
        """
        total = 0;
        for weight, symbol in zip([1, 2], "ab") {
            total = total + weight * indicator(tokens == symbol);
        }
        out = total;
        """,
        ("abc", [1, 2, 0]),
    ),
    _case(
        "lists",
        """
        xs = [indices, indices + 1] + [indices * 2];
        shifted = [x - 1 for x in xs];
        odd = [n for n in range(1, 6) if n % 2 == 1];
        out = shifted[-1] + len(xs) + odd[1];
        """,
        ("abc", [5, 7, 9]),
    ),
    _case("expression as the output", "indices + 1;", ("ab", [1, 2])),
    _case(
        "own length",
        "length = selector_width(full_s); out = length - indices;",
        ("abc", [3, 2, 1]),
    ),
    _case(
        "balanced brackets",
        """
        # One kind, judged at every position.
        def count(symbol) { return selector_width(select(tokens, symbol, ==)); }
        depth = count("(") - count(")");
        negatives = selector_width(select(depth, 0, <));
        balanced = depth == 0 and negatives == 0;
        """,
        ("(())", [F, F, F, T]),
        (")(", [F, F]),
        vocab="()",
        causal=True,
    ),
    _case(
        "named in a loop",
        """
        counts = [];
        for symbol in "ab" {
            width = named(selector_width(select(tokens, symbol, ==)), "count " + symbol);
            counts = counts + [width];
        }
        out = counts[0] - counts[1];
        """,
        ("aab", [1, 2, 1]),
        vocab="ab",
        causal=True,
    ),
]

CASES = [*ELEMENTWISE, *ATTENTION, *PROGRAMS]

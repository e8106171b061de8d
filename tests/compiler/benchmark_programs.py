"""Programs of the kind that interpretability benchmarks compile, as tracr RASP objects.

Sorting, counting, masking, moving, detecting, arithmetic, means, classes: each family is a function
that adds its programs to one table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

from tracr.rasp import rasp
from tracr.rasp.rasp import Comparison

Value = Any
T, I = rasp.tokens, rasp.indices  # noqa: E741


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A program with its domain."""

    name: str
    output: rasp.SOp
    vocab: tuple[Value, ...]
    max_seq_len: int
    causal: bool = False

    def __str__(self) -> str:
        return self.name


LETTERS, DIGITS, BITS = "abc", (0, 1, 2, 3), (0, 1)
Entry = tuple[str, rasp.SOp]


# --- what the programs are made of ---

ALL = rasp.Select(I, I, Comparison.TRUE)
BEFORE = rasp.Select(I, I, Comparison.LT)
UP_TO = rasp.Select(I, I, Comparison.LEQ)
AFTER = rasp.Select(I, I, Comparison.GT)
SAME = rasp.Select(T, T, Comparison.EQ)
SMALLER = rasp.Select(T, T, Comparison.LT)
GREATER = rasp.Select(T, T, Comparison.GT)


def apply(function: Callable[[Value], Value], x: rasp.SOp) -> rasp.SOp:
    return rasp.Map(function, x)


def join(function: Callable[[Value, Value], Value], x: rasp.SOp, y: rasp.SOp) -> rasp.SOp:
    return rasp.SequenceMap(function, x, y)


def only(x: rasp.SOp, value: Value) -> rasp.Selector:
    """The positions where x has a value."""
    return rasp.Select(x, rasp.Full(value), Comparison.EQ)


def count(selector: rasp.Selector) -> rasp.SOp:
    return rasp.SelectorWidth(selector)


def some(selector: rasp.Selector) -> rasp.SOp:
    """Whether anything is selected."""
    return apply(lambda width: width > 0, count(selector))


def none(selector: rasp.Selector) -> rasp.SOp:
    return apply(lambda width: width == 0, count(selector))


def at(position: rasp.SOp, x: rasp.SOp, default: Value = None) -> rasp.SOp:
    """The value of x at a position computed for each position."""
    return rasp.Aggregate(rasp.Select(I, position, Comparison.EQ), x, default=default)


def move(offset: int, x: rasp.SOp, default: Value = None) -> rasp.SOp:
    """The value of x so many positions before."""
    select = rasp.Select(I, I, lambda k, q: k == q - offset)
    return rasp.Aggregate(select, x, default=default)


def mean(selector: rasp.Selector, x: rasp.SOp, default: Value = 0) -> rasp.SOp:
    return rasp.numerical(rasp.Aggregate(selector, rasp.numerical(x), default=default))


def number(x: rasp.SOp) -> rasp.SOp:
    """1 where x is true."""
    return apply(lambda value: 1 if value else 0, x)


def rank(x: rasp.SOp, before: Comparison = Comparison.LT) -> rasp.SOp:
    """The position of each value among the sorted ones; equal values keep their order."""
    ties = rasp.Select(x, x, Comparison.EQ) & BEFORE
    return count(rasp.Select(x, x, before) | ties)


def ordered(values: rasp.SOp, keys: rasp.SOp, before: Comparison = Comparison.LT) -> rasp.SOp:
    return rasp.Aggregate(rasp.Select(rank(keys, before), I, Comparison.EQ), values)


def everywhere(condition: rasp.SOp) -> rasp.SOp:
    """Whether it holds at all positions."""
    return none(only(condition, False))


def first(condition: rasp.SOp) -> rasp.SOp:
    """The first position where it holds, -1 where it never does."""
    earlier = count(only(condition, True) & BEFORE)
    is_first = join(lambda holds, n: bool(holds) and n == 0, condition, earlier)
    return rasp.Aggregate(only(is_first, True), I, default=-1)


def last(condition: rasp.SOp) -> rasp.SOp:
    later = count(only(condition, True) & AFTER)
    is_last = join(lambda holds, n: bool(holds) and n == 0, condition, later)
    return rasp.Aggregate(only(is_last, True), I, default=-1)


def running(x: rasp.SOp) -> rasp.SOp:
    """The sum of the integers of x so far."""
    share = mean(UP_TO, x)
    return join(lambda m, i: round(m * (i + 1)), share, I)


NEW = none(SAME & BEFORE)
"""Whether a token is the first of its kind."""


# --- families ---


def sorting() -> Iterator[Entry]:
    down = Comparison.GT
    yield "sort", ordered(T, T)
    yield "sort descending", ordered(T, T, down)
    yield "sort by parity", ordered(T, apply(lambda x: x % 2, T))
    yield "sort by distance from two", ordered(T, apply(lambda x: abs(x - 2), T))
    yield "sort by frequency", ordered(T, count(SAME), down)
    yield "sort positions", ordered(I, T)
    yield "sort pairs of token and count", ordered(join(lambda x, y: (x, y), T, count(SAME)), T)
    yield "rank", rank(T)
    yield "rank descending", rank(T, down)
    yield "rank among distinct", count(SMALLER & only(NEW, True))
    yield "smaller before", count(SMALLER & BEFORE)
    yield "inversions at a position", count(GREATER & BEFORE)
    yield "is sorted", none(only(some(GREATER & BEFORE), True))
    yield "is strictly sorted", everywhere(join(lambda p, x: p < x, move(1, T, -1), T))
    yield "maximum", at(apply(lambda n: n - 1, rasp.length), ordered(T, T))
    yield "minimum", at(rasp.Full(0), ordered(T, T))
    yield "second smallest", at(rasp.Full(1), ordered(T, T), -1)
    yield "median", at(apply(lambda n: n // 2, rasp.length), ordered(T, T))
    yield "where the maximum is", first(none(GREATER))
    yield "where the minimum last is", last(none(SMALLER))


def counting() -> Iterator[Entry]:
    for letter in LETTERS:
        yield f"count {letter}", count(only(T, letter))
    yield "histogram", count(SAME)
    yield "histogram so far", count(SAME & UP_TO)
    yield "histogram to come", count(SAME & AFTER)
    yield "others", count(~SAME)
    yield "distinct", count(only(NEW, True))
    yield "distinct so far", count(only(NEW, True) & UP_TO)
    yield "once only", count(only(apply(lambda n: n == 1, count(SAME)), True))
    yield "more than once", apply(lambda n: n > 1, count(SAME))
    yield "is the most frequent", none(rasp.Select(count(SAME), count(SAME), Comparison.GT))
    yield "a is the majority", join(lambda a, n: 2 * a > n, count(only(T, "a")), rasp.length)
    yield "as many a as b", join(lambda a, b: a == b, count(only(T, "a")), count(only(T, "b")))
    yield "more a than b", join(lambda a, b: a - b, count(only(T, "a")), count(only(T, "b")))
    yield "parity of a", apply(lambda n: n % 2, count(only(T, "a")))
    yield "a so far, modulo 3", apply(lambda n: n % 3, count(only(T, "a") & UP_TO))
    yield "length", rasp.length
    yield "length is even", apply(lambda n: n % 2 == 0, rasp.length)
    yield "runs", count(only(join(lambda p, x: p != x, move(1, T, ""), T), True))
    ab = join(lambda p, x: p == "a" and x == "b", move(1, T, ""), T)
    yield "pairs ab", count(only(ab, True))
    yield "pairs ab so far", count(only(ab, True) & UP_TO)
    yield "positions with a neighbour alike", count(only(alike_next_to(), True))


def alike_next_to() -> rasp.SOp:
    left = join(lambda p, x: p == x, move(1, T, ""), T)
    right = join(lambda p, x: p == x, move(-1, T, ""), T)
    return join(lambda x, y: x or y, left, right)


def masking() -> Iterator[Entry]:
    def masked(name: str, keep: rasp.SOp) -> Entry:
        return f"mask {name}", join(lambda x, kept: x if kept else "_", T, keep)

    yield masked("repeated", NEW)
    yield masked("unique", apply(lambda n: n > 1, count(SAME)))
    yield masked("a", apply(lambda x: x != "a", T))
    yield masked("all but a", apply(lambda x: x == "a", T))
    yield masked("odd positions", apply(lambda i: i % 2 == 0, I))
    yield masked("all but the first two", apply(lambda i: i < 2, I))
    yield masked("the first", apply(lambda i: i > 0, I))
    yield masked("the last", join(lambda i, n: i < n - 1, I, rasp.length))
    yield masked("all but the ends", join(lambda i, n: i in (0, n - 1), I, rasp.length))
    yield masked("the first half", join(lambda i, n: 2 * i >= n, I, rasp.length))
    yield masked("after the first b", none(only(T, "b") & BEFORE))
    yield masked("until the first b", some(only(T, "b") & BEFORE))
    yield masked("between", join(lambda x, y: x and y, *map(some, (BEFORE & SAME, AFTER & SAME))))
    yield masked("stutter", join(lambda p, x: p != x, move(1, T, ""), T))
    yield "drop a", apply(lambda x: None if x == "a" else x, T)
    yield "drop repeated", join(lambda x, new: x if new else None, T, NEW)
    yield "star of most frequent", join(lambda x, n: x * n, T, count(SAME & UP_TO))
    yield "compress away a", compressed(apply(lambda x: x != "a", T))
    yield "compress to distinct", compressed(NEW)


def compressed(keep: rasp.SOp) -> rasp.SOp:
    """What is kept, moved to the front."""
    place = join(lambda kept, n: n if kept else -1, keep, count(only(keep, True) & BEFORE))
    return rasp.Aggregate(rasp.Select(place, I, Comparison.EQ), T, default="_")


def moving() -> Iterator[Entry]:
    n = rasp.length
    for offset in (1, 2, 3, -1, -2):
        yield f"shift {offset}", move(offset, T)
        yield f"shift {offset} with a default", move(offset, T, "_")
    for offset in (1, 2, -1):
        source = join(lambda i, n, by=offset: (i - by) % n, I, n)  # type: ignore[misc]
        yield f"rotate {offset}", at(source, T)
    yield "reverse", at(join(lambda i, n: n - 1 - i, I, n), T)
    yield (
        "reverse but the ends",
        at(join(lambda i, n: i if i in (0, n - 1) else n - 1 - i, I, n), T),
    )
    yield "swap ends", at(join(lambda i, n: n - 1 - i if i in (0, n - 1) else i, I, n), T)
    yield "swap neighbours", at(apply(lambda i: i + 1 - 2 * (i % 2), I), T, "_")
    yield "stretch", at(apply(lambda i: i // 2, I), T)
    yield "every second", at(apply(lambda i: 2 * i, I), T)
    yield "second half first", at(join(lambda i, n: (i + n // 2) % n, I, n), T)
    yield "mirror the first half", at(join(lambda i, n: min(i, n - 1 - i), I, n), T)
    yield "first", at(rasp.Full(0), T)
    yield "second", at(rasp.Full(1), T)
    yield "last", at(apply(lambda n: n - 1, n), T)
    yield "middle", at(apply(lambda n: n // 2, n), T)
    yield "a b pair", join(lambda x, y: (x, y), T, move(1, T, "_"))
    yield (
        "three in a row",
        join(lambda x, y: (*x, y), join(lambda x, y: (x, y), move(2, T, "_"), move(1, T, "_")), T),
    )


def detecting() -> Iterator[Entry]:
    before, after = move(1, T, ""), move(-1, T, "")
    for pattern in ("ab", "aa", "cab", "abab"):
        yield f"pattern {pattern}", matches(pattern)
        yield f"contains {pattern}", some(only(matches(pattern), True))
    yield "contains a", some(only(T, "a"))
    yield "a came before", some(only(T, "a") & BEFORE)
    yield (
        "a and b came before",
        join(lambda a, b: a and b, some(only(T, "a") & BEFORE), some(only(T, "b") & BEFORE)),
    )
    yield "first a", first(apply(lambda x: x == "a", T))
    yield "last a", last(apply(lambda x: x == "a", T))
    yield "is the first of its kind", NEW
    yield "is the last of its kind", none(SAME & AFTER)
    yield "first of its kind", rasp.Aggregate(SAME & only(NEW, True), I)
    yield "all equal", none(~SAME)
    yield "all equal so far", everywhere(join(lambda p, x: p in ("", x), before, T))
    yield "alternates", everywhere(join(lambda p, x: p != x, before, T))
    yield "alternates so far", none(only(join(lambda p, x: p == x, before, T), True) & UP_TO)
    yield (
        "starts as it ends",
        join(lambda x, y: x == y, at(rasp.Full(0), T), at(apply(lambda n: n - 1, rasp.length), T)),
    )
    mirrored = at(join(lambda i, n: n - 1 - i, I, rasp.length), T)
    yield "palindrome", everywhere(join(lambda x, y: x == y, T, mirrored))
    yield "differs from its mirror", join(lambda x, y: x != y, T, mirrored)
    yield "is between two alike", join(lambda p, n: p == n != "", before, after)
    previous = count(SAME & BEFORE)
    yield "seen twice before", apply(lambda n: n >= 2, previous)
    yield "induction", induction()
    yield "distance from the last of its kind", since_last_of_its_kind()
    yield "repeats two steps ago", join(lambda p, x: p == x, move(2, T, ""), T)
    yield (
        "doubled word",
        everywhere(
            join(
                lambda x, y: x == y,
                T,
                at(join(lambda i, n: (i + (n + 1) // 2) % n, I, rasp.length), T),
            )
        ),
    )


def matches(pattern: str) -> rasp.SOp:
    """Whether the pattern ends here."""
    found = apply(lambda x: x == pattern[-1], T)
    for back, letter in enumerate(reversed(pattern[:-1]), start=1):
        there = apply(lambda x, letter=letter: x == letter, move(back, T, ""))  # type: ignore[misc]
        found = join(lambda x, y: x and y, found, there)
    return found


def latest_of_its_kind() -> rasp.Selector:
    """Selects the last earlier position with the same token."""
    nth = count(SAME & BEFORE)
    return SAME & rasp.Select(nth, nth, lambda k, q: k == q - 1)


def induction() -> rasp.SOp:
    """What followed the token when it came up last."""
    return rasp.Aggregate(latest_of_its_kind(), move(-1, T, "_"), default="?")


def since_last_of_its_kind() -> rasp.SOp:
    place = rasp.Aggregate(latest_of_its_kind(), I, default=-1)
    return join(lambda i, p: i - p if p >= 0 else 0, I, place)


def arithmetic() -> Iterator[Entry]:
    for divisor in (2, 3):
        yield f"index modulo {divisor}", apply(lambda i, d=divisor: i % d, I)  # type: ignore[misc]
    yield "index squared", apply(lambda i: i * i, I)
    yield "triangle numbers", apply(lambda i: i * (i + 1) // 2, I)
    yield "position from the end", join(lambda n, i: n - 1 - i, rasp.length, I)
    yield "distance from the middle", join(lambda n, i: abs(2 * i - n + 1), rasp.length, I)
    yield "nearest end", join(lambda n, i: min(i, n - 1 - i), rasp.length, I)
    yield "token plus index", join(lambda x, i: x + i, T, I)
    yield "token times index", join(lambda x, i: x * i, T, I)
    yield "token plus index modulo 4", join(lambda x, i: (x + i) % 4, T, I)
    yield "twice the token less the index", rasp.LinearSequenceMap(T, I, 2, -1)
    yield "half the token less the index", rasp.LinearSequenceMap(T, I, 0.5, -1)
    yield "greatest common divisor", join(gcd, T, I)
    yield "power", join(lambda x, i: x**i, T, apply(lambda i: i % 3, I))
    yield "collatz", apply(lambda x: x // 2 if x % 2 == 0 else 3 * x + 1, T)
    yield "parity", apply(lambda x: x % 2 == 0, T)
    yield "negated", apply(lambda x: -x, T)
    yield "halved", apply(lambda x: x / 2, T)
    yield "clipped", apply(lambda x: min(max(x, 1), 2), T)
    yield "difference from the token before", join(lambda p, x: x - p, move(1, T, 0), T)
    yield "sum of two neighbours", join(lambda p, x: x + p, move(1, T, 0), T)
    yield (
        "sum of three",
        join(lambda x, y: x + y, join(lambda x, y: x + y, move(1, T, 0), move(-1, T, 0)), T),
    )
    yield "is larger than before", join(lambda p, x: x > p, move(1, T, -1), T)
    yield (
        "peak",
        join(
            lambda x, y: x and y,
            join(lambda p, x: x > p, move(1, T, -1), T),
            join(lambda p, x: x > p, move(-1, T, -1), T),
        ),
    )
    yield "distance from the first", join(lambda x, y: abs(x - y), T, at(rasp.Full(0), T))
    yield "larger than its index", join(lambda x, i: x > i, T, I)
    yield "points at", at(T, T, -1)
    yield "points at twice", at(at(T, T, -1), T, -1)
    yield "in words", apply(lambda x: ("zero", "one", "two", "three")[x], T)


def ciphers() -> Iterator[Entry]:
    def turned(by: int) -> Callable[[str], str]:
        return lambda x: chr((ord(x) - ord("a") + by) % 26 + ord("a"))

    for by in (1, 3, 13, -1):
        yield f"caesar {by}", apply(turned(by), T)
    yield "caesar by index", join(lambda x, i: turned(i)(x), T, I)
    yield "upper at even positions", join(lambda x, i: x if i % 2 else x.upper(), T, I)
    yield (
        "caesar by the letter before",
        join(lambda p, x: turned(ord(p) - ord("a"))(x), move(1, T, "a"), T),
    )
    yield "atbash", apply(lambda x: chr(ord("a") + ord("z") - ord(x)), T)


def scans() -> Iterator[Entry]:
    """What holds from the start up to each position."""
    yield "running sum", running(T)
    yield "running parity", apply(lambda x: x % 2, running(T))
    yield "running sum modulo 3", apply(lambda x: x % 3, running(T))
    yield "running maximum", running_extreme(Comparison.GT)
    yield "running minimum", running_extreme(Comparison.LT)
    yield "is a record", none(rasp.Select(T, T, Comparison.GEQ) & BEFORE)
    yield (
        "records so far",
        count(only(none(rasp.Select(T, T, Comparison.GEQ) & BEFORE), True) & UP_TO),
    )
    yield "rises so far", count(only(join(lambda p, x: x > p, move(1, T, 9), T), True) & UP_TO)
    yield "equal to the running count", join(lambda x, n: x == n, T, count(SAME & UP_TO))
    yield (
        "last larger than one",
        apply(lambda n: n > 0, count(rasp.Select(T, rasp.Full(1), Comparison.GT) & UP_TO)),
    )


def running_extreme(beyond: Comparison) -> rasp.SOp:
    """Records are ever more extreme: the last one so far is the running maximum."""
    record = none(rasp.Select(T, T, lambda k, q: k == q or beyond(k, q)) & BEFORE)
    records = count(only(record, True) & UP_TO)
    place = join(lambda is_one, n: n if is_one else 0, record, records)
    return rasp.Aggregate(rasp.Select(place, records, Comparison.EQ), T)


def means() -> Iterator[Entry]:
    yield "mean", mean(ALL, T)
    yield "mean so far", mean(UP_TO, T)
    yield "mean of what came before", mean(BEFORE, T, -1)
    yield "mean of what is to come", mean(AFTER, T)
    yield "mean of the others alike", mean(SAME & BEFORE, I, -1)
    yield "mean position of its kind", mean(SAME, I)
    yield "mean of the smaller", mean(SMALLER, T, -0.5)
    yield "mean at even positions", mean(only(apply(lambda i: i % 2, I), 0), T)
    yield "mean of neighbours", mean(rasp.Select(I, I, lambda k, q: abs(k - q) <= 1), T)
    yield "mean of squares", mean(ALL, apply(lambda x: x * x, T))
    yield (
        "variance",
        join(lambda s, m: s - m * m, mean(ALL, apply(lambda x: x * x, T)), mean(ALL, T)),
    )
    yield (
        "deviation from the mean",
        rasp.numerical(rasp.LinearSequenceMap(rasp.numerical(T), mean(ALL, T), 1, -1)),
    )
    yield "is above the mean", join(lambda x, m: x > m, T, mean(ALL, T))
    yield "above the mean", count(rasp.Select(T, mean(ALL, T), Comparison.GT))
    yield "mean is at least one", apply(lambda m: m >= 1, mean(ALL, T))
    yield "mean, rounded", apply(round, mean(ALL, T))
    yield "share of ones", mean(ALL, apply(lambda x: x == 1, T))
    yield "share of ones so far", mean(UP_TO, apply(lambda x: x == 1, T))
    yield "mostly ones so far", apply(lambda m: m > 0.5, mean(UP_TO, apply(lambda x: x == 1, T)))
    yield (
        "ones less twos so far",
        rasp.numerical(
            rasp.LinearSequenceMap(
                mean(UP_TO, apply(lambda x: x == 1, T)),
                mean(UP_TO, apply(lambda x: x == 2, T)),
                1,
                -1,
            )
        ),
    )
    yield "mean of negatives", mean(ALL, apply(lambda x: x - 2, T))
    yield "mean of fractions", mean(ALL, apply(lambda x: x / 4 - 0.5, T))
    yield "mean of means", mean(ALL, mean(UP_TO, T))
    yield "mean of differences", mean(ALL, join(lambda p, x: x - p, move(1, T, 0), T))
    yield "mean of new ones", mean(only(NEW, True), T)


def brackets() -> Iterator[Entry]:
    opened, closed = only(T, "(") & UP_TO, only(T, ")") & UP_TO
    depth = join(lambda x, y: x - y, count(opened), count(closed)).named("depth")
    fine = none(rasp.Select(depth, rasp.Full(0), Comparison.LT))
    ends = at(apply(lambda n: n - 1, rasp.length), depth)
    yield "depth", depth
    yield "closed too early", some(rasp.Select(depth, rasp.Full(0), Comparison.LT) & UP_TO)
    yield "balanced", join(lambda x, y: x and y == 0, fine, ends)
    yield "deepest", none(rasp.Select(depth, depth, Comparison.GT))
    yield "depth, at most two", apply(lambda x: max(-1, min(x, 2)), depth)
    yield "as many as opened", join(lambda x, y: x == y, count(opened), count(closed))
    share = [mean(UP_TO, apply(lambda x, b=b: x == b, T)) for b in "()"]  # type: ignore[misc]
    yield "balance as shares", rasp.numerical(rasp.LinearSequenceMap(*share, 1, -1))


def classes() -> Iterator[Entry]:
    good, bad = {"good", "great"}, {"bad"}
    feeling = apply(lambda w: 1 if w in good else -1 if w in bad else 0, T)
    after_not = join(lambda p, x: -x if p == "not" else x, move(1, T, ""), feeling)
    yield "feeling of a word", feeling
    yield "feeling after not", after_not
    yield "feeling of the text", mean(ALL, after_not)
    yield "the text is positive", apply(lambda m: m > 0, mean(ALL, after_not))
    yield "first word's class", at(rasp.Full(0), feeling)
    yield "word length", apply(len, T)
    yield "longest word", none(rasp.Select(apply(len, T), apply(len, T), Comparison.GT))
    yield (
        "word lengths differ from before",
        join(lambda x, y: x != y, apply(len, T), move(1, apply(len, T), 0)),
    )
    yield "is spam", apply(lambda n: n >= 2, count(only(T, "great")))
    yield "plural", apply(lambda w: w + "s", T)
    yield "initials", apply(lambda w: w[0], T)
    yield (
        "same initial as before",
        join(lambda x, y: x == y, apply(lambda w: w[0], T), move(1, apply(lambda w: w[0], T), "")),
    )


FAMILIES: tuple[tuple[Callable[[], Iterator[Entry]], Sequence[Value], int], ...] = (
    (sorting, DIGITS, 5),
    (counting, LETTERS, 6),
    (masking, LETTERS, 5),
    (moving, LETTERS, 6),
    (detecting, LETTERS, 6),
    (arithmetic, DIGITS, 5),
    (ciphers, "axyz", 5),
    (scans, DIGITS, 5),
    (means, DIGITS, 5),
    (brackets, "()x", 6),
    (classes, ("good", "great", "bad", "not", "film"), 5),
)


CAUSAL_TOO = (scans, counting, means, arithmetic)


def _table() -> Iterator[Benchmark]:
    for family, vocab, longest in FAMILIES:
        for name, output in family():
            yield Benchmark(name, output, tuple(vocab), longest)
            if family in CAUSAL_TOO and not _uses_length(output):
                yield Benchmark(f"{name}, causal", output, tuple(vocab), longest, causal=True)


def _uses_length(expr: rasp.RASPExpr) -> bool:
    return isinstance(expr, rasp.LengthType) or any(map(_uses_length, expr.children))


BENCHMARKS = tuple(_table())

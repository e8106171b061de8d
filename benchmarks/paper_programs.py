"""The three programs of the Tracr-Injection paper (arXiv 2505.10719), in Python for tracr.

Written from the paper's description, under causal attention and within what tracr compiles: no
selector compares with a constant, and no answer depends on "no value".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracr.rasp import rasp

DIGITS = "0123456789"
BRACKETS = (("(", ")"), ("{", "}"), ("[", "]"))
NOWHERE = -100
"""The number of what is not numbered: no query asks for it."""


def shuffle_dyck() -> rasp.SOp:
    """Are the brackets of each kind balanced? Answered at the token "compute" (Algorithm 1)."""
    all_diffs, all_negatives = [], []
    for left, right in BRACKETS:
        starts = _count(left).named(f"{left}_start_counts")
        ends = _count(right).named(f"{right}_end_counts")
        diffs = rasp.SequenceMap(lambda x, y: x - y, starts, ends).named(f"{left}{right}_diffs")
        negatives = rasp.Select(diffs, diffs, lambda diff, _: diff < 0)
        all_diffs.append(diffs)
        all_negatives.append(rasp.SelectorWidth(negatives).named(f"{left}{right}_negatives"))
    unfiltered_result = rasp.SequenceMap(
        lambda x, y: x == 0 and y == 0,
        _any_nonzero(all_negatives).named("aggregated_negatives"),
        _any_nonzero(all_diffs).named("aggregated_diffs"),
    ).named("unfiltered_result")
    return rasp.SequenceMap(
        lambda result, token: result if token == "compute" else False,
        unfiltered_result,
        rasp.tokens,
    ).named("final_result")


def count() -> rasp.SOp:
    """How many "x" are there? Written digit by digit from the token "compute" on, then "end".

    At every position the answer is the token to write next, "_" before "compute".
    """
    x_counts = _count("x").named("x_counts")
    compute_counts = _count("compute").named("compute_counts")
    is_answer = rasp.Map(lambda count: count > 0, compute_counts).named("is_answer")
    asked = rasp.Select(is_answer, is_answer, lambda is_answer, _: is_answer)
    answer_counts = rasp.SelectorWidth(asked).named("answer_counts")  # 1 at "compute"

    # The digit in each place of the answer, where that place is due.
    candidates = [
        rasp.SequenceMap(_digit_due_in(place), x_counts, answer_counts).named(f"digit_{place}")
        for place in range(3)
    ]
    next_digit = candidates[0]
    for candidate in candidates[1:]:
        next_digit = rasp.SequenceMap(lambda x, y: y if x == "_" else x, next_digit, candidate)
    return rasp.SequenceMap(
        lambda digit, is_answer: digit if is_answer else "_", next_digit, is_answer
    ).named("final_count")


def int_sum() -> rasp.SOp:
    """Which digit comes next in "211 + 123 = 334"? Numbers of up to three digits.

    From the "=" on, each position answers with the token to write next, and with "end" after the
    last digit; from the "+" on with "_", and before it there is no value.
    """
    # Digits are numbered from the left, through both numbers and what is written of the result.
    number = _count(*DIGITS).named("number")
    part = rasp.SequenceMap(
        lambda pluses, equals: 2 if equals else 1 if pluses else 0, _count("+"), _count("=")
    ).named("part")
    kind = rasp.SequenceMap(_kind, rasp.tokens, part).named("kind")
    first_end = _count_where(kind, "first").named("first_end")
    second_end = _count_where(kind, "first", "second").named("second_end")

    # Where a number has no more digits, the "+" is looked up instead, which is worth 0.
    first_number = rasp.SequenceMap(
        lambda n, kind: {"first": n, "+": 0}.get(kind, NOWHERE), number, kind
    ).named("first_number")
    second_number = rasp.SequenceMap(
        lambda n, kind: {"second": n, "+": n}.get(kind, NOWHERE), number, kind
    ).named("second_number")

    # Column addition, from the right.
    results, carry = [], None
    for column in range(3):
        first_place = rasp.Map(_back(column), first_end)
        second_place = rasp.SequenceMap(_back(column), second_end, first_end)
        total = rasp.SequenceMap(
            lambda x, y: x + y,
            _digit_at(first_number, first_place).named(f"first_{column}"),
            _digit_at(second_number, second_place).named(f"second_{column}"),
        )
        if carry is not None:
            total = rasp.SequenceMap(lambda x, y: x + y, total, carry)
        results.append(rasp.Map(lambda x: x % 10, total).named(f"result_{column}"))
        carry = rasp.Map(lambda x: x // 10, total).named(f"carry_{column}")
    results.append(carry)

    # The result has as many digits as it takes, at least one.
    size = rasp.Map(lambda _: 1, results[0])
    for column in (1, 2, 3):
        size = rasp.SequenceMap(_grown_to(column + 1), size, results[column])

    # What is written tells which digit is due, counted from the right; after the last, none.
    written = rasp.SequenceMap(lambda x, y: x - y, number, second_end).named("written")
    due = rasp.SequenceMap(lambda size, written: size - 1 - written, size, written)
    due = rasp.SequenceMap(lambda due, part: due if part == 2 else NOWHERE, due, part).named("due")
    next_digit = rasp.Map(lambda due: "end" if due == -1 else "_", due)
    for column, result in enumerate(results):
        chosen = rasp.SequenceMap(_if_due(column), result, due)
        next_digit = rasp.SequenceMap(lambda x, y: y if x == "_" else x, next_digit, chosen)
    return next_digit.named("next_digit")


def _count(*wanted: str) -> rasp.SOp:
    """How many tokens so far are one of those wanted."""
    return _count_where(rasp.tokens, *wanted)


def _count_where(sop: rasp.SOp, *wanted: str) -> rasp.SOp:
    """At how many positions so far the s-op has one of the values wanted."""
    return rasp.SelectorWidth(rasp.Select(sop, sop, lambda value, _: value in wanted))


def _any_nonzero(sops: Sequence[rasp.SOp]) -> rasp.SOp:
    """1 where any is not 0, else 0."""
    result = sops[0]
    for sop in sops[1:]:
        result = rasp.SequenceMap(lambda x, y: 1 if x != 0 or y != 0 else 0, result, sop)
    return result


def _digit_due_in(place: int) -> Callable[[int, int], str]:
    """The digit in that place of a count (from the left, "end" after the last), if it is due."""

    def digit(count: int, answered: int) -> str:
        written = [*str(count), "end"]
        return written[place] if answered == place + 1 and place < len(written) else "_"

    return digit


def _kind(token: str, part: int) -> str:
    """Of a token: in which number it is a digit, or "+", or "other"."""
    if token == "+":
        return "+"
    return ("first", "second", "other")[part] if token in DIGITS else "other"


def _back(column: int) -> Callable[..., int]:
    """The number of the digit that stands `column` before `end`, but not before `start`."""
    return lambda end, start=0: max(end - column, start)


def _digit_at(number: rasp.SOp, place: rasp.SOp) -> rasp.SOp:
    """The digit of that number, 0 for the "+"."""
    selected = rasp.Select(number, place, rasp.Comparison.EQ)
    found = rasp.Aggregate(selected, rasp.tokens)
    return rasp.Map(lambda token: int(token) if token in DIGITS else 0, found)


def _grown_to(size: int) -> Callable[[int, int], int]:
    return lambda smaller, digit: size if digit else smaller


def _if_due(column: int) -> Callable[[int, int], str]:
    return lambda digit, due: str(digit) if due == column else "_"

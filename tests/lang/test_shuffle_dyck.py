"""programs/shuffle_dyck.rasp, and that in bits, against their definition in plain Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rinject.lang import load_program

PROGRAMS = Path(__file__).parents[2] / "programs"
PROGRAM = load_program(PROGRAMS / "shuffle_dyck.rasp")
IN_BITS = load_program(PROGRAMS / "shuffle_dyck_bits.rasp")
PAIRS = ("()", "{}", "[]")


def is_shuffle_dyck(brackets: list[str]) -> bool:
    for left, right in PAIRS:
        depth = 0
        for bracket in brackets:
            depth += (bracket == left) - (bracket == right)
            if depth < 0:
                return False
        if depth != 0:
            return False
    return True


def balanced() -> st.SearchStrategy[list[str]]:
    """Shuffles of one balanced string for each kind."""

    def grow(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
        wrapped = st.tuples(st.sampled_from(PAIRS), inner).map(lambda p: [p[0][0], *p[1], p[0][1]])
        return wrapped | st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1])

    return st.recursive(st.just([]), grow, max_leaves=6)


@settings(deadline=None)
@given(st.lists(st.sampled_from([*"(){}[]"]), max_size=12) | balanced())
def test_result_at_every_prefix(brackets: list[str]) -> None:
    values = PROGRAM.evaluate([*brackets, "compute"], "unfiltered_result")
    expected = [is_shuffle_dyck(brackets[: end + 1]) for end in range(len(brackets))]
    assert values == [*expected, is_shuffle_dyck(brackets)]
    final = PROGRAM.evaluate([*brackets, "compute"])
    assert final == [False] * len(brackets) + [is_shuffle_dyck(brackets)]


def test_all_variables_of_the_paper_are_there() -> None:
    per_pair = [
        name
        for left, right in PAIRS
        for name in (
            f"{left}_start_counts",
            f"{right}_end_counts",
            f"{left}{right}_diffs",
            f"{left}{right}_negative_counters",
        )
    ]
    together = ["aggregated_negatives", "aggregated_diffs", "unfiltered_result", "final_result"]
    assert list(PROGRAM.names) == per_pair + together


@settings(deadline=None)
@given(st.lists(st.sampled_from([*"(){}[]_"]), max_size=12) | balanced())
def test_in_bits_the_same_variables_have_the_same_values(symbols: list[str]) -> None:
    tokens = [*symbols, "compute"]
    for name in PROGRAM.names:
        assert IN_BITS.evaluate(tokens, name) == PROGRAM.evaluate(tokens, name)
    for pair in PAIRS:
        diffs = PROGRAM.evaluate(tokens, f"{pair}_diffs")
        assert IN_BITS.evaluate(tokens, f"{pair}_unequal") == [diff != 0 for diff in diffs]
        assert IN_BITS.evaluate(tokens, f"{pair}_below") == [diff < 0 for diff in diffs]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("[_start_counts", [0, 1, 1, 1, 1, 1]),
        ("]_end_counts", [0, 0, 0, 0, 1, 1]),
        ("[]_diffs", [0, 1, 1, 1, 0, 0]),
        ("()_diffs", [0, 0, 1, 0, 0, 0]),
        ("()_negative_counters", [0, 0, 0, 0, 0, 0]),
        ("aggregated_diffs", [0, 1, 1, 1, 0, 0]),
        ("unfiltered_result", [True, False, False, False, True, True]),
        ("final_result", [False, False, False, False, False, True]),
    ],
)
def test_the_example_of_the_paper(name: str, expected: list[object]) -> None:
    tokens = ["_", "[", "(", ")", "]", "compute"]
    assert PROGRAM.evaluate(tokens, name) == expected


def test_it_is_injectable() -> None:
    assert PROGRAM.header.is_injectable
    assert PROGRAM.header.longest == 48

"""The value sets of means."""

from fractions import Fraction
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.graph import build_graph
from rinject.graph.limits import LARGEST_SET, Budget, TooLarge
from rinject.graph.means import mean_values, most_means

EVERYTHING = rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.TRUE)
MEAN = rasp.Aggregate(EVERYTHING, rasp.tokens).named("mean")
TENTHS = st.integers(-50, 50).map(lambda number: number / 10)


def every_mean(values: list[float], longest: int) -> set[Fraction]:
    exact = [Fraction(value).limit_denominator(10**6) for value in values]
    return {
        sum(chosen, Fraction(0)) / count
        for count in range(1, longest + 1)
        for chosen in combinations_with_replacement(exact, count)
    }


@given(
    st.lists(st.integers(-9, 9) | TENTHS | st.integers(-(10**20), 10**20), min_size=1, max_size=4),
    st.integers(1, 4),
)
def test_all_means_and_no_others(values: list[float], longest: int) -> None:
    values = list(dict.fromkeys(values))
    means, alone = mean_values(values, longest, MEAN, Budget())
    expected = every_mean(values, longest)
    assert list(means) == sorted(means)
    assert {float(mean) for mean in expected} == set(map(float, means))
    assert alone == tuple(values)
    assert set(alone) <= set(means)


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=6, unique=True), st.integers(1, 6))
def test_the_bound_holds(numbers: list[int], longest: int) -> None:
    assert len(every_mean(list(numbers), longest)) <= most_means(numbers, longest)


def test_single_values_keep_their_type() -> None:
    means, _ = mean_values([False, 2, 3.0], 2, MEAN, Budget())
    assert [(type(mean), mean) for mean in means] == [
        (bool, False),
        (float, 1.0),
        (float, 1.5),
        (int, 2),
        (float, 2.5),
        (float, 3.0),
    ]


@pytest.mark.parametrize(
    "values",
    [range(49), [number**3 for number in range(49)], [2**number for number in range(30)]],
    ids=["near", "more than sums can be", "far"],
)
def test_too_many_means(values: list[int]) -> None:
    with pytest.raises(TooLarge, match="`mean` can have more than 20000 values") as caught:
        mean_values(values, 48, MEAN, Budget())
    assert (caught.value.size > LARGEST_SET, caught.value.unit) == (True, "values")


def test_numbers_that_differ_by_rounding_are_one_mean() -> None:
    tenths = rasp.Map(lambda x: x / 10, rasp.tokens)
    total = rasp.SequenceMap(lambda x, y: x + y, tenths, rasp.Map(lambda i: i / 10, rasp.indices))
    graph = build_graph(rasp.Aggregate(EVERYTHING, total), [0, 1, 2, 3], 3, causal=True)
    assert {0.3, 0.1 + 0.2} <= set(graph.nodes[-2].values)
    near = pytest.approx(0.3)
    assert sum(value == near for value in graph.output_node.values) == 1
    assert graph.run([[3, 2, 1]]) == [[near, near, near]]


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400])
def test_numbers_without_a_mean(value: float) -> None:
    with pytest.raises(InputError, match="`mean` averages a number that is no finite float"):
        build_graph(MEAN, [1, value], 2, causal=True)

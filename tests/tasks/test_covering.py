"""Training inputs that cover what a program computes, labelled by the program itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, count, islice
from math import prod
from pathlib import Path
from random import Random

import numpy as np
import pytest

from rinject.errors import InputError
from rinject.lang import Header, load_program
from rinject.student import load_student
from rinject.tasks import find_task, split_of
from rinject.tasks.covering import Covered, Covering, Reached
from rinject.tasks.task import Split, Task, rule_of, stream
from rinject.tokens import reconcile

PROGRAMS = Path(__file__).parents[2] / "programs"


NAMES = ("shuffle_dyck", "count", "int_sum")


def covering_of(name: str, *, within: bool = False) -> Covering:
    program = load_program(PROGRAMS / f"{name}.rasp")
    tokenizer, task = load_student("tiny").tokenizer, find_task(program)
    allows = rule_of(task) if within else None
    return Covering(program, task, reconcile(tokenizer, program.header), allows)


@pytest.fixture(scope="module", params=NAMES)
def covering(request) -> Covering:
    return covering_of(request.param)


@pytest.fixture(scope="module", params=NAMES)
def spread(request) -> Covering:
    return covering_of(request.param, within=True)


@pytest.fixture(scope="module")
def drawn(covering) -> list[tuple[str, object]]:
    return list(islice(covering.cases("train", Random(1)), 300))


def test_outputs_are_the_program_s(covering, drawn):
    outputs = covering.oracle.outputs([covering.symbols(text) for text, _ in drawn])
    assert outputs == [value for _, value in drawn]


def test_no_input_comes_twice_and_all_belong_to_the_split(drawn):
    texts = [text for text, _ in drawn]
    assert len({*texts}) == len(texts)
    assert {split_of(text) for text in texts} == {"train"}


def test_all_fit(covering, drawn):
    longest = covering.oracle.longest
    assert max(len(covering.symbols(text)) for text, _ in drawn) <= longest


def values_of(covering: Covering, inputs: list[list[str]]) -> np.ndarray:
    """bool [B, S]: those that come up in inputs."""
    values, _ = covering.come_up(inputs, [0] * len(inputs))
    return values


def test_more_values_come_up_than_by_the_task_s_own_rule(covering, drawn):
    own = list(islice(covering.task.cases("train", Random(1)), len(drawn)))
    counts = [
        values_of(covering, [covering.symbols(text) for text, _ in inputs]).any(axis=0).sum()
        for inputs in (drawn, own)
    ]
    assert counts[0] > counts[1]


def test_values_are_those_of_the_graph(covering, drawn):
    inputs = [covering.symbols(text) for text, _ in drawn[:5]]
    found, graph = values_of(covering, inputs), covering.oracle.graph
    for row, symbols in zip(found, inputs, strict=True):
        known = graph.evaluate(graph.encode([symbols]))
        expected = [
            place in known[node] for node in graph.nodes for place in range(len(node.values))
        ]
        assert row.tolist() == expected


def test_arguments_are_those_that_meet_where_the_answer_is_due():
    bits = covering_of("shuffle_dyck_bits")
    graph = bits.oracle.graph
    inputs = [bits.symbols(text) for text in ("([)]{", "(((]", "[]")]
    _, found = bits.come_up(inputs, [len(one) - 1 for one in inputs])
    assert found.sum(axis=1).tolist() == [len(bits.operations)] * 3  # one place, one way to meet
    _, anywhere = bits.come_up(inputs, [0, 0, 0])
    assert (anywhere >= found).all()
    assert anywhere.sum() > found.sum()
    (place,) = (n for n, node in enumerate(bits.operations) if node.name == "unfiltered_result")
    start = sum(prod(len(a.values) for a in node.arguments) for node in bits.operations[:place])
    node = bits.operations[place]
    for row, symbols in zip(found, inputs, strict=True):
        known = graph.evaluate(graph.encode([symbols]))
        first, second = (known[one][0, len(symbols) - 1] for one in node.arguments)
        met = row[start : start + prod(len(one.values) for one in node.arguments)]
        assert np.flatnonzero(met).tolist() == [first * len(node.arguments[1].values) + second]


def test_spread_inputs_let_arguments_meet_that_hardly_do():
    """Brackets of one kind that stay open, where none was closed too early."""

    def share(task: Task) -> float:
        texts = [text for text, _ in islice(task.cases("train", Random(1)), 2000)]
        return sum(stays_open(text) for text in texts) / len(texts)

    def stays_open(text: str) -> bool:
        depths = [[(c == a) - (c == b) for c in text] for a, b in ("()", "{}", "[]")]
        ends = [sum(one) for one in depths]
        return min(min(accumulate(one)) for one in depths) >= 0 and sum(map(bool, ends)) == 1

    spread = covering_of("shuffle_dyck_bits", within=True)
    assert share(spread) > 3 * share(spread.task)


def test_covered_counts_what_came_up():
    bits = covering_of("shuffle_dyck_bits")
    examples = list(islice(stream(bits, "train", 0), 20))
    for some in (examples[:1], examples[:3], examples):
        covered = bits.covered_by(some)
        read = [bits.answered(bits.symbols(e.input), e.answer) for e in some]
        expected = bits.come_up(*zip(*read, strict=True))
        assert covered.examples == len(some)
        assert [covered.values.found, covered.combinations.found] == [
            one.any(axis=0).sum() for one in expected
        ]
        assert [covered.values.most, covered.combinations.most] == [
            one.shape[1] for one in expected
        ]


def test_the_newest_is_the_last_that_brought_something_new():
    bits = covering_of("shuffle_dyck_bits")
    (first, second) = islice(stream(bits, "train", 0), 2)
    assert bits.covered_by([first, first, second, first, second, second]).newest == 3
    assert bits.covered_by([first, first, first]).newest == 1
    assert bits.covered_by([first, first]).is_settled
    assert not bits.covered_by([first, second, first]).is_settled


def test_what_was_covered_is_said():
    covered = Covered(3000, 1000, Reached(250, 298), Reached(2, 4))
    assert str(covered) == (
        "3,000 training inputs: 250 of at most 298 values and 2 of 4 combinations came up;"
        " the last 2,000 brought nothing new"
    )
    assert str(replace(covered, newest=2000, combinations=Reached(0, 0))) == (
        "3,000 training inputs: 250 of at most 298 values came up; more may come (raise --examples)"
    )


def test_edits_reach_all_lengths_and_go_on_from_what_was_new():
    """All brackets of one kind are hard to come by chance."""
    dyck = covering_of("shuffle_dyck")
    texts = [text for text, _ in islice(dyck.cases("train", Random(0)), 6000)]
    shortest, longest = len(dyck.symbols("")), dyck.oracle.longest
    assert {len(dyck.symbols(text)) for text in texts} == {*range(shortest, longest + 1)}
    for bracket in "()[]{}":
        assert max(text.count(bracket) for text in texts) == longest - shortest


@pytest.mark.parametrize("split", ["validation", "test"])
def test_held_out_inputs_are_the_task_s_own(covering, split):
    found = list(islice(covering.cases(split, Random(2)), 20))
    assert found == list(islice(covering.task.cases(split, Random(2)), 20))


def test_the_same_chance_gives_the_same_inputs(covering, drawn):
    assert list(islice(covering.cases("train", Random(1)), 10)) == drawn[:10]


@dataclass(frozen=True)
class Watched:
    """A task whose own inputs are noted."""

    task: Task
    drawn: set[str]

    @property
    def header(self) -> Header:
        return self.task.header

    def cases(self, split: Split, rng: Random) -> Iterator[tuple[str, object]]:
        for text, value in self.task.cases(split, rng):
            self.drawn.add(text)
            yield text, value

    def output(self, text: str) -> object:
        return self.task.output(text)


def test_edits_may_keep_to_the_task_s_rule(spread):
    own: set[str] = set()
    watched = replace(spread, task=Watched(spread.task, own))
    found = dict(islice(watched.cases("train", Random(1)), 400))
    edits = [text for text in found if text not in own]
    assert len(edits) > 100
    assert all(spread.allows(text) for text in edits)
    assert all(value == spread.task.output(text) for text, value in found.items())


def test_spread_inputs_hold_counts_that_the_task_hardly_draws():
    spread = covering_of("count", within=True)
    outputs = {value for _, value in islice(spread.cases("train", Random(1)), 3000)}
    own = {value for _, value in islice(spread.task.cases("train", Random(1)), 3000)}
    assert max(own) < 34 <= max(outputs) <= 39


def test_a_rule_that_allows_no_edit_is_an_error(spread):
    with pytest.raises(InputError, match="edits of inputs"):
        list(islice(replace(spread, allows=lambda _: False).cases("train", Random(1)), 100))


@dataclass(frozen=True)
class Given:
    """A task of a few inputs, which it parts as it likes."""

    header: Header
    texts: tuple[str, ...]

    def cases(self, split, rng):
        return iter([(text, self.output(text)) for text in self.texts])

    def output(self, text):
        return text.split().count("x")


def test_held_out_inputs_cannot_be_edited_into_training():
    other = next(text for n in count(1) if split_of(text := "x " * n + "y") != "train")
    covering = covering_of("count")
    given = replace(covering, task=Given(covering.header, (other,)))
    with pytest.raises(InputError, match="split_of holds out"):
        next(given.cases("train", Random(0)))


def test_the_first_input_may_be_empty():
    assert split_of("") == "train"
    texts = tuple(text for text in ("", "x y y", "y x x y") if split_of(text) == "train")
    covering = replace(covering_of("count"), task=Given(covering_of("count").header, texts))
    found = [text for text, _ in covering.cases("train", Random(0))]
    assert found[0] == ""
    assert len(found) > len(texts)

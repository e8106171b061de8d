"""Suites on an untrained student, against slow and plain versions of what is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest
import torch
from inject import small_injection

from rinject.errors import InputError
from rinject.evaluate import accuracy, fidelity, wilson
from rinject.evaluate.suites import SuiteReport, bundle_suites, measure_suites
from rinject.inject.bundle import Bundle
from rinject.inject.record import BundleRecord
from rinject.inject.rows import example_rows
from rinject.lang import Program, load_program
from rinject.tasks import SPLITS, Suite, example, find_task, split_of
from rinject.tasks.shuffle_dyck import is_balanced
from rinject.tasks.suites import SUITES

PROGRAMS = Path(__file__).parents[2] / "programs"


def suite(name: str, *texts: str) -> Suite:
    return Suite(
        name,
        name,
        lambda rng: iter(texts),
        lambda text: is_balanced(text, [("(", ")"), ("<", ">")]),
    )


SHORT = suite("short", "()", "(())", ")(", "(", "()()", "(()", "())", "((()))")
LONGER = suite("longer", "()", "()" * 9, "(" * 16)  # the program has room for 14 brackets
STRANGE = suite("strange", "<>", "<(>)", "()<", "((<>")
LONGEST = suite("longest", "()", "()" * 40)  # the student has 64 positions


def one(bundle: Bundle, of: Suite, n: int = 100) -> SuiteReport:
    (report,) = measure_suites(bundle, [of], n=n)
    return report


def test_within_training_the_figures_are_those_of_eval(bundle: Bundle) -> None:
    report = one(bundle, SHORT)
    drawn = [example(small_injection.task(), e.input) for e in of_suite(SHORT)]
    assert drawn == of_suite(SHORT)
    measured = accuracy(bundle.model, bundle.rows(drawn))
    assert (report.accuracy, report.n) == (measured.accuracy, 8)
    assert report.ci == wilson(sum(measured.right), 8)
    assert report.fidelity == fidelity(bundle, example_rows(drawn, bundle.reconciliation)).mean
    assert (report.supported, report.solved) == (True, 1.0)
    assert (report.skipped, report.read) == (0, 8)


def of_suite(of: Suite, n: int = 100) -> list:  # type: ignore[type-arg]
    return of.examples(small_injection.program().header, n, 42)


def test_fewer_examples_are_the_first_ones(bundle: Bundle) -> None:
    assert one(bundle, SHORT, n=3).n == 3
    assert of_suite(SHORT, 3) == of_suite(SHORT)[:3]


def test_what_does_not_fit_the_program_is_not_solved_and_not_read(bundle: Bundle) -> None:
    report = one(bundle, LONGER)
    assert report.supported is False
    assert report.solved == pytest.approx(1 / 3)
    assert (report.n, report.read) == (3, 1)


def test_the_program_is_run_not_believed(bundle: Bundle) -> None:
    """It takes `<` and `>` for words: right by chance only."""
    symbols = [["<>", True], ["<(>)", True], ["()<", False], ["((<>", False]]
    program = small_injection.program()
    solved = []
    for text, meant in symbols:
        prompt = f"Is it balanced? {text}\nAnswer:"
        read = bundle.reconciliation.symbols(bundle.reconciliation.student_ids(prompt))
        solved.append(program.evaluate(read)[-1] is meant)
    assert 0 < sum(solved) < 4
    report = one(bundle, STRANGE)
    assert (report.supported, report.solved) == (False, sum(solved) / 4)


def test_what_does_not_fit_the_student_is_skipped(bundle: Bundle) -> None:
    report = one(bundle, LONGEST)
    assert (report.n, report.skipped) == (1, 1)
    assert (report.supported, report.solved) == (True, 1.0)  # of what is asked
    none = one(bundle, suite("none", "(" * 70))
    assert (none.n, none.accuracy, none.ci, none.fidelity) == (0, None, None, None)
    assert (none.supported, none.solved) == (False, None)


def test_accuracy_follows_the_student(bundle: Bundle) -> None:
    """A student that says "no" whatever it reads is right about what is not balanced."""
    (no,) = bundle.reconciliation.student_ids(" no")
    always = torch.nn.Linear(small_injection.WIDTH, 320)
    with torch.no_grad():
        always.weight.zero_()
        always.bias.zero_()
        always.bias[no] = 1
    bundle.model.set_output_embeddings(always)
    endless = small_injection.without_end(bundle)
    assert one(endless, SHORT).accuracy == 4 / 8
    assert one(endless, STRANGE).accuracy == 2 / 4
    assert one(bundle, SHORT).accuracy == 0  # its answers do not end


def test_records_for_machines(bundle: Bundle) -> None:
    record = one(replace(bundle), SHORT).to_record()
    assert {"task", "suite", "supported", "solved", "n", "accuracy", "ci", "fidelity"} <= set(
        record
    )
    assert record["task"] == "small_dyck"
    assert isinstance(record["ci"], list)
    assert record["supported"] is True


def test_the_base_is_asked_the_same_and_reads_no_variables(bundle: Bundle) -> None:
    base = small_injection.student(seed=3).model
    (report,) = measure_suites(bundle, [SHORT], base=base)
    rows = bundle.rows(of_suite(SHORT))
    assert report.accuracy == accuracy(base, rows).accuracy
    assert (report.method, report.fidelity) == ("none", None)
    assert (report.n, report.solved) == (8, 1.0)


# --- which suites ---------------------------------------------------------------------------------

COPY = """
program my_dyck {
    vocabulary "(", ")", "{", "}", "[", "]", "compute", "_";
    longest    40;
    attention  causal;
    output     result;

    prompt     "ok? {input}:";
    symbol     ":" is "compute";
    otherwise  "_";
    answer     True is " yes";
    answer     False is " no";
}

def family(left, right) {
    depth = selector_width(select(tokens, left, ==)) - selector_width(select(tokens, right, ==));
    lows = selector_width(select(depth, 0, <));
    return depth == 0 and lows == 0;
}
curved = family("(", ")");
curly = family("{", "}");
square = family("[", "]");
result = curved and curly and square if tokens == "compute" else False;
"""


@dataclass(frozen=True)
class Held:
    """As much of a bundle as choosing its suites needs."""

    program: Program
    record: BundleRecord = field(default_factory=lambda: small_injection.bundle().record)


def trained_on(data: str) -> BundleRecord:
    record = small_injection.bundle().record
    return replace(record, settings=replace(record.settings, data=data))


@pytest.mark.parametrize(("data", "splits"), [("paper", {*SPLITS}), ("coverage", {"test"})])
def test_what_covering_inputs_may_have_held_is_left_out(data, splits) -> None:
    program = load_program(PROGRAMS / "shuffle_dyck.rasp")
    found = bundle_suites(Held(program, trained_on(data)), find_task(program))  # type: ignore[arg-type]
    drawn = [one.suite.examples(program.header, 100, 0) for one in found]
    assert {split_of(example.input) for some in drawn for example in some} == splits


def test_what_one_of_two_bundles_may_have_seen_is_asked_of_neither() -> None:
    program = load_program(PROGRAMS / "shuffle_dyck.rasp")
    other = Held(program, trained_on("coverage"))
    found = bundle_suites(Held(program), find_task(program), beside=[other])  # type: ignore
    drawn = [one.suite.examples(program.header, 100, 0) for one in found]
    assert {split_of(example.input) for some in drawn for example in some} == {"test"}


def test_suites_of_a_task_that_the_program_computes_under_another_name() -> None:
    program = load_program(text=COPY)
    found = bundle_suites(Held(program), find_task(program))  # type: ignore[arg-type]
    assert {one.task for one in found} == {"shuffle_dyck"}
    assert [one.suite.name for one in found] == [suite.name for suite in SUITES["shuffle_dyck"]]
    for one in found:
        drawn = one.suite.examples(program.header, 20, 0)
        assert len(drawn) == 20
        assert {split_of(example.input) for example in drawn} == {"test"}
    (chosen,) = bundle_suites(Held(program), find_task(program), "3x length")  # type: ignore[arg-type]
    assert chosen.suite.name == "3x length"


def test_a_program_that_computes_no_task_has_no_suites() -> None:
    held = Held(small_injection.program())
    with pytest.raises(InputError, match="no out-of-distribution suites for `small_dyck`"):
        bundle_suites(held, small_injection.task())  # type: ignore[arg-type]


# --- suites that fail -----------------------------------------------------------------------------


def wrong_inputs(_rng: Random) -> Iterator[str]:
    yield "()"
    raise KeyError("shape")


def no_texts(_rng: Random) -> Iterator[str]:
    return iter([3])  # type: ignore[list-item]


def wrong_truth(text: str) -> bool:
    return text[99] == ")"


@pytest.mark.parametrize(
    ("failing", "message"),
    [
        (Suite("mine", "mine", wrong_inputs, bool), "KeyError: 'shape'"),
        (Suite("mine", "mine", no_texts, bool), "TypeError: "),
        (Suite("mine", "mine", lambda rng: iter(["()"]), wrong_truth), "IndexError: string"),
    ],
    ids=["inputs", "no texts", "truth"],
)
def test_a_suite_that_fails_is_an_error_of_one_line(failing: Suite, message: str) -> None:
    bundle = small_injection.bundle()
    with pytest.raises(InputError) as caught:
        measure_suites(bundle, [failing])
    assert "the suite 'mine' fails" in caught.value.message
    assert message in caught.value.message
    assert "\n" not in caught.value.message


def test_endless_suites_and_those_that_repeat_end() -> None:
    def inputs(rng: Random):  # type: ignore[no-untyped-def]
        while True:
            yield rng.choice(["()", "(", ")"])

    repeating = Suite("repeating", "three inputs", inputs, is_balanced)
    found = repeating.examples(small_injection.program().header, 10, 0)
    assert sorted(e.input for e in found) == ["(", "()", ")"]

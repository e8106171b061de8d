"""Suites on an untrained student, against slow and plain versions of what is measured."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch
from inject import small_injection

from rinject.evaluate import accuracy, fidelity, wilson
from rinject.evaluate.suites import SuiteReport, measure_suites
from rinject.inject.bundle import Bundle
from rinject.inject.rows import example_rows
from rinject.tasks import Suite, example
from rinject.tasks.shuffle_dyck import is_balanced


def suite(name: str, *texts: str) -> Suite:
    return Suite(name, name, lambda rng: iter(texts), lambda text: is_balanced(text, ["()", "<>"]))


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
    assert (report.supported, report.skipped, report.read) == (1.0, 0, 8)


def of_suite(of: Suite, n: int = 100) -> list:  # type: ignore[type-arg]
    return of.examples(small_injection.program().header, n, 42)


def test_fewer_examples_are_the_first_ones(bundle: Bundle) -> None:
    assert one(bundle, SHORT, n=3).n == 3
    assert of_suite(SHORT, 3) == of_suite(SHORT)[:3]


def test_what_does_not_fit_the_program_is_not_solved_and_not_read(bundle: Bundle) -> None:
    report = one(bundle, LONGER)
    assert report.supported == pytest.approx(1 / 3)
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
    assert one(bundle, STRANGE).supported == sum(solved) / 4


def test_what_does_not_fit_the_student_is_skipped(bundle: Bundle) -> None:
    report = one(bundle, LONGEST)
    assert (report.n, report.skipped, report.supported) == (1, 1, 0.5)
    none = one(bundle, suite("none", "(" * 70))
    assert (none.n, none.accuracy, none.ci, none.fidelity) == (0, None, None, None)
    assert none.supported == 0


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
    assert {"task", "suite", "supported", "n", "accuracy", "ci", "fidelity"} <= set(record)
    assert record["task"] == "small_dyck"
    assert isinstance(record["ci"], list)


def test_endless_suites_and_those_that_repeat_end() -> None:
    def inputs(rng: Random):  # type: ignore[no-untyped-def]
        while True:
            yield rng.choice(["()", "(", ")"])

    repeating = Suite("repeating", "three inputs", inputs, is_balanced)
    found = repeating.examples(small_injection.program().header, 10, 0)
    assert sorted(e.input for e in found) == ["(", "()", ")"]

"""The benchmark against tracr, and the page that it writes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from program_examples import PAGES, Page
from tracr.rasp import rasp

from benchmarks import measuring, paper_programs
from benchmarks.aims import aims
from benchmarks.cases import CASES, Case
from benchmarks.compare_programs import (
    PAGE,
    benchmark_section,
    cells,
    with_native_figures,
    with_section,
)
from benchmarks.program_figures import TracrCache, TracrResult, native_figures
from benchmarks.records import Growth, Record, Report
from benchmarks.tables import grids, markdown_row
from benchmarks.tracr_attempt import in_few_words
from rinject.compiler import compile_program
from rinject.errors import RinjectError
from rinject.lang import interpret

SMALL = replace(CASES["histogram"], longest=4)


@pytest.fixture(scope="module")
def record() -> Record:
    measured = measuring.side_by_side(SMALL)
    assert math.isnan(measured.native.megabytes)  # measured in a process of its own
    return replace(measured, native=replace(measured.native, megabytes=2.0))


def test_both_models_are_right(record: Record) -> None:
    assert record.native.agreeing == record.native.inputs == measuring.INPUTS
    assert record.tracr.agreeing == record.tracr.inputs == measuring.TRACR_INPUTS


def test_a_record_describes_both_models(record: Record) -> None:
    model = compile_program(
        SMALL.build(), vocab=SMALL.vocab, max_seq_len=SMALL.longest, causal=False
    )
    native = record.native
    assert (native.layers, native.width) == (model.num_layers, model.residual_width)
    assert native.parameters == model.parameters
    assert (record.tracr.layers, len(native.compile_times)) == (1, measuring.REPEATS)
    assert record.tracr.parameters > record.tracr.width > record.tracr.layers
    assert min(record.tracr.megabytes, record.graph_sequences_per_second) > 0


def test_a_report_is_kept_as_json(record: Record, tmp_path: Path) -> None:
    report = Report("a machine", True, (record,), (Growth("native", 1000, 300.0, 301.5),))
    report.save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json") == report
    section = benchmark_section(report)
    for grid in grids(report):
        assert grid.for_markdown() in section
        assert grid.for_terminal().row_count == len(grid.rows)
    with pytest.raises(ValueError, match="full run"):
        benchmark_section(replace(report, is_complete=False))


def test_aims_are_judged_by_the_measurements(record: Record) -> None:
    slow = replace(record, name="int_sum", tracr=replace(record.tracr, compile_times=(50.0,)))
    for seconds, is_reached in ((0.9, True), (1.1, False)):
        native = replace(slow.native, compile_times=(seconds,))
        found = next(aims([replace(slow, native=native)], []))
        assert (found.required, found.is_reached) == (50, is_reached)
    grown = [Growth("native", 1000, 300.0, 320.0), Growth("tracr", 10, 300.0, 900.0)]
    assert [(aim.measured, aim.is_reached) for aim in aims([], grown)] == [(20.0, False)]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_inputs_fit_the_program(case: Case) -> None:
    inputs = case.inputs(5)
    assert inputs == case.inputs(5)
    assert {len(tokens) for tokens in inputs} == {case.longest}
    assert {token for tokens in inputs for token in tokens} <= set(case.vocab)


@pytest.mark.parametrize(
    ("program", "text", "end"),
    [
        (paper_programs.shuffle_dyck, "( [ ) ] compute", [True]),
        (paper_programs.shuffle_dyck, "( ) ) ( compute", [False]),
        (paper_programs.shuffle_dyck, "( [ ) compute", [False]),
        (paper_programs.count, "y x x compute 2", ["2", "end"]),
        (paper_programs.count, " ".join("x" * 14) + " compute 1 4", ["1", "4", "end"]),
        (paper_programs.int_sum, "2 1 1 + 1 2 3 = 3 3 4", ["3", "3", "4", "end"]),
        (paper_programs.int_sum, "_ 9 9 9 + 1 = 1 0 0 0", ["1", "0", "0", "0", "end"]),
        (paper_programs.int_sum, "0 + 0 = 0", ["0", "end"]),
    ],
)
def test_the_papers_programs(program, text, end) -> None:  # type: ignore[no-untyped-def]
    assert interpret(program(), text.split(), causal=True)[-len(end) :] == end


def test_no_two_growth_shapes_are_the_same() -> None:
    shapes = list(measuring.different_shapes())
    assert len({(case.build, case.vocab, case.longest) for case in shapes}) == 1000


def test_tracrs_reason_in_few_words() -> None:
    shifted = rasp.Aggregate(
        rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.EQ), rasp.tokens, default="a"
    )
    with pytest.raises(RinjectError) as refused:
        compile_program(shifted, vocab=["a"], max_seq_len=2, backend="tracr")
    reason = in_few_words(refused.value)
    assert reason == "Categorical aggregate only supports None as default value"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_page_has_the_figures_of_now(page: Page, request: pytest.FixtureRequest) -> None:
    native = native_figures(page.path)
    text = PAGE.read_text(encoding="utf-8")
    if request.config.getoption("--update-golden"):
        PAGE.write_text(with_native_figures(text, page.name, native), encoding="utf-8")
    else:
        known = TracrCache().find(page.path)
        assert known is not None, "new or changed: python -m benchmarks.compare_programs --write"
        assert markdown_row(cells(page.name, native, known)) in text.splitlines()


def test_only_the_native_columns_of_a_row_are_replaced() -> None:
    figures = native_figures(PAGES[0].path)
    result = TracrResult(reason="refused | for a reason")
    row = markdown_row(cells("sort", replace(figures, layers=99), result))
    other = markdown_row(cells("sorted", figures, result))
    expected = markdown_row(cells("sort", figures, result))
    assert with_native_figures(f"{row}\n{other}", "sort", figures) == f"{expected}\n{other}"


def test_a_section_is_replaced_between_its_marks() -> None:
    text = "a\n<!-- t: begin -->\nold\n<!-- t: end -->\nb"
    new = with_section(text, "t", "new")
    assert new == "a\n<!-- t: begin -->\n\nnew\n\n<!-- t: end -->\nb"
    assert with_section(new, "t", "new") == new

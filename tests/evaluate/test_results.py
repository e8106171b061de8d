"""The results of a report: their record, the tables made of it, and the store of stages."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from evaluate.fixed_results import injected, results
from inject import small_injection
from lang.conftest import check_golden as check_golden
from matplotlib.figure import Figure

from rinject.errors import InputError
from rinject.evaluate import fidelity
from rinject.evaluate.layers import fidelity_by_layer
from rinject.evaluate.layers_plot import draw_fidelity
from rinject.evaluate.results import (
    Outcome,
    Store,
    load_results,
    markdown,
    paper,
    save_results,
    sections,
)
from rinject.evaluate.results.record import Evaluation, Results, Share
from rinject.evaluate.results.sections import spread
from rinject.evaluate.results.typed_json import from_json, to_json
from rinject.tasks import examples
from rinject.tasks.suites import SUITES

GOLDEN = Path(__file__).parent / "golden" / "report.md"


# --- the record -----------------------------------------------------------------------------------


def test_results_come_back_from_json(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.json"
    save_results(results(), path)
    assert load_results(path) == results()


def change(record: dict[str, Any], place: list[Any], value: Any) -> dict[str, Any]:
    inner = record
    for step in place[:-1]:
        inner = inner[step]
    if value is None:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return record


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (["schema_version"], 99, "schema version 99"),
        (["schema_version"], None, "schema version None"),
        (["versions"], None, "Results.versions is missing"),
        (["runs", 0, "more"], 1, r"Results.runs\[0\].more is unknown"),
        (["runs", 0, "steps"], "many", r"Results.runs\[0\].steps cannot be 'many'"),
        (["runs", 1, "suites", 0, "ci"], [0.1], r"suites\[0\].ci cannot be \[0.1\]"),
        (["runs", 0, "evaluation", "accuracy", "n"], True, "accuracy.n cannot be True"),
    ],
)
def test_damaged_results(place: list[Any], value: Any, problem: str) -> None:
    record = change(json.loads(json.dumps(results().to_record())), place, value)
    with pytest.raises(InputError, match=problem):
        Results.from_record(record)


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no results"):
        load_results(tmp_path / "results.json")


def test_whole_numbers_are_read_as_the_floats_that_they_were() -> None:
    found = from_json(Share, {"value": 1, "n": 3})
    assert (found.value, type(found.value)) == (1.0, float)


# --- tables ---------------------------------------------------------------------------------------


def test_the_report_in_markdown(check_golden: Any) -> None:
    check_golden(GOLDEN, markdown("Programs in tiny", sections(results())))


def test_every_row_has_a_cell_for_each_column() -> None:
    tables = [table for section in sections(results()) for table in section.tables]
    assert len(tables) > 12
    for table in tables:
        assert len(set(table.columns)) == len(table.columns)
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_means_and_spreads_over_seeds() -> None:
    assert spread([None, None]) == "-"
    assert spread([0.5, None], 100) == "50.0"
    assert spread([1.0, 0.98], 100) == "99.0 ± 1.4"


def test_the_papers_tables_are_those_of_the_tasks_here() -> None:
    assert {task for task, _ in paper.RUNS} == set(paper.TASKS)
    assert len(paper.RUNS) == len(paper.TASKS) * len(paper.METHODS)
    ours = {(task, one.name) for task in paper.TASKS for one in SUITES[task]}
    assert set(paper.SUITES) <= ours


def test_a_part_that_nobody_has_makes_no_section() -> None:
    whole = injected("finetune", 42, 1.0)
    bare = replace(whole, suites=(), retention=(), missing={}, noise=None, pictures={})
    anchors = [section.anchor for section in sections(replace(results(), runs=(bare,)))]
    assert "table-1" in anchors
    assert not {"table-2", "table-3", "figure-3", "missing"} & set(anchors)


# --- the store ------------------------------------------------------------------------------------


EVALUATION = Evaluation(Share(0.5, 10), 3.5, 100, None)
KEY = {"bundle": "abc", "norms": (1, 2)}


def test_a_stage_is_kept_under_its_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.find("a.accuracy", KEY, Evaluation) is None
    kept = store.keep("a.accuracy", KEY, Outcome(EVALUATION))
    assert kept.value == EVALUATION
    assert store.find("a.accuracy", KEY, Evaluation) == kept
    assert store.find("a.accuracy", {**KEY, "bundle": "other"}, Evaluation) is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.accuracy.json"]


def test_a_stage_without_its_picture_is_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.keep("a.noise", KEY, Outcome((EVALUATION,), lambda: Figure(figsize=(1, 1))))
    kept = store.find("a.noise", KEY, tuple[Evaluation, ...])
    assert kept is not None
    assert kept.picture == "a.noise.png"
    assert kept.value == (EVALUATION,)
    (tmp_path / "a.noise.png").unlink()
    assert store.find("a.noise", KEY, tuple[Evaluation, ...]) is None


@dataclass(frozen=True)
class Later:
    """What another version of a stage may hold."""

    accuracy: float


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": 1, "value": 2, "picture": null}'])
def test_a_damaged_stage_is_none(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path)
    store.keep("a", KEY, Outcome(EVALUATION))
    assert store.find("a", KEY, Later) is None
    (tmp_path / "a.json").write_text(text)
    assert store.find("a", KEY, Evaluation) is None


def test_tuples_and_dataclasses_as_json() -> None:
    assert to_json((Share(0.5, 2),)) == [{"value": 0.5, "n": 2}]


# --- fidelity by layer ----------------------------------------------------------------------------


def test_fidelity_at_every_layer(bundle: Any) -> None:
    rows = bundle.rows(examples(small_injection.task(), "test", 40, 1))
    found = fidelity_by_layer(bundle, rows)
    last = fidelity(bundle, rows)
    assert found.layers == bundle.record.layers
    assert found.variables == last.changing
    since = {one.name: one.layer for one in bundle.projection.slices}
    for name, shares in zip(found.variables, found.shares, strict=True):
        assert shares[-1] == last.variables[name]
        assert [share is None for share in shares] == [
            layer < since[name] for layer in range(len(found.layers))
        ]
    drawn = draw_fidelity(found).axes[0]
    assert [label.get_text() for label in drawn.get_yticklabels()] == list(found.variables)

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
    Effort,
    Outcome,
    Store,
    is_results,
    load_results,
    markdown,
    paper,
    save_results,
    sections,
)
from rinject.evaluate.results.groups import grouped
from rinject.evaluate.results.parts import RETENTION
from rinject.evaluate.results.record import Evaluation, Results, Run, Share
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
    path = tmp_path / "results.json"
    with pytest.raises(InputError, match="there are no results"):
        load_results(path)
    assert not is_results(path)
    path.write_text('{"runs": [')
    with pytest.raises(InputError, match=r"results\.json are damaged"):
        load_results(path)
    assert not is_results(path)


@pytest.mark.parametrize("text", ["[]", "{}", '{"runs": []}', '"runs"'])
def test_json_of_others_is_no_results(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    assert not is_results(path)


def test_results_of_another_schema_are_results(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    save_results(replace(results(), schema_version=1), path)
    assert is_results(path)
    with pytest.raises(InputError, match="schema version 1"):
        load_results(path)


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


def groups_of(*runs: Run) -> list[tuple[str, int]]:
    """What tells each group apart, and how many runs it has."""
    found = grouped(replace(results(), runs=runs))
    return [(group.difference, len(group.runs)) for group in found]


def with_settings(run: Run, **settings: Any) -> Run:
    return replace(run, name=f"{run.name}-other", settings={**run.settings, **settings})


def test_runs_of_another_seed_alone_are_one_row() -> None:
    first, second = injected("finetune", 42, 1.0), injected("finetune", 43, 0.5)
    assert groups_of(first, second) == [("", 2)]
    assert groups_of(first, with_settings(second, log_every=3)) == [("", 2)]
    assert groups_of(first, with_settings(second, eval_every=3)) == [("", 2)]
    by_tokens = [with_settings(run, task_tokens=99, task_rows=run.seed) for run in (first, second)]
    assert groups_of(*by_tokens) == [("", 2)]


def test_other_recipes_and_students_have_rows_of_their_own() -> None:
    first, second = injected("finetune", 42, 1.0), injected("finetune", 43, 0.5)
    free, points = (with_settings(first, codes=codes) for codes in ("free", "orthogonal"))
    assert groups_of(free, points) == [("--codes free", 1), ("--codes orthogonal", 1)]
    seeking = injected("tracr-injection", 42, 1.0)  # what is read wrong decides what is drawn
    often, seldom = (with_settings(seeking, seek="wrong", rare=0.5, eval_every=n) for n in (5, 9))
    assert groups_of(often, seldom) == [("--eval-every 5", 1), ("--eval-every 9", 1)]
    larger = replace(second, base="gpt2", base_weights="77")
    assert groups_of(first, larger, second) == [("tiny", 2), ("gpt2", 1)]
    trained_on = replace(first, base_weights="7700770077")
    assert groups_of(first, trained_on) == [("tiny ba987654", 1), ("tiny 77007700", 1)]
    other_task = replace(first, task_file="mine.jsonl", task_sha256="12")
    assert groups_of(first, other_task) == [
        ("the program's inputs", 1),
        ("--task mine.jsonl", 1),
    ]
    other_text = replace(first, program_sha256="fedcba9876")
    assert groups_of(first, other_text) == [("program 01234567", 1), ("program fedcba98", 1)]


def test_of_many_differences_those_are_named_that_tell_recipes_apart() -> None:
    first = with_settings(injected("finetune", 42, 1.0), layer_map="stretched")
    many = {"alpha": 2.0, "beta": 2.0, "gamma": 2.0, "similar_lengths": True}
    one, two = with_settings(first, **many), with_settings(first, **many, last_layer=3)
    assert groups_of(first, one, two) == [
        ("--no-similar-lengths, --last-layer default, and 3 more", 1),
        ("--similar-lengths, --last-layer default, and 3 more", 1),
        ("--similar-lengths, --last-layer 3, and 3 more", 1),
    ]
    few = with_settings(first, similar_lengths=True), with_settings(first, similar_lengths=False)
    assert groups_of(*few) == [("--similar-lengths", 1), ("--no-similar-lengths", 1)]


def test_titles_tell_recipes_apart() -> None:
    first = injected("tracr-injection", 42, 1.0)
    runs = (with_settings(first, codes="free"), with_settings(first, codes="orthogonal"))
    text = markdown("Two", sections(replace(results(), runs=runs)))
    for codes in ("free", "orthogonal"):
        assert f"**Count, Tracr-Injection, --codes {codes}, seed 42**" in text
        assert f"| Count | Tracr-Injection, --codes {codes} | 100.0 |" in text


@pytest.mark.parametrize(("rule", "mark"), [("coverage", "†"), ("spread", "‡")])
def test_suites_of_students_of_another_data_rule_are_marked(rule: str, mark: str) -> None:
    whole = injected("finetune", 42, 1.0)
    other = replace(whole, suites=tuple(replace(one, data=rule) for one in whole.suites))
    text = markdown("One", sections(replace(results(), runs=(other,))))
    assert f"| x only | Finetuning + KL {mark} | 100.0 |" in text
    assert f"{mark}: trained with --data {rule}" in text
    assert mark not in markdown("One", sections(replace(results(), runs=(whole,))))


def test_a_picture_is_linked_whatever_its_bundle_is_called() -> None:
    one = replace(injected("finetune", 42, 1.0), pictures={"noise": "my run (2).noise.png"})
    text = markdown("One", sections(replace(results(), runs=(one,))))
    assert "](my%20run%20%282%29.noise.png)" in text


def test_only_gaps_that_are_sure_are_counted() -> None:
    whole = injected("finetune", 42, 1.0)
    assert whole.noise is not None
    (gap,) = whole.noise.gaps
    gaps = (gap, replace(gap, norm=40.0, accuracy_ci=(-0.1, 0.9), loss_ci=(0.5, 3.0)))
    one = replace(whole, noise=replace(whole.noise, gaps=gaps))
    (table,) = sections(replace(results(), runs=(one,)))[0].tables
    assert table.rows[0][-2:] == ("1 of 2", "1 of 2")


def test_the_papers_tables_are_those_of_the_tasks_here() -> None:
    assert {task for task, _ in paper.RUNS} == set(paper.TASKS)
    assert len(paper.RUNS) == len(paper.TASKS) * len(paper.METHODS)
    ours = {(task, one.name) for task in paper.TASKS for one in SUITES[task]}
    assert set(paper.SUITES) <= ours
    for program, task in paper.REWRITTEN.items():
        assert SUITES[program] is SUITES[task]
    assert set(paper.REWRITTEN.values()) <= set(paper.TASKS)


def test_the_papers_figures_stand_beside_other_programs_of_its_tasks() -> None:
    count = injected("tracr-injection", 42, 1.0)
    of_bits = tuple(
        replace(one, task="shuffle_dyck_bits", suite="almost balanced") for one in count.suites[:1]
    )
    bits = replace(count, task="shuffle_dyck_bits", suites=of_bits)
    text = markdown("One", sections(replace(results(), runs=(bits,))))
    assert r"| shuffle\_dyck\_bits | Tracr-Injection | 100.0 | 99.9 |" in text
    row = next(line for line in text.splitlines() if line.startswith("| almost balanced"))
    assert "| 96.6 |" in row


@pytest.mark.parametrize(
    ("method", "carries"),
    [("tracr-injection", True), ("interchange", True), ("finetune", False)],
)
def test_variables_are_shown_of_students_that_carry_them_on_purpose(
    method: str, carries: bool
) -> None:
    found = sections(replace(results(), runs=(injected(method, 42, 1.0),)))
    tables = {section.anchor: section.tables for section in found}
    for part in ("fidelity", "figure-6"):
        assert bool(tables.get(part)) is carries


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
    assert kept.versions.keys() >= {"rinject", "torch", "python"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.accuracy.json"]


def test_what_does_not_last_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept = store.keep("a.retention", KEY, Outcome(EVALUATION, lasts=False))
    assert kept.value == EVALUATION
    assert store.find("a.retention", KEY, Evaluation) is None


def test_retention_rests_on_the_files_that_are_read(tmp_path: Path) -> None:
    first, moved = tmp_path / "first", tmp_path / "moved"
    for folder in (first, moved):
        folder.mkdir()
        (folder / "sst2-validation.tsv").write_text("sentence\tlabel\ngood \t1\n")
    key = RETENTION.key(Effort(retention_data=str(first)))
    (first / "notes.txt").write_text("nothing that is read")
    assert RETENTION.key(Effort(retention_data=str(first))) == key
    assert RETENTION.key(Effort(retention_data=str(moved))) == key
    (moved / "sst2-validation.tsv").write_text("sentence\tlabel\ngood \t0\n")
    assert RETENTION.key(Effort(retention_data=str(moved))) != key
    assert RETENTION.key(Effort()) != key


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

"""The worked example: what its README does, with very little training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random

import pytest
from command_line import run

from rinject.lang import load_program
from rinject.tasks import find_task, up_to

EXAMPLE = Path(__file__).parents[2] / "examples" / "walk"
LITTLE = [
    *("--steps", "2", "--task-rows", "2", "--text-rows", "1", "--text-tokens", "8"),
    *("--examples", "12", "--eval-examples", "4", "--test-examples", "12", "--device", "cpu"),
]
TASKS = {"drawn": [], "listed": ["--task", "walks.jsonl"], "own": ["--task", "walks.py:Walks"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "walk"))


def test_check_and_compile(folder: Path) -> None:
    ran = run("check", "walk.rasp", where=folder)
    assert (ran.code, "ok" in ran.out) == (0, True)
    ran = run("compile", "walk.rasp", "--samples", "30", "--json", where=folder)
    assert ran.code == 0, ran.err
    assert f"{ran.json['layers']} layers" in (folder / "README.md").read_text()


@pytest.mark.parametrize("chosen", [None, "walks.jsonl", "walks.py:Walks"])
def test_every_way_to_give_inputs_has_the_programs_answers(chosen: str | None) -> None:
    program = load_program(EXAMPLE / "walk.rasp")
    task = find_task(program, None if chosen is None else str(EXAMPLE / chosen))
    for example in up_to(task, "train", 60, seed=0):
        meant = program.evaluate([*example.input.split(), "done"])[-1]
        assert example.answer == f" {meant}"


def test_the_longer_walks_are_longer() -> None:
    task = find_task(load_program(EXAMPLE / "walk.rasp"), f"{EXAMPLE / 'walks.py'}:Walks")
    trained = {example.input for example in up_to(task, "train", 500, seed=0)}
    assert max(len(text.split()) for text in trained) == 12
    (suite,) = task.suites  # type: ignore[attr-defined]
    rng = Random(0)
    inputs = suite.inputs(rng)
    assert {len(next(inputs).split()) for _ in range(500)} == set(range(13, 25))


@pytest.mark.parametrize("way", TASKS)
def test_inject_eval_decode_and_ood(folder: Path, way: str) -> None:
    ran = run("inject", "walk.rasp", "-o", way, *TASKS[way], *LITTLE, "--json", where=folder)
    assert ran.code == 0, ran.err
    assert ran.json["n"] == 12
    decoded = run("decode", "up left down", "--json", where=folder)
    assert decoded.json["true_answer"] == " left"
    assert "horizontal" in decoded.json["variables"]
    ran = run("ood", "--n", "5", "--json", where=folder)
    if way == "own":
        assert [record["suite"] for record in ran.json] == ["longer"]
    else:
        assert "no out-of-distribution suites" in ran.err


def test_the_listed_answers_are_those_of_the_class() -> None:
    task = find_task(load_program(EXAMPLE / "walk.rasp"), f"{EXAMPLE / 'walks.py'}:Walks")
    lines = (EXAMPLE / "walks.jsonl").read_text().splitlines()
    for line in map(json.loads, lines):
        assert line["answer"] == f" {task.output(line['input'])}"

"""Tasks of one's own in a Python file: used as they are, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tasks.drawn_programs import alike

from rinject.errors import InputError, RinjectError
from rinject.tasks import (
    Exhausted,
    TaskSource,
    examples,
    find_suites,
    find_task,
    task_source,
    up_to,
)
from rinject.tasks.source import LONGEST_KEPT
from rinject.tasks.task import rule_of

SAMPLER = """
from __future__ import annotations
from dataclasses import dataclass
from rinject.lang import Header
from rinject.tasks import Sampler, Suite

@dataclass(frozen=True)
class Mine(Sampler):
    header: Header
    kinds: tuple[str, ...] = ("any",)
    suites = (Suite("long", "many letters", lambda rng: iter(["a b " * 9]), lambda text: True),)

    def draw(self, kind, rng):
        return " ".join(rng.choices("abc", k=rng.randint(2, 12)))

    def output(self, text):
        return text.count("a") == text.count("b") > 0
"""
CASES = """
class Mine:
    def __init__(self, header):
        pass

    def cases(self, split, rng):
        {cases}

    def output(self, text):
        return text.count("a") == text.count("b") > 0
"""


def saved(folder: Path, text: str, name: str = "Mine") -> str:
    (folder / "mine.py").write_text(text)
    return f"{folder / 'mine.py'}:{name}"


def test_a_sampler(tmp_path: Path) -> None:
    task = find_task(alike(), saved(tmp_path, SAMPLER))
    found = examples(task, "train", 100, seed=0)
    assert found == examples(find_task(alike(), saved(tmp_path, SAMPLER)), "train", 100, seed=0)
    held_out = {example.input for example in examples(task, "test", 100, seed=0)}
    assert held_out.isdisjoint(example.input for example in found)
    for example in found:
        alike_counts = example.input.count("a") == example.input.count("b") > 0
        assert example.answer == (" yes" if alike_counts else " no")
    assert [suite.name for suite in find_suites(task)] == ["long"]


def test_an_object_with_its_own_cases(tmp_path: Path) -> None:
    cases = 'yield from [("a b", True), ("a", False)] if split == "train" else [("b", False)]'
    text = CASES.format(cases=cases).replace("self, header", "self") + "\nmine = Mine()\n"
    task = find_task(alike(), saved(tmp_path, text, "mine"))
    assert [e.answer for e in up_to(task, "train", 9, seed=0)] == [" yes", " no"]
    with pytest.raises(Exhausted, match=r"mine\.py:mine has no more train inputs than 2"):
        examples(task, "train", 3, seed=0)


def test_what_a_bundle_keeps_makes_the_same_task(tmp_path: Path) -> None:
    task = find_task(alike(), saved(tmp_path, SAMPLER))
    kept = task_source(task)
    assert kept is not None
    assert kept.is_unchanged()
    saved(tmp_path, "Mine = None")
    assert not kept.is_unchanged()
    again = find_task(alike(), kept)
    assert examples(again, "test", 20, seed=3) == examples(task, "test", 20, seed=3)


def test_a_file_of_examples(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b'{"input": "a b", "split": "train"}\r\n{"input": "b", "split": "test"}\r\n')
    task = find_task(alike(), str(path))
    kept = task_source(task)
    assert kept is not None
    assert (kept.is_code, kept.is_unchanged()) == (False, True)
    path.unlink()
    again = find_task(alike(), kept)
    assert [example.input for example in up_to(again, "test", 5, seed=0)] == ["b"]


def test_a_file_that_is_too_long_to_be_kept(tmp_path: Path) -> None:
    path, text = tmp_path / "mine.jsonl", '{"input": "a b"}' + " " * LONGEST_KEPT
    path.write_text(text)
    kept = TaskSource.of(path, text)
    assert kept.text is None
    assert kept.kept_text() == text
    path.write_text("other")
    with pytest.raises(InputError, match="has gone or changed since the injection"):
        kept.kept_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:", "fails in line 1: SyntaxError"),
        ("import nothing_there", "fails in line 1: ModuleNotFoundError"),
        ("import sys\nsys.exit(0)", "fails in line 2: SystemExit"),
        ("class Mime: pass", "has no `Mine`"),
        ("Mine = 3", "is no task"),
        ("class Mine: pass", r"fails: TypeError: Mine\(\) takes no arguments"),
        ("class Mine:\n    def __init__(self, header):\n        1 / 0", "fails in line 3: ZeroDiv"),
        (CASES.format(cases="yield 3"), "yields 3"),
        (CASES.format(cases='yield "ab"'), "yields 'ab'"),
        (CASES.format(cases='yield from 2 * [("a", False)]'), "gives the input 'a' twice"),
        (CASES.format(cases='yield from [("a", False), [][0]]'), "fails in line 7: IndexError"),
        (CASES.format(cases='yield "a" * 2, True'), "answers ' yes', but `alike` answers ' no'"),
        (CASES.format(cases='yield "a " * 80, True'), "has 85 symbols, `alike` reads 40"),
        (CASES.format(cases='yield "a", 7'), "outputs 7, which `alike` does not write"),
        (CASES.format(cases="return\n        yield"), "has no more train inputs than 0"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RinjectError, match=message):
        find_task(alike(), saved(tmp_path, text))


def test_an_input_of_two_splits(tmp_path: Path) -> None:
    task = find_task(alike(), saved(tmp_path, CASES.format(cases='yield "a", False')))
    examples(task, "train", 1, seed=0)
    with pytest.raises(InputError, match="gives the input 'a' for train and for test") as caught:
        examples(task, "test", 1, seed=0)
    assert "split_of" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("mine.py", "'mine.py' does not name a task"),
        ("mine.py:no name", "does not name a task"),
        ("nowhere.py:Mine", r"there is no file .*nowhere\.py"),
        ("nowhere.jsonl", r"there are no examples .*nowhere\.jsonl"),
        (".:Mine", "cannot read"),
    ],
)
def test_names_that_name_nothing(chosen: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_task(alike(), chosen)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_bytes(b"Mine = '\xff'")
    with pytest.raises(InputError, match=r"not text in UTF-8 \(byte 8\)"):
        find_task(alike(), f"{tmp_path / 'mine.py'}:Mine")


def test_its_rule(tmp_path: Path) -> None:
    rule = "\n    def allows(self, text):\n        return 'c' not in text\n"
    allows = rule_of(find_task(alike(), saved(tmp_path, SAMPLER + rule)))
    assert allows is not None
    assert [allows(text) for text in ("a b", "a c")] == [True, False]
    assert rule_of(find_task(alike(), saved(tmp_path, SAMPLER))) is None


def test_a_rule_that_fails_is_reported_with_its_line(tmp_path: Path) -> None:
    rule = "\n    def allows(self, text):\n        return text.nothing\n"
    allows = rule_of(find_task(alike(), saved(tmp_path, SAMPLER + rule)))
    assert allows is not None
    with pytest.raises(InputError, match=r"mine\.py"):
        allows("a b")


def test_a_rule_has_to_be_a_method(tmp_path: Path) -> None:
    task = find_task(alike(), saved(tmp_path, SAMPLER + "\n    allows = True\n"))
    with pytest.raises(InputError, match="no method"):
        rule_of(task)

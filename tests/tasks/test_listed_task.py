"""Inputs from a JSONL file: taken as they stand, or refused with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tasks.drawn_programs import FIELDS, alike

from rinject.errors import InputError
from rinject.lang import load_program
from rinject.tasks import SPLITS, Exhausted, examples, find_task, split_of, up_to
from rinject.tasks.listed import Listed

EXAMPLES = FIELDS + 'examples "mine.jsonl";'
GIVEN: list[dict[str, Any]] = [
    {"input": "a b", "answer": " yes", "split": "train"},
    {"input": "a a", "answer": " no", "split": "train"},
    {"input": "c", "split": "train"},
    {"input": "b a", "split": "test"},
    {"input": "b b c", "split": "validation"},
]


def task_of(folder: Path, text: str, fields: str = EXAMPLES) -> Listed:
    (folder / "alike.rasp").write_text(alike(fields).source)
    (folder / "mine.jsonl").write_text(text, encoding="utf-8")
    task = find_task(load_program(folder / "alike.rasp"))
    assert isinstance(task, Listed)
    return task


def lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_all_lines_of_a_split_come_up_once_with_the_programs_answers(tmp_path: Path) -> None:
    task = task_of(tmp_path, lines(*GIVEN))
    found = up_to(task, "train", 10, seed=0)
    assert {(one.input, one.answer) for one in found} == {
        ("a b", " yes"),
        ("a a", " no"),
        ("c", " no"),
    }
    assert found[0].prompt == f"Equal counts in {found[0].input}:"
    assert [(one.input, one.answer) for one in examples(task, "test", 1, 0)] == [("b a", " yes")]
    assert [one.input for one in examples(task, "validation", 1, 0)] == ["b b c"]
    assert task.output("a c b") is True


def test_the_order_is_random_but_that_of_the_seed(tmp_path: Path) -> None:
    inputs = [" ".join("a" * n) for n in range(1, 30)]
    text = lines(*({"input": one, "split": "train"} for one in inputs))
    task = task_of(tmp_path, text)
    orders = [[one.input for one in examples(task, "train", 29, seed)] for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert [sorted(order, key=len) for order in orders] == [inputs] * 3


def test_without_a_split_the_input_decides(tmp_path: Path) -> None:
    inputs = [" ".join(word) for word in ("abc", "cab", "bb", "aab", "c", "cc", "abab")]
    task = task_of(tmp_path, lines(*({"input": one} for one in inputs)))
    for split in SPLITS:
        assert {text for text, _ in task.found[split]} == {
            one for one in inputs if split_of(one) == split
        }


def test_a_split_that_is_used_up_or_empty(tmp_path: Path) -> None:
    task = task_of(tmp_path, lines(*GIVEN[:3]))
    with pytest.raises(Exhausted, match=r"mine\.jsonl has no more train inputs than 3"):
        examples(task, "train", 4, seed=0)
    with pytest.raises(Exhausted, match=r"mine\.jsonl has no test inputs") as caught:
        up_to(task, "test", 4, seed=0)
    assert '"split": "test"' in str(caught.value.hint)


def test_blank_lines_and_a_byte_order_mark_are_passed_over(tmp_path: Path) -> None:
    task = task_of(tmp_path, "\ufeff" + lines(GIVEN[0]) + "\n  \n" + lines(GIVEN[1]))
    assert len(up_to(task, "train", 4, seed=0)) == 2


def test_other_text_where_the_alphabet_has_it(tmp_path: Path) -> None:
    fields = EXAMPLES + 'alphabet "a", "b", "_";'
    task = task_of(tmp_path, lines({"input": "some a, some b", "split": "train"}), fields)
    assert examples(task, "train", 1, seed=0)[0].answer == " yes"


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ('{"input": "a b"', "this is not JSON: ", '{"input": "…"'),
        ("[" * 100_000, "this is not JSON: it cannot be read", '{"input": "…"'),
        ('["a b"]', "this is not a JSON object", '{"input": "…"'),
        ('{"answer": " yes"}', 'the key "input" is missing', '{"input": "…"'),
        ('{"imput": "a b"}', "unknown key 'imput'", "did you mean `input`"),
        ('{"input": ["a"]}', '"input" is not a string', "quotes"),
        ('{"input": "a", "answer": true}', '"answer" is not a string', "quotes"),
        ('{"input": "\\ud800"}', '"input" holds half a character', "whole"),
        ('{"input": "a", "split": "dev"}', '"split" is "dev"', "train, validation, test"),
        ('{"input": "a b"}', "the input 'a b' stands in line 1 already", "one of the two"),
        ('{"input": "a x b"}', "'x' in the input is no symbol of `alike`", 'add "_" to `alphabet`'),
        (
            json.dumps({"input": " ".join("a" * 37)}),
            "the prompt has 41 symbols, `alike` reads 40",
            "`longest`",
        ),
        (
            '{"input": "a a", "answer": " yes"}',
            "the answer is ' yes', but `alike` answers ' no'",
            "correct the line",
        ),
        (
            '{"input": "b a", "answer": "yes"}',
            "the answer is 'yes', but `alike` answers ' yes'",
            "correct the line",
        ),
    ],
)
def test_lines_that_cannot_be_used(tmp_path: Path, line: str, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        task_of(tmp_path, f"{lines(GIVEN[0])}\n{line}\n")
    assert caught.value.message.startswith(f"{tmp_path / 'mine.jsonl'}:3: {message}")
    assert hint in str(caught.value.hint)


def test_an_output_that_the_header_does_not_write(tmp_path: Path) -> None:
    (tmp_path / "alike.rasp").write_text(alike(EXAMPLES, body="answer = indices * 0 + 7;").source)
    (tmp_path / "mine.jsonl").write_text(lines(GIVEN[2]))
    with pytest.raises(InputError, match=r"mine\.jsonl:1: .* write the output 7 on the input 'c'"):
        find_task(load_program(tmp_path / "alike.rasp"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.jsonl has no examples"):
        task_of(tmp_path, "\n")
    (tmp_path / "mine.jsonl").write_bytes(b'{"input": "\xff"}')
    program = load_program(tmp_path / "alike.rasp")
    with pytest.raises(InputError, match=r"mine\.jsonl is not text in UTF-8 \(byte 11\)"):
        find_task(program)
    (tmp_path / "mine.jsonl").rename(tmp_path / "mime.jsonl")
    with pytest.raises(InputError, match=r"there are no examples .*mine\.jsonl") as caught:
        find_task(program)
    assert "mime.jsonl" in str(caught.value.hint)
    (tmp_path / "mine.jsonl").mkdir()
    with pytest.raises(InputError, match=r"cannot read .*mine\.jsonl"):
        find_task(program)


@pytest.mark.parametrize("name", ["../mine.jsonl", "/tmp/mine.jsonl"])
def test_files_elsewhere_are_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "alike.rasp").write_text(alike(f'examples "{name}";').source)
    with pytest.raises(InputError, match="outside of the program's folder"):
        find_task(load_program(tmp_path / "alike.rasp"))


def test_a_program_that_is_no_file_has_none_beside_it() -> None:
    with pytest.raises(InputError, match=r"the examples mine\.jsonl .* not in a file"):
        find_task(alike(EXAMPLES))

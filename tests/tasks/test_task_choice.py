"""Which task a program has, and that a program of one's own can be injected."""

from __future__ import annotations

from pathlib import Path

from inject import small_injection
from inject.small_injection import one_thread as one_thread
from tasks.drawn_programs import FIELDS, alike

from rinject.compiler import compile_program
from rinject.inject import inject
from rinject.lang import Program, load_program
from rinject.tasks import Task, examples, find_task
from rinject.tasks.drawn import Drawn
from rinject.tasks.listed import Listed
from rinject.tasks.shuffle_dyck import ShuffleDyck
from rinject.tokens import reconcile


def saved(folder: Path, program: Program) -> Program:
    (folder / "mine.rasp").write_text(program.source)
    return load_program(folder / "mine.rasp")


def test_the_task_is_listed_or_built_in_or_drawn(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"input": "a b"}')
    listed = FIELDS + 'examples "mine.jsonl";'
    named = alike().source.replace("program alike", "program shuffle_dyck")
    paper = Path(__file__).parents[2] / "programs" / "shuffle_dyck.rasp"
    assert isinstance(find_task(saved(tmp_path, alike(listed))), Listed)
    assert isinstance(find_task(load_program(paper)), ShuffleDyck)
    assert isinstance(find_task(load_program(text=named)), Drawn)  # the name alone says little
    assert isinstance(find_task(alike()), Drawn)


def injected(program: Program, task: Task, directory: Path) -> float | None:
    tokenizer = small_injection.tokenizer()
    return inject(
        compile_program(program, causal=True),
        small_injection.student(),
        reconcile(tokenizer, program.header),
        task,
        small_injection.TEXTS,
        small_injection.settings(steps=2, eval_every=2),
        directory=directory,
    ).accuracy


def test_a_program_of_ones_own_is_injected_with_drawn_inputs(tmp_path: Path) -> None:
    program = alike(FIELDS + "balance answers;")
    assert injected(program, find_task(program), tmp_path / "bundle") is not None
    assert (tmp_path / "bundle" / "model.safetensors").is_file()


def test_a_program_of_ones_own_is_injected_with_listed_inputs(tmp_path: Path) -> None:
    inputs = [
        f'{{"input": "{text}", "split": "{split}"}}\n'
        for text, split in [("a b", "train"), ("a a", "train"), ("c", "train"), ("b", "validation")]
    ]
    (tmp_path / "mine.jsonl").write_text("".join(inputs))
    program = saved(tmp_path, alike('examples "mine.jsonl";'))
    assert injected(program, find_task(program), tmp_path / "bundle") is not None


def test_answers_are_those_on_a_students_tokens() -> None:
    program = alike(FIELDS + "balance answers;")
    reconciliation = reconcile(small_injection.tokenizer(), program.header)
    for example in examples(find_task(program), "train", 50, seed=0):
        ids = reconciliation.encode(example.prompt)
        meant = program.evaluate(reconciliation.symbols(ids))[-1]
        assert example.answer == (" yes" if meant else " no")

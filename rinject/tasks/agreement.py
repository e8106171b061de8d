"""Whether a task asks for what its program answers."""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import Any

from rinject.errors import InputError, RinjectError
from rinject.lang import Header, Program
from rinject.tasks.oracle import Oracle
from rinject.tasks.task import Exhausted, Task, answer_text, fill_prompt

TRIED = 64  # inputs whose answers are compared with the program's


def check_agreement(program: Program, task: Task, called: str) -> None:
    """A student cannot learn one answer and the variables of another; `called` names the task.

    Raises InputError where the program cannot read one of a few inputs, or answers another way.
    """
    oracle, header = Oracle(program), program.header
    cases = _first(task, Random(f"{header.name}/tried"))
    prompts = [oracle.reader.symbols(fill_prompt(header, text)) for text, _ in cases]
    for (text, _), symbols in zip(cases, prompts, strict=True):
        if len(symbols) > oracle.longest:
            raise InputError(
                f"the task {called} gives an input whose prompt has"
                f" {len(symbols)} symbols, `{header.name}` reads {oracle.longest}: {text!r}",
                hint="draw shorter inputs, or raise `longest`",
            )
    for (text, value), output in zip(cases, oracle.outputs(prompts), strict=True):
        own, meant = _written(header, called, value, text), answer_text(header, output, text)
        if own != meant:
            raise InputError(
                f"on the input {text!r} the task {called} answers {own!r}, but"
                f" `{header.name}` answers {meant!r}",
                hint="a student learns the program's answers: correct one of the two",
            )


def _written(header: Header, called: str, value: Any, text: str) -> str:
    """The answer that a task means; its outputs may be those of another program."""
    try:
        return answer_text(header, value, text)
    except RinjectError:
        raise InputError(
            f"on the input {text!r} the task {called} outputs {value!r}, which `{header.name}` does"
            " not write",
            hint="give a task of this program, or name the output in its header's answers",
        ) from None


def _first(task: Task, rng: Random) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    try:
        found.extend(islice(task.cases("train", rng), TRIED))
    except Exhausted:
        if not found:
            raise
    return found

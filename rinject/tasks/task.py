"""What a program is trained and tested on: prompts with their right answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, Literal, Protocol, get_args

from rinject.errors import InputError, RinjectError
from rinject.lang import Header
from rinject.lang.header import INPUT_SLOT

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

BUCKETS = 100
TEST_BUCKETS = range(0, 8)
VALIDATION_BUCKETS = range(8, 12)


class Exhausted(InputError):
    """A task has no new inputs left in a split."""


@dataclass(frozen=True)
class Example:
    """One input of a task and what the student should write about it."""

    input: str
    """What stands in the prompt's slot, such as ``([)]``."""
    prompt: str
    """The full text up to the answer."""
    answer: str
    """The text that follows the prompt, with its leading space if it has one."""


class Task(Protocol):
    """A source of inputs for one program, and their right output values."""

    @property
    def header(self) -> Header:
        """The header of the program: its name, its prompt and its answers."""

    def cases(self, split: Split, rng: Random) -> Iterator[tuple[str, Any]]:
        """The inputs of a split in random order, none twice, each with its output.

        Raises Exhausted where there is nothing more.
        """

    def output(self, text: str) -> Any:
        """The program's output value at the end of the prompt, for an input.

        Of a program that spells its answers: the tuple of its values from there on, but the end.
        """


def rule_of(task: Task) -> Callable[[str], bool] | None:
    """Which inputs a task's rule can draw: its method `allows(text)`, where it has one."""
    found: Callable[[str], bool] | None = getattr(task, "allows", None)
    return found


def split_of(text: str) -> Split:
    """The split an input belongs to, for ever: a stable function of its characters."""
    bucket = digest(text) % BUCKETS
    if bucket in TEST_BUCKETS:
        return "test"
    return "validation" if bucket in VALIDATION_BUCKETS else "train"


def example(task: Task, text: str) -> Example:
    """An input in its prompt, with its answer."""
    return _example(task.header, text, task.output(text))


def fill_prompt(header: Header, text: str) -> str:
    """The program's prompt around an input. Raises RinjectError if the program has none."""
    if header.prompt is None:
        raise RinjectError(
            f"the program `{header.name}` has no prompt", hint="give it one in its header"
        )
    return header.prompt.replace(INPUT_SLOT, text)


def answer_text(header: Header, output: Any, text: str | None = None) -> str:
    """How the program's header writes an output, that of an input: one value, or a spelled answer.

    Raises RinjectError if it does not.
    """
    if not header.spelled:
        return _value_text(header, output, text)
    if not output:
        given = "" if text is None else f" on the input {text!r}"
        raise RinjectError(
            f"the program `{header.name}` ends its answer before it began{given}",
            hint="let its output at the end of the prompt be what is written first",
        )
    return "".join(_value_text(header, value, text) for value in output)


def _value_text(header: Header, value: Any, text: str | None) -> str:
    for rule in header.answers:
        if rule.value == value and type(rule.value) is type(value):
            return rule.text
    given = "" if text is None else f" on the input {text!r}"
    if value is None:
        raise RinjectError(
            f"the program `{header.name}` has no value at the end of the prompt{given}",
            hint="let it have one wherever a prompt ends: give its `aggregate` a default",
        )
    raise RinjectError(
        f"the program `{header.name}` does not say how to write the output {value!r}{given}",
        hint=f'add a line `answer {value!r} is "…";` to its header',
    )


def stream(task: Task, split: Split, seed: int) -> Iterator[Example]:
    """Random examples of one split; no input comes twice.

    The same task, split and seed give the same examples. Raises Exhausted once the split has
    nothing new left, and RinjectError for an output that the header does not write.
    """
    rng = Random(f"{task.header.name}/{split}/{seed}")
    for text, value in task.cases(split, rng):
        yield _example(task.header, text, value)


def examples(task: Task, split: Split, n: int, seed: int) -> list[Example]:
    """The first ``n`` examples of a stream. Raises Exhausted where it has fewer."""
    return list(islice(stream(task, split, seed), n))


def up_to(task: Task, split: Split, most: int, seed: int) -> list[Example]:
    """The first ``most`` examples of a stream, or all. Raises Exhausted where it has none."""
    return next_of(stream(task, split, seed), most)


def next_of(source: Iterator[Example], most: int) -> list[Example]:
    """The next ``most`` examples of a stream, or all that it has left.

    Raises Exhausted where it ends before the first of them; a stream that has ended gives none.
    """
    found: list[Example] = []
    try:
        found.extend(islice(source, most))
    except Exhausted:
        if not found:
            raise
    return found


def _example(header: Header, text: str, value: Any) -> Example:
    return Example(text, fill_prompt(header, text), answer_text(header, value, text))


def digest(text: str) -> int:
    """64 bits, as an int: small enough to remember a million of them."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

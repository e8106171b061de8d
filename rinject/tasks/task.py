"""What a program is trained and tested on: prompts with their right answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, Literal, Protocol, get_args

from rinject.errors import RinjectError
from rinject.lang import Header
from rinject.lang.header import INPUT_SLOT

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

BUCKETS = 100
TEST_BUCKETS = range(0, 8)
VALIDATION_BUCKETS = range(8, 12)
MOST_DRAWS = 10_000  # in a row without anything new: the split is used up


class Exhausted(RinjectError):
    """A task has no new inputs left in a split."""


@dataclass(frozen=True)
class Example:
    """One input of a task and what the student should write about it."""

    input: str
    """What stands in the prompt's slot, such as ``([)]``."""
    prompt: str
    """The full text up to the answer."""
    answer: str
    """The text that follows the prompt, with its leading space."""


class Task(Protocol):
    """A source of inputs for one program, and their right output values."""

    @property
    def name(self) -> str:
        """The name of the program."""

    @property
    def header(self) -> Header:
        """The header of the program: its prompt and its answers."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of input, each of them equally frequent among the examples."""

    def draw(self, kind: str, rng: Random) -> str:
        """A random input of a kind."""

    def output(self, text: str) -> Any:
        """The program's output value at the end of the prompt, for an input."""


def split_of(text: str) -> Split:
    """The split an input belongs to, for ever: a stable function of its characters."""
    bucket = _digest(text) % BUCKETS
    if bucket in TEST_BUCKETS:
        return "test"
    return "validation" if bucket in VALIDATION_BUCKETS else "train"


def example(task: Task, text: str) -> Example:
    """An input in its prompt, with its answer."""
    return Example(
        text, fill_prompt(task.header, text), answer_text(task.header, task.output(text))
    )


def fill_prompt(header: Header, text: str) -> str:
    """The program's prompt around an input. Raises RinjectError if the program has none."""
    if header.prompt is None:
        raise RinjectError(
            f"the program `{header.name}` has no prompt", hint="give it one in its header"
        )
    return header.prompt.replace(INPUT_SLOT, text)


def answer_text(header: Header, value: Any) -> str:
    """How the program's header writes an output value. Raises RinjectError if it does not."""
    for rule in header.answers:
        if rule.value == value and type(rule.value) is type(value):
            return rule.text
    raise RinjectError(
        f"the program `{header.name}` does not say how to write the output {value!r}",
        hint=f'add a line `answer {value!r} is "…";` to its header',
    )


def stream(task: Task, split: Split, seed: int) -> Iterator[Example]:
    """Random examples of one split without end; no input comes twice.

    The same task, split and seed give the same examples. Raises Exhausted once the split has
    nothing new left.
    """
    rng = Random(f"{task.name}/{split}/{seed}")
    seen: set[int] = set()
    while True:
        yield example(task, _fresh(task, split, rng, seen))


def examples(task: Task, split: Split, n: int, seed: int) -> list[Example]:
    """The first ``n`` examples of a stream."""
    return list(islice(stream(task, split, seed), n))


def _fresh(task: Task, split: Split, rng: Random, seen: set[int]) -> str:
    """An input not seen before. The kind is chosen once, so that rare kinds keep their share."""
    kind = rng.choice(task.kinds)
    for _ in range(MOST_DRAWS):
        text = task.draw(kind, rng)
        digest = _digest(text)
        if split_of(text) == split and digest not in seen:
            seen.add(digest)
            return text
    raise Exhausted(
        f"the task `{task.name}` has no more {split} inputs of the kind {kind!r}"
        f" after {len(seen)} examples",
        hint="ask for fewer examples",
    )


def _digest(text: str) -> int:
    """64 bits, as an int: small enough to remember a million of them."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

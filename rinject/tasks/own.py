"""A task of one's own: a class or an object in a Python file, named as `FILE.py:NAME`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from rinject.errors import InputError
from rinject.lang import Header, Program
from rinject.lang.diagnostics import did_you_mean
from rinject.tasks.agreement import check_agreement
from rinject.tasks.own_code import explained
from rinject.tasks.source import TaskSource, given_text
from rinject.tasks.suites import Suite
from rinject.tasks.task import Exhausted, Split, Task, digest, rule_of

FORM = "write FILE.py:NAME, as in --task walks.py:Walks, or FILE.jsonl"
NEEDED = "it needs `cases(split, rng)` and `output(text)`; rinject.tasks.Sampler has the first"


@dataclass(frozen=True, eq=False)
class OwnTask:
    """A task from a Python file. What goes wrong in it is reported with its line."""

    task: Task
    source: TaskSource
    header: Header
    """Of the program."""
    seen: dict[int, Split] = field(default_factory=dict)
    """The split in which each input came up, by the input's digest."""

    @property
    def suites(self) -> tuple[Suite, ...]:
        """Its own out-of-distribution suites, if it brings any."""
        with _explained(self.source):
            found = tuple(getattr(self.task, "suites", ()))
        if not all(isinstance(one, Suite) for one in found):
            raise self._wrong("has suites that are none", "make them with rinject.tasks.Suite")
        return found

    @property
    def allows(self) -> Callable[[str], bool] | None:
        """Whether its rule can draw an input, where it says that."""
        with _explained(self.source):
            own = rule_of(self.task)
        if own is None:
            return None
        if not callable(own):
            raise self._wrong("has an `allows` that is no method", "it is asked: allows(text)")
        return partial(self._allowed_by, own)

    def _allowed_by(self, own: Callable[[str], bool], text: str) -> bool:
        with _explained(self.source):
            return bool(own(text))

    def output(self, text: str) -> Any:
        with _explained(self.source):
            return self.task.output(text)

    def cases(self, split: Split, rng: Random) -> Iterator[tuple[str, Any]]:
        """Raises InputError: not pairs, an input twice or in two splits, one that is no text."""
        own: set[int] = set()
        with _explained(self.source):
            for case in self.task.cases(split, rng):
                yield self._checked(case, split, own)
        raise Exhausted(
            f"the task {_shown(self.source)} has no more {split} inputs than {len(own)}",
            hint="ask for fewer examples" if own else "let it give some of each split",
        )

    def _checked(self, case: Any, split: Split, own: set[int]) -> tuple[str, Any]:
        if not (isinstance(case, tuple) and len(case) == 2 and isinstance(case[0], str)):
            raise self._wrong(f"yields {case!r}", "each case is an input and its output value")
        key = digest(case[0])
        if key in own:
            raise self._wrong(f"gives the input {case[0]!r} twice", "leave out what came up before")
        other = self.seen.setdefault(key, split)
        if other != split:
            raise self._wrong(
                f"gives the input {case[0]!r} for {other} and for {split}",
                "rinject.tasks.split_of says, for each input, which split it belongs to",
            )
        own.add(key)
        return case

    def _wrong(self, what: str, hint: str) -> InputError:
        return InputError(f"the task {_shown(self.source)} {what}", hint=hint)


def own_task(program: Program, named: str) -> OwnTask:
    """The task `FILE.py:NAME`, after comparing a few of its answers with the program's.

    Raises InputError: no such file or name, Python that fails, something that is no task, an
    input that the program cannot read, an answer that is not the program's.
    """
    path, _, name = named.rpartition(":")
    if not path or not name.isidentifier():
        raise InputError(f"{named!r} does not name a task", hint=FORM)
    task = made_task(
        program, TaskSource.of(path, given_text(Path(path), ".py", "there is no file", FORM), name)
    )
    check_agreement(program, task, _shown(task.source))
    return task


def made_task(program: Program, source: TaskSource) -> OwnTask:
    """The task that a source makes, without trying it. Its Python is run.

    Raises InputError as :func:`own_task` does.
    """
    module = _module(source)
    found = vars(module).get(source.name)
    if found is None:
        names = [name for name in vars(module) if not name.startswith("_")]
        hint = did_you_mean(source.name, names, otherwise=FORM)
        raise InputError(f"{source.path} has no `{source.name}`", hint=hint)
    if isinstance(found, type):
        with _explained(source, hint="the class is called with the header of the program"):
            found = found(program.header)
    if not all(callable(getattr(found, name, None)) for name in ("cases", "output")):
        raise InputError(f"{_shown(source)} is no task", hint=NEEDED)
    return OwnTask(found, source, program.header)


def _module(source: TaskSource) -> ModuleType:
    """A module of the source's text. It is registered, as dataclasses want, but not by a name that
    an import could mean."""
    module = ModuleType(f"<task {source.sha256[:16]}>")
    module.__file__ = source.path
    sys.modules[module.__name__] = module
    with _explained(source):
        exec(compile(source.kept_text(), source.path, "exec"), vars(module))
    return module


def _explained(source: TaskSource, hint: str | None = None) -> AbstractContextManager[None]:
    """Whatever the user's Python raises becomes one line with its place."""
    return explained(f"the task {_shown(source)}", file=source.path, hint=hint)


def _shown(source: TaskSource) -> str:
    return f"{source.path}:{source.name}"

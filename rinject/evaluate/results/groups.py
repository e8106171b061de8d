"""Runs that differ in their seed alone: they make one row of a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rinject.evaluate.results import paper
from rinject.evaluate.results.record import Results, Run, known_first
from rinject.inject.settings import InjectSettings, flag

SHOWN = 3
"""Differences that are all named; of more, those are that tell the groups apart."""
HASH = 8
"""Digits of a hash that are shown."""


@dataclass(frozen=True)
class Group:
    """The runs of one task, method, student and recipe, one for each seed."""

    task: str
    method: str
    difference: str
    """What tells it from the others of its task and method; empty where it is the only one."""
    runs: tuple[Run, ...]

    @property
    def head(self) -> tuple[str, str]:
        """The first two cells of its rows."""
        return task_name(self.task), self._named_method

    @property
    def _named_method(self) -> str:
        name = method_name(self.method)
        return f"{name}, {self.difference}" if self.difference else name

    def title(self, run: Run) -> str:
        """One of its runs in words."""
        seed = "" if run.seed is None else f", seed {run.seed}"
        return f"{task_name(self.task)}, {self._named_method}{seed}"


def task_name(name: str) -> str:
    """A program, as the paper calls it where it does."""
    return paper.TASKS.get(name, name)


def method_name(name: str) -> str:
    """A method, as the paper calls it where it does."""
    return paper.METHODS.get(name, name)


def grouped(results: Results) -> list[Group]:
    """All runs, in the paper's order."""
    methods = known_first((run.method for run in results.runs), paper.METHODS)
    return [
        group
        for task in known_first((run.task for run in results.runs), paper.TASKS)
        for method in methods
        for group in _of(results, task, method)
    ]


def runs_of(groups: Sequence[Group]) -> Iterator[tuple[Group, Run]]:
    """All runs, each with its group."""
    return ((group, run) for group in groups for run in group.runs)


def _of(results: Results, task: str, method: str) -> list[Group]:
    runs = [run for run in results.runs if (run.task, run.method) == (task, method)]
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(_recipe(run), []).append(run)
    recipes = [tuple(alike) for alike in found.values()]
    differences = _differences([alike[0] for alike in recipes])
    pairs = zip(differences, recipes, strict=True)
    return [Group(task, method, difference, alike) for difference, alike in pairs]


def _recipe(run: Run) -> str:
    """All but the seed that its figures depend on."""
    about = (run.base, run.base_weights, run.program_sha256, run.task_file, run.task_sha256)
    return json.dumps([about, _settings(run)], sort_keys=True)


def _settings(run: Run) -> dict[str, Any]:
    """The settings of its recipe: without the seed, and without those of reports on the way where
    nothing that was measured then decided what came next."""
    if not run.settings:
        return {}
    others = {"seed"}
    if run.settings.get("task_tokens"):
        others.add("task_rows")  # follows from the examples that were drawn
    decide = InjectSettings.from_record(run.settings).run_record()
    return {name: value for name, value in decide.items() if name not in others}


# --- what tells them apart ------------------------------------------------------------------------


def _differences(runs: Sequence[Run]) -> list[str]:
    """For each of a few runs of different recipes, what is different."""
    differing = [words for words in _columns(runs) if len(set(words)) > 1]
    shown = differing if len(differing) <= SHOWN else _telling(differing)
    rest = len(differing) - len(shown)
    more = [f"and {rest} more"] if rest else []
    return [", ".join([words[i] for words in shown] + more) for i in range(len(runs))]


def _columns(runs: Sequence[Run]) -> list[list[str]]:
    """For each thing that may differ, its words for each run."""
    settings = [_settings(run) for run in runs]
    names = dict.fromkeys(name for one in settings for name in one)
    return [
        _named([(run.base, run.base_weights) for run in runs]),
        _named([("program", run.program_sha256) for run in runs]),
        _named([(_task_words(run.task_file), run.task_sha256 or "") for run in runs]),
        *([_setting_words(name, one.get(name)) for one in settings] for name in names),
    ]


def _named(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Names; with the beginning of their hashes where one name stands for several."""
    names = [name for name, _ in set(pairs)]
    return [name if names.count(name) == 1 else f"{name} {sha[:HASH]}" for name, sha in pairs]


def _task_words(file: str | None) -> str:
    return "the program's inputs" if file is None else f"--task {file}"


def _setting_words(name: str, value: Any) -> str:
    """As on the command line."""
    if isinstance(value, bool):
        return flag(name if value else f"no_{name}")
    return f"{flag(name)} {'default' if value is None else value}"


def _telling(columns: Sequence[list[str]]) -> list[list[str]]:
    """A few columns, all of whose rows differ: always the one that tells most of them apart."""
    chosen: list[list[str]] = []
    while len(_rows(chosen)) < len(_rows(columns)):
        chosen.append(max(columns, key=lambda column: len(_rows([*chosen, column]))))
    return chosen


def _rows(columns: Sequence[list[str]]) -> set[tuple[str, ...]]:
    return set(zip(*columns, strict=True))

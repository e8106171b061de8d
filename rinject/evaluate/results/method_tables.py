"""How it was done: programs, settings, versions, and what was not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rinject.evaluate.results.groups import Group, method_name, runs_of, task_name
from rinject.evaluate.results.record import Results, Run
from rinject.evaluate.results.sections import NOTHING, Section, Table, number


def programs(results: Results) -> Section:
    """The compiled programs, and how they were compared with tracr's interpreter."""
    rows = tuple(
        (
            task_name(name),
            str(one.layers),
            str(one.width),
            f"{one.inputs:,}",
            str(one.mismatches),
            number(one.seconds, 2),
        )
        for name, one in results.programs.items()
    )
    columns = ("program", "layers", "width", "inputs compared", "mismatches", "seconds to compile")
    tables = (Table("Compiled programs", columns, rows),) if rows else ()
    words = "Each compiled program was compared with tracr's interpreter, input by input."
    return Section("programs", "The compiled programs", (words,), tables)


def training(results: Results, groups: Sequence[Group]) -> Section:
    """Runs, their settings, what was measured on how much, and versions."""
    runs = [run for _, run in runs_of(groups) if run.method != "none"]
    rows = tuple(
        (
            run.name,
            method_name(run.method),
            run.base,
            str(run.seed),
            str(run.steps),
            number(None if run.seconds is None else run.seconds / 60),
        )
        for run in runs
    )
    columns = ("bundle", "method", "student", "seed", "steps", "minutes of training")
    tables = [Table("Runs", columns, rows, words=3)] if rows else []
    tables += _settings(runs)
    effort = tuple(
        (_EFFORT[name], _EVERYTHING.get(name, NOTHING) if value is None else str(value))
        for name, value in asdict(results.effort).items()
    )
    tables.append(Table("The measurements", ("what", "value"), effort, words=2))
    tables.append(
        Table("Versions at the measurements", ("package", "version"), _versions(results), words=2)
    )
    return Section("training", "Settings, seeds, times and versions", (), tuple(tables))


_EFFORT = {
    "examples": "unseen examples",
    "suite_examples": "examples of each suite, at most",
    "probe_examples": "examples for noise and interchange",
    "retention_examples": "examples of each retention set, at most",
    "retention_data": "retention sets from",
    "seed": "seed",
}
_EVERYTHING = {"retention_examples": "all", "retention_data": "the Hugging Face hub"}


def _versions(results: Results) -> tuple[tuple[str, str], ...]:
    """Of each package: several where parts were measured with several."""
    found: dict[str, dict[str, None]] = {}
    for run in results.runs:
        for versions in run.measured.values():
            for package, version in versions.items():
                found.setdefault(package, {})[version] = None
    return tuple((package, ", ".join(versions)) for package, versions in found.items())


def _settings(runs: Sequence[Run]) -> list[Table]:
    """One table: a row for each setting, a column for each bundle; where all agree, one column."""
    if not runs:
        return []
    names = dict.fromkeys(name for run in runs for name in run.settings)
    shown = {name: [_setting(run.settings.get(name)) for run in runs] for name in names}
    alike = tuple((name, cells[0]) for name, cells in shown.items() if len(set(cells)) == 1)
    others = tuple((name, *cells) for name, cells in shown.items() if len(set(cells)) > 1)
    tables = [Table("Settings of all bundles", ("setting", "value"), alike, words=2)]
    if others:
        heads = ("setting", *(run.name for run in runs))
        tables.append(Table("Settings that differ", heads, others, words=len(heads)))
    return tables


def _setting(value: object) -> str:
    return "default" if value is None else str(value)


def missing(groups: Sequence[Group]) -> Section:
    """What was not measured, and why."""
    rows = tuple(
        (run.name, part, run.missing[part]) for _, run in runs_of(groups) for part in run.missing
    )
    tables = (Table("Not measured", ("student", "part", "why"), rows, words=3),) if rows else ()
    return Section("missing", "What was not measured", (), tables)

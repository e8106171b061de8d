"""From bundles to results: each part is measured, or taken from what was measured before."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from rinject.evaluate.progress import Progress
from rinject.evaluate.results import parts
from rinject.evaluate.results.effort import Effort
from rinject.evaluate.results.groups import HASH
from rinject.evaluate.results.parts import Material, NotMeasured, Part
from rinject.evaluate.results.record import SCHEMA_VERSION, Run
from rinject.evaluate.results.store import Kept, Store
from rinject.inject.bundle import OWN_FILE
from rinject.inject.record import BundleRecord
from rinject.inject.run_folder import METRICS_FILE
from rinject.tasks import TaskSource

Watch = Callable[[str, str], AbstractContextManager[Progress]]
"""Called with student and part before a part is measured, which happens inside what it returns."""
Load = Callable[[], Material]


@dataclass(frozen=True)
class Subject:
    """A bundle on the disk."""

    path: Path
    record: BundleRecord
    load: Load
    """What it is measured on; called only where something is to be measured."""
    task: TaskSource | None
    """The file that its inputs come from; None where the program says them."""

    @property
    def name(self) -> str:
        """Its folder's."""
        return self.path.resolve().name

    @cached_property
    def key(self) -> dict[str, Any]:
        """What its figures are about. The file holds the hashes of all others."""
        digest = hashlib.sha256((self.path / OWN_FILE).read_bytes()).hexdigest()
        return {"bundle": digest, "task": self.task_key, "schema_version": SCHEMA_VERSION}

    @property
    def task_key(self) -> list[str] | None:
        """What says where its inputs come from."""
        return None if self.task is None else [self.task.name, self.task.sha256]

    @property
    def task_file(self) -> str | None:
        """The file, and the name in it."""
        if self.task is None:
            return None
        return f"{self.task.path}:{self.task.name}" if self.task.name else self.task.path

    @property
    def student(self) -> tuple[str, str]:
        """Its program, by its text, and the student before, by its weights."""
        return self.record.program.sha256, self.record.base.weight_hash


@dataclass(frozen=True)
class _Found:
    """The parts of one student, by their names."""

    kept: dict[str, Kept]
    missing: dict[str, str]

    def of(self, part: Part, otherwise: Any = None) -> Any:
        """What a part yielded, or something else where it was not measured."""
        return self.kept[part.name].value if part.name in self.kept else otherwise

    @property
    def pictures(self) -> dict[str, str]:
        """The file names of all, by their parts."""
        return {name: one.picture for name, one in self.kept.items() if one.picture is not None}

    @property
    def versions(self) -> dict[str, dict[str, str]]:
        """With which each was measured, by their names."""
        return {name: one.versions for name, one in self.kept.items()}


@dataclass(frozen=True)
class Collector:
    """How parts are measured, and where they are kept."""

    store: Store
    effort: Effort
    watch: Watch

    def runs(self, subjects: Iterable[Subject], *, unedited: bool = True) -> list[Run]:
        """A run for each bundle; with `unedited`, before those of each program and student one for
        the student as it was, which the first of its bundles tells about."""
        subjects = list(subjects)
        names = _unedited_names(subjects)
        runs: list[Run] = []
        told: set[tuple[str, str]] = set()
        for subject in subjects:
            load = cache(subject.load)  # for this bundle only: students are large
            found = self._parts(load, subject.name, parts.PARTS, subject.key)
            if unedited and subject.student not in told:
                runs.append(self._unedited(subject, names[subject.student], load, found))
            told.add(subject.student)
            runs.append(_edited(subject, found))
        return runs

    def _unedited(self, subject: Subject, name: str, load: Load, found: _Found) -> Run:
        record = subject.record
        key = {
            "student": record.base.weight_hash,
            "program": record.program.sha256,
            "task": subject.task_key,
            "end_answers": record.settings.end_answers,
            "held_out": record.settings.goes_beyond_task,  # which inputs of a suite are asked
            "schema_version": SCHEMA_VERSION,
        }
        suites = self._parts(load, name, [parts.BASE_SUITES], key)
        return _unedited(subject, name, found, suites)

    def _parts(
        self, load: Load, name: str, wanted: Iterable[Part], about: Mapping[str, Any]
    ) -> _Found:
        found = _Found({}, {})
        for part in wanted:
            stage, key = f"{name}.{part.stage}", {**about, **part.key(self.effort)}
            kept = self.store.find(stage, key, part.kind)
            if kept is None:
                try:
                    with self.watch(name, part.name) as report:
                        outcome = part.measure(load(), self.effort, report)
                except NotMeasured as reason:
                    found.missing[part.name] = reason.message
                    continue
                kept = self.store.keep(stage, key, outcome)
            found.kept[part.name] = kept
        return found


def _unedited_names(subjects: Iterable[Subject]) -> dict[tuple[str, str], str]:
    """`PROGRAM-none` for each student before; several of one program have their hashes in it."""
    programs = {subject.student: subject.record.program.name for subject in subjects}
    shared = Counter(programs.values())
    return {
        (text, weights): f"{program}-none"
        + (f"-{text[:HASH]}-{weights[:HASH]}" if shared[program] > 1 else "")
        for (text, weights), program in programs.items()
    }


def _left_out(found: _Found) -> dict[str, str]:
    """The retention sets that were not there, as parts, and why."""
    retained = found.of(parts.RETENTION)
    missing = retained.missing if retained else {}
    return {f"{parts.RETENTION.name} on {name}": why for name, why in missing.items()}


def _edited(subject: Subject, found: _Found) -> Run:
    evaluated, retained = found.of(parts.EVALUATION), found.of(parts.RETENTION)
    record, settings = subject.record, subject.record.settings
    return Run(
        name=subject.name,
        task=record.program.name,
        program_sha256=record.program.sha256,
        task_file=subject.task_file,
        task_sha256=None if subject.task is None else subject.task.sha256,
        method=settings.method,
        seed=settings.seed,
        output=evaluated.output,
        base=record.base.name,
        base_weights=record.base.weight_hash,
        steps=settings.steps,
        seconds=_seconds(subject.path),
        settings=settings.to_record(),
        versions=record.versions,
        evaluation=evaluated.own,
        suites=found.of(parts.SUITES, ()),
        retention=retained.reports if retained else (),
        by_layer=found.of(parts.BY_LAYER),
        decoded=found.of(parts.DECODING),
        noise=found.of(parts.NOISE),
        interchange=found.of(parts.INTERCHANGE, ()),
        missing=found.missing | _left_out(found),
        pictures=found.pictures,
        measured=found.versions,
    )


def _unedited(subject: Subject, name: str, found: _Found, suites: _Found) -> Run:
    """What a bundle's parts say about the student before."""
    edited = _edited(subject, found)
    told = {parts.EVALUATION.name, parts.RETENTION.name}
    missing = {part: why for part, why in found.missing.items() if part in told}
    measured = {part: one for part, one in found.versions.items() if part in told}
    return replace(
        edited,
        name=name,
        method="none",
        seed=None,
        steps=None,
        seconds=None,
        settings={},
        evaluation=found.of(parts.EVALUATION).base,
        suites=suites.of(parts.BASE_SUITES, ()),
        retention=tuple(
            replace(one, value=one.base, difference=None, ci=None) for one in edited.retention
        ),
        by_layer=None,
        decoded=None,
        noise=None,
        interchange=(),
        missing=missing | _left_out(found) | suites.missing,
        pictures={},
        measured=measured | suites.versions,
    )


def _seconds(path: Path) -> float | None:
    """How long the training took, of all its processes; None where the bundle does not say."""
    try:
        lines = (path / METRICS_FILE).read_text(encoding="utf-8").splitlines()
        return float(json.loads(lines[-1])["seconds"])
    except (OSError, IndexError, KeyError, ValueError):
        return None

"""Where a bundle goes: what must not be lost there, and what a stopped run goes on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rinject.errors import InputError
from rinject.inject.settings import InjectSettings, flag
from rinject.lang import Program

if TYPE_CHECKING:
    from rinject.cli.like import Model
    from rinject.inject.record import BundleRecord
    from rinject.tasks import Task


ELSEWHERE = "choose another --output, or remove that bundle to make it anew"


@dataclass(frozen=True)
class Intended:
    """What a bundle is to be made of."""

    program: Program
    task: Task
    settings: InjectSettings
    model: Model


def check_new(directory: Path, intended: Intended) -> None:
    """Raises InputError where something else is, an unfinished run, or another bundle."""
    from rinject.inject.bundle import OWN_FILE
    from rinject.inject.run_folder import RunFolder, run_path
    from rinject.placing import check_target

    check_target(directory, OWN_FILE)
    RunFolder(run_path(directory)).check_new()
    made_before(directory, intended)


def made_before(directory: Path, intended: Intended) -> bool:
    """Whether the bundle is there, and complete.

    Raises InputError where it was made from another program, task or student, or with other
    settings: it took long to make, so it is not overwritten.
    """
    from rinject.inject.bundle import OWN_FILE, read_record

    if not (directory / OWN_FILE).is_file():
        return False
    try:
        record = read_record(directory)
    except InputError as error:
        raise InputError(error.message, hint=ELSEWHERE) from error
    if difference := _difference(record, intended):
        raise InputError(f"{directory} was made with {difference}", hint=ELSEWHERE)
    return all((directory / name).is_file() for name in record.files)


def _difference(record: BundleRecord, intended: Intended) -> str | None:
    """The first thing that is not as it should be."""
    from rinject.tasks.registry import task_source

    program, settings, model = intended.program, intended.settings, intended.model
    if record.program.name != program.name:
        return f"the program {record.program.name}, not {program.name}"
    if record.program.sha256 != program.sha256:
        return f"another text of the program {program.name}"
    source = task_source(intended.task)
    if (record.task and record.task.sha256) != (source and source.sha256):
        return "other inputs" if record.task is None else f"the inputs of {record.task.path}"
    here = Path(model.name)
    name = str(here.absolute()) if record.base.name == str(here.absolute()) else model.name
    if record.base.name != name:
        return f"the student {record.base.name}, not {model.name}"
    if model.revision not in (None, record.base.revision):
        return f"revision {record.base.revision} of the student, not {model.revision}"
    if model.dtype not in ("auto", record.base.dtype):
        return f"--dtype {record.base.dtype}, not {model.dtype}"
    wanted, found = settings.run_record(), record.settings.run_record()
    by_tokens = {"task_rows"} if settings.task_tokens else set()
    for setting in sorted((set(wanted) & set(found)) - by_tokens):  # which ones depends on --seek
        if wanted[setting] != found[setting]:
            return f"{flag(setting)} {found[setting]}, not {wanted[setting]}"
    return None


def stopped_settings(
    directory: Path, settings: InjectSettings, given: Mapping[str, Any]
) -> InjectSettings:
    """The settings of the run that was stopped there, but for those that are `given`.

    Those that are not the run's own, such as how often it reports, are as in `settings`. Raises
    InputError where there is no such run.
    """
    from rinject.inject.bundle import OWN_FILE
    from rinject.inject.run_folder import RunFolder, run_path

    folder = RunFolder(run_path(directory))
    if not folder.checkpoints() and (directory / OWN_FILE).is_file():
        raise InputError(
            f"{directory} is finished, there is nothing to continue",
            hint="without --resume it is made anew",
        )
    chosen = {name: value for name, value in given.items() if value is not None}
    return settings.changed(folder.settings() | chosen)

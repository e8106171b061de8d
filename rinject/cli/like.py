"""What an injection takes over from a bundle: program, inputs, student and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rinject.cli.bundle_task import find_recorded_task
from rinject.errors import InputError
from rinject.inject.settings import InjectSettings
from rinject.lang import Program, load_program

if TYPE_CHECKING:
    from rinject.inject.record import BundleRecord
    from rinject.tasks import Task

TINY = "tiny"
"""The name of the embedded student, and of its recipe."""
Like = Annotated[
    Path | None,
    typer.Option(
        metavar="BUNDLE",
        help="Do as was done for this bundle, in all that is not given here.",
        show_default="none",
    ),
]


Recipe = Annotated[
    Literal["paper", "tiny"] | None,
    typer.Option(
        metavar="WORD",
        help="Which defaults the settings below have: the `paper`'s, or those of `tiny`, which were"
        " judged by fidelity.",
        show_default="tiny for tiny, else paper",
    ),
]


def default_settings(
    model: str, recipe: str | None, program: str, given: Mapping[str, Any]
) -> InjectSettings:
    """The settings that are given, the others as in a recipe, by default that of the student."""
    is_tiny = recipe == TINY or (recipe is None and model == TINY)
    return InjectSettings.for_student(is_tiny, program, **given)


@dataclass(frozen=True)
class Model:
    """How a student is named and loaded."""

    name: str
    revision: str | None
    dtype: str


@dataclass(frozen=True)
class Wanted:
    """What is to be injected, as far as the command line says; the rest is as in a bundle."""

    like: BundleRecord | None

    @classmethod
    def as_in(cls, bundle: Path | None) -> Wanted:
        """Raises InputError where there is no bundle, or a damaged one."""
        from rinject.inject.bundle import read_record

        return cls(None if bundle is None else read_record(bundle))

    @property
    def text_sha256(self) -> str | None:
        """The hash of the pages that the bundle was trained on, where it keeps one."""
        return None if self.like is None else self.like.text_sha256

    def program(self, file: Path | None) -> Program | None:
        """The program of a file, or the bundle's; None where neither is given."""
        if file is not None:
            return load_program(file)
        return None if self.like is None else self.like.program.load()

    def model(self, name: str | None, revision: str | None, dtype: str | None) -> Model:
        """The student of that name, or the bundle's base."""
        if name is None and self.like is not None:
            base = self.like.base
            return Model(base.name, revision or base.revision, dtype or base.dtype)
        return Model(name or TINY, revision, dtype or "float32")

    def settings(
        self, model: Model, program: Program, recipe: str | None, given: Mapping[str, Any]
    ) -> InjectSettings:
        """The settings that are given, the others the bundle's or the defaults of student and
        program."""
        if self.like is None:
            return default_settings(model.name, recipe, program.name, given)
        if recipe is not None:
            raise InputError(
                "--recipe does not go with --like", hint="the bundle's settings are a recipe"
            )
        return self.like.settings.changed(given)

    def task(self, program: Program, named: str | None, trusted: bool) -> Task:
        """Where inputs come from. Python that a bundle keeps is run where it is trusted only."""
        kept = None if self.like is None else self.like.task
        return find_recorded_task(program, kept, named, trusted)

"""What a reproduction is made of: programs, methods and seeds, and which of it is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from rinject.errors import InputError
from rinject.inject.settings import CHOICES, InjectSettings
from rinject.lang import Program, load_program
from rinject.lang.diagnostics import did_you_mean

PROGRAMS = ("shuffle_dyck.rasp", "count.rasp", "int_sum.rasp")
"""The paper's, in the folder `programs`."""
FOLDER = Path("programs")
NONE = "none"
METHODS = (NONE, "finetune", "tracr-injection")
"""The paper's, in its order."""
ALL_METHODS = tuple(dict.fromkeys((*METHODS, *CHOICES["method"])))
QUICK = {"steps": 600, "examples": 10_000}
"""Settings of a quick reproduction, where no others are given."""


@dataclass(frozen=True)
class Injection:
    """One bundle that is to be made."""

    program: Program
    settings: InjectSettings
    directory: Path


def programs_of(files: Sequence[Path] | None) -> list[Program]:
    """The programs of files, by default the paper's. Raises InputError where they are not there."""
    missing = [] if files else [name for name in PROGRAMS if not (FOLDER / name).is_file()]
    if missing:
        raise InputError(
            f"there is no {FOLDER / missing[0]} here",
            hint="go to where the folder `programs` is, or name program files: FILE.rasp ...",
        )
    programs = [load_program(path) for path in files or [FOLDER / name for name in PROGRAMS]]
    names = [program.name for program in programs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two of the programs are called {name}", hint="name each one once")
    return programs


def methods_of(text: str) -> tuple[str, ...]:
    """The methods in a list with commas. Raises InputError for others, and for `none` alone."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in ALL_METHODS:
            hint = did_you_mean(name, ALL_METHODS, otherwise=f"they are: {', '.join(ALL_METHODS)}")
            raise InputError(f"--methods: there is no method {name!r}", hint=hint)
    if set(names) <= {NONE}:
        raise InputError(
            "--methods none: nothing is injected, so there is nothing to compare",
            hint=f"add {' or '.join(CHOICES['method'])}",
        )
    return tuple(name for name in ALL_METHODS if name in names)


def seeds_of(text: str) -> tuple[int, ...]:
    """The seeds in a list with commas. Raises InputError for what is no seed."""
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if not word.isdecimal():
            raise InputError(
                f"--seeds: {word!r} is no seed", hint="whole numbers from 0, as in --seeds 42,43,44"
            )
    return tuple(dict.fromkeys(map(int, words)))


def injections(
    programs: Sequence[Program],
    methods: Sequence[str],
    seeds: Sequence[int],
    settings: Callable[[str, str], InjectSettings],
    folder: Path,
) -> list[Injection]:
    """All bundles, program by program; the settings are by the program's name and the method."""
    return [
        Injection(program, chosen, folder / _name(program, chosen))
        for program, method, seed in product(programs, methods, seeds)
        if method != NONE
        for chosen in [replace(settings(program.name, method), seed=seed)]
    ]


def _name(program: Program, settings: InjectSettings) -> str:
    """A seed is named where it is not the usual one."""
    seed = "" if settings.seed == InjectSettings.seed else f"-{settings.seed}"
    return f"{program.name}-{settings.method}{seed}"

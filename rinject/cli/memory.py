"""What was made last in this directory: `.rinject/last.json` remembers it between commands."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rinject.errors import InputError

FILE = Path(".rinject", "last.json")  # in the working directory
PROGRAM, BUNDLE = "program", "bundle"


def remember_program(path: Path) -> None:
    """Keeps the program that was compiled."""
    _remember(PROGRAM, path)


def remember_bundle(path: Path) -> None:
    """Keeps the bundle that was made."""
    _remember(BUNDLE, path)


def last_program(named: str = "FILE.rasp") -> Path:
    """The program compiled last. Raises InputError where there is none; it would be `named` so."""
    return _recall(PROGRAM, "no program named, and none was compiled here", f"name one: {named}")


def last_bundle() -> Path:
    """The bundle made last. Raises InputError where there is none."""
    return _recall(
        BUNDLE,
        "no bundle named, and none was made here",
        "make one with rinject inject, or name one with --bundle",
    )


def _recall(kind: str, problem: str, hint: str) -> Path:
    known = _read()
    if kind not in known:
        raise InputError(problem, hint=hint)
    return Path(known[kind])


def _remember(kind: str, path: Path) -> None:
    FILE.parent.mkdir(exist_ok=True)
    beside = FILE.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps(_read() | {kind: str(path)}, indent=2) + "\n", encoding="utf-8")
    beside.replace(FILE)


def _read() -> dict[str, str]:
    """What is known; a file that cannot be read knows nothing, and is written anew some day."""
    try:
        known = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in known.items() if isinstance(v, str)} if isinstance(known, dict) else {}

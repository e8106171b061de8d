"""Packages import leftwards only, and the light ones stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import rinject

ROOT = Path(rinject.__file__).parent
ORDER = (
    "errors",
    "placing",
    "pictures",
    "hub",
    "lang",
    "graph",
    "circuit",
    "compiler",
    "tokens",
    "tasks",
    "student",
    "inject",
    "evaluate",
    "cli",
)
FRONT_DOORS = {"__init__", "__main__"}  # they offer what lies further right
MODULES = sorted(path.relative_to(ROOT).with_suffix("") for path in ROOT.rglob("*.py"))
LIGHT = ("rinject", "rinject.lang", "rinject.graph", "rinject.cli.main")
HEAVY = ("torch", "jax", "transformers")


def imported(module: Path) -> Iterator[str]:
    """The dotted names that a module imports anywhere in it, those for type checking too."""
    for node in ast.walk(ast.parse((ROOT / module.with_suffix(".py")).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(module: Path) -> set[str]:
    parts = (name.split(".") for name in imported(module))
    return {part[1] for part in parts if part[0] == "rinject" and len(part) > 1}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_point_left(module: Path) -> None:
    package = module.parts[0]
    if package in FRONT_DOORS:
        return
    assert package in ORDER
    allowed = {"__version__", *ORDER[: ORDER.index(package) + 1]}
    assert packages(module) <= allowed


def test_only_the_tracr_backend_imports_the_compiler_of_tracr() -> None:
    users = {
        module.as_posix()
        for module in MODULES
        for name in imported(module)
        if name.split(".")[0] in ("jax", "haiku") or name.startswith("tracr.compiler")
    }
    assert users <= {"compiler/tracr_backend"}


@pytest.mark.parametrize("name", LIGHT)
def test_light_packages_import_nothing_heavy(name: str) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not there yet")
    program = f"import sys, {name}; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not set(HEAVY) & set(ran.stdout.split())


COMPILE = """
import sys
from rinject.cli.main import main
assert main(["compile", *sys.argv[1:]]) == 0
print(*sys.modules)
"""


def test_the_native_compiler_needs_no_jax(tmp_path: Path) -> None:
    program = ROOT.parent / "programs" / "histogram.rasp"
    arguments = (
        program,
        "--samples",
        "5",
        "--max-seq-len",
        "4",
        "--plot",
        "plot.png",
        "-o",
        "made",
    )
    ran = subprocess.run(
        [sys.executable, "-c", COMPILE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    loaded = set(ran.stdout.split())
    assert "rinject.compiler.pipeline" in loaded
    assert not {"jax", "haiku", "transformers", "rinject.compiler.tracr_backend"} & loaded


def test_public_names_are_found_on_first_use() -> None:
    assert rinject.load_program.__module__ == "rinject.lang.program"
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = rinject.no_such_name

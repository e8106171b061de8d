"""Parts of the command line by themselves: blocks of columns, options from settings."""

from __future__ import annotations

import inspect
import io
from dataclasses import dataclass, fields
from typing import Any

import pytest
from rich.console import Console

from rinject.cli.blocks import Cell, print_blocks, visible
from rinject.cli.inject import inject
from rinject.cli.setting_options import field_docs, with_setting_options
from rinject.inject.settings import InjectSettings


@dataclass
class Settings:
    """Two of them."""

    speed: int = 3
    """How fast,
    in steps."""
    way: str = "up"
    """Where to."""


def printed(width: int, columns: int) -> list[str]:
    out = io.StringIO()
    labels = [Cell("token"), Cell("[name")]
    cells = [[Cell(f"t{place}"), Cell(str(place))] for place in range(columns)]
    print_blocks(Console(file=out, width=width), labels, cells)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [12, 20, 40, 200])
def test_blocks_fit_and_lose_nothing(width: int) -> None:
    lines = printed(width, columns=25)
    assert max(map(len, lines)) <= width
    rows = [line for line in lines if line.startswith("[name")]
    assert " ".join(rows).replace("[name", "").split() == [str(place) for place in range(25)]


def test_blanks_of_a_token_are_visible() -> None:
    assert visible(" a\n") == "␣a⏎"


def test_every_setting_has_its_option() -> None:
    options = inspect.signature(inject).parameters
    names = [field.name for field in fields(InjectSettings)]
    assert [name for name in options if name in names] == names
    assert set(field_docs(InjectSettings)) == set(names)


def test_options_come_from_the_fields() -> None:
    @with_setting_options(Settings, {"way": ("up", "down")}, lambda name: f"default {name}")
    def command(flag: bool = False, **settings: Any) -> None: ...

    parameters = inspect.signature(command).parameters
    assert list(parameters) == ["flag", "speed", "way"]
    speed = parameters["speed"].annotation.__metadata__[0]
    assert speed.help == "How fast, in steps."
    assert speed.show_default == "default speed"
    assert parameters["way"].default is None

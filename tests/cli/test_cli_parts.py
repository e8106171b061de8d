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
from rinject.cli.injection_options import GROUPS
from rinject.cli.setting_options import field_docs, with_setting_options
from rinject.inject.settings import CHOICES, InjectSettings


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
    names = {field.name for field in fields(InjectSettings)}
    grouped = [name for group in GROUPS.values() for name in group]
    assert len(grouped) == len(names)
    assert names == set(grouped)
    assert [name for name in options if name in names] == grouped
    assert set(field_docs(InjectSettings)) == names


def test_the_help_of_a_setting_names_the_words_it_takes() -> None:
    docs = field_docs(InjectSettings)
    for name, words in CHOICES.items():
        for word in words:
            assert f"`{word}`" in docs[name], (name, word)


def test_options_come_from_the_fields() -> None:
    choices, groups = {"way": ("up", "down")}, {"Where": ["way"], "How": ["speed"]}

    @with_setting_options(Settings, choices, lambda name: f"default {name}", groups)
    def command(flag: bool = False, **settings: Any) -> None: ...

    parameters = inspect.signature(command).parameters
    assert list(parameters) == ["flag", "way", "speed"]
    speed = parameters["speed"].annotation.__metadata__[0]
    assert speed.help == "How fast, in steps."
    assert speed.show_default == "default speed"
    assert (speed.rich_help_panel, speed.metavar) == ("How", "N")
    assert parameters["way"].default is None

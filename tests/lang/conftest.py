"""Golden files of the language tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

CheckGolden = Callable[[Path, str], None]


@pytest.fixture
def check_golden(request: pytest.FixtureRequest) -> CheckGolden:
    """Compares a text with a file; with --update-golden, writes it there instead."""
    update = request.config.getoption("--update-golden", default=False)

    def check(path: Path, text: str) -> None:
        if update:
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path.name} is missing; run pytest with --update-golden"
        assert text == path.read_text(encoding="utf-8")

    return check

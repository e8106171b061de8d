"""Values and types agree with the original RASP: original_rasp.json holds what it computed.

Each case was run through the interpreter of Weiss et al. (2021). Where ours departs from it on
purpose (docs/language.md lists the places), there is no case.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rinject.lang import load_program

CASES = json.loads((Path(__file__).parent / "original_rasp.json").read_text(encoding="utf-8"))


def agrees(ours: Any, theirs: Any) -> bool:
    """Same type and value; floats up to rounding, since sums may be taken in another order."""
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(agrees, ours, theirs))
    if isinstance(theirs, float):
        return type(ours) is float and ours == pytest.approx(theirs)
    return type(ours) is type(theirs) and bool(ours == theirs)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["program"][:50])
def test_agrees(case: dict[str, Any]) -> None:
    program = load_program(text=case["program"])
    assert agrees(program.evaluate(case["input"], case["name"]), case["value"])


def test_there_are_many() -> None:
    assert len(CASES) >= 200

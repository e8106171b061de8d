"""Both compilers on one program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tracr.rasp import rasp

from rinject.compiler.compare import Progress, Stage, compare
from rinject.compiler.pipeline import Backend
from rinject.errors import InputError

SHIFT = rasp.Select(rasp.indices, rasp.indices, lambda key, query: key == query - 1)
DOMAIN: dict[str, Any] = {"vocab": [1, 2, 3], "max_seq_len": 3, "causal": False}


def test_both_are_judged_by_the_interpreter() -> None:
    native, tracr = compare(rasp.Aggregate(SHIFT, rasp.tokens), random_inputs=5, **DOMAIN)
    assert native.model is not None
    assert tracr.model is not None
    assert native.verified is not None
    assert tracr.verified is not None
    assert native.verified.inputs == tracr.verified.inputs == 3 + 9 + 27 + 5
    assert native.verified.mismatches == 0
    assert tracr.verified.mismatches == tracr.verified.inputs  # None is never its first answer
    assert tracr.to_record()["verified"]["first"] == tracr.verified.first
    assert native.to_record()["parameters"] == native.model.parameters


def test_what_tracr_refuses_is_an_answer() -> None:
    native, tracr = compare(rasp.length, random_inputs=None, **DOMAIN)
    assert native.model is not None
    assert native.verified is None
    assert tracr.model is None
    assert "Unsupported S-Op: length" in tracr.to_record()["refused"]


def test_what_the_native_backend_refuses_is_raised() -> None:
    with pytest.raises(InputError, match="vocabulary"):
        compare(rasp.tokens, max_seq_len=3)


def test_each_stage_is_watched() -> None:
    seen: list[tuple[Backend, Stage, int]] = []

    @contextmanager
    def watch(backend: Backend, stage: Stage) -> Iterator[Progress]:
        steps: list[int] = []
        yield lambda done, total: steps.append(done)
        seen.append((backend, stage, steps[-1] if steps else 0))

    compare(rasp.Map(lambda x: x + 1, rasp.tokens), random_inputs=5, watch=watch, **DOMAIN)
    assert seen == [
        ("native", "compiling", 0),
        ("native", "verifying", 44),
        ("tracr", "compiling", 0),
        ("tracr", "verifying", 44),
    ]

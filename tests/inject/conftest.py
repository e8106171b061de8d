"""Fixtures of the injection tests; the parts they are made of are in `small_injection`."""

from __future__ import annotations

import numpy as np
import pytest
from inject import small_injection
from inject.small_injection import one_thread as one_thread

from rinject.inject.bundle import Bundle
from rinject.inject.rows import Rows, example_rows
from rinject.student import Student
from rinject.tasks import examples


@pytest.fixture(params=small_injection.CONFIGS)
def student(request: pytest.FixtureRequest) -> Student:
    return small_injection.student(request.param)


@pytest.fixture
def bundle() -> Bundle:
    return small_injection.bundle()


@pytest.fixture
def rows() -> Rows:
    drawn = examples(small_injection.task(), "train", 12, 0)
    return example_rows(drawn, small_injection.reconciliation())


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(0)

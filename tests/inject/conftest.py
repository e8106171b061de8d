"""Fixtures of the injection tests; the parts they are made of are in `small_injection`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from inject import small_injection

from rinject.inject.bundle import Bundle
from rinject.inject.rows import Rows, example_rows
from rinject.student import Student
from rinject.tasks import examples


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small models run slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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

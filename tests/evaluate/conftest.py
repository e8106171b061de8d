"""Fixtures of the evaluation tests: a bundle of an untrained student."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from inject import small_injection

from rinject.inject.bundle import Bundle


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small models run slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=small_injection.CONFIGS)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return small_injection.bundle(request.param)

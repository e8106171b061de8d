"""Fixtures of the evaluation tests: a bundle of an untrained student."""

from __future__ import annotations

import pytest
from inject import small_injection
from inject.small_injection import one_thread as one_thread

from rinject.inject.bundle import Bundle


@pytest.fixture(params=small_injection.CONFIGS)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return small_injection.bundle(request.param)

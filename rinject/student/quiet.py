"""Keep the libraries of Hugging Face from writing logs, advice and progress bars."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import utils as hub
from transformers.utils import logging


@contextmanager
def quiet() -> Iterator[None]:
    """Silence within the block; what the caller had set comes back after it."""
    verbosity, hub_verbosity = logging.get_verbosity(), hub.logging.get_verbosity()
    progress, hub_progress = logging.is_progress_bar_enabled(), not hub.are_progress_bars_disabled()
    _set(logging.CRITICAL, hub.logging.CRITICAL, progress=False, hub_progress=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _set(verbosity, hub_verbosity, progress=progress, hub_progress=hub_progress)


def _set(verbosity: int, hub_verbosity: int, *, progress: bool, hub_progress: bool) -> None:
    logging.set_verbosity(verbosity)
    hub.logging.set_verbosity(hub_verbosity)
    (logging.enable_progress_bar if progress else logging.disable_progress_bar)()
    (hub.enable_progress_bars if hub_progress else hub.disable_progress_bars)()

"""The Hugging Face hub: whether it can be reached, asked once, in seconds; and what it has."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Literal

from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError

from rinject.errors import InputError

FILES = {"model": "config.json", "dataset": "README.md"}
"""A file that every repository of a kind has."""
LONGEST_REASON = 200


def hub_answers(name: str, kind: Literal["model", "dataset"] = "model") -> bool:
    """Whether the hub says anything about a repository, be it that there is none.

    The libraries try an unreachable hub for half a minute when left to themselves.
    """
    try:
        get_hf_file_metadata(hf_hub_url(name, FILES[kind], repo_type=kind))
    except HfHubHTTPError:
        return True
    except Exception:  # no network comes as nearly every kind of exception
        return False
    return True


def streamed_rows(path: str, problem: str, **options: Any) -> Iterator[dict[str, Any]]:
    """The rows of what `datasets.load_dataset` finds at a path, a few at a time.

    `datasets` must be installed. Raises InputError, with `problem`, where they cannot be read.
    """
    try:
        from datasets import disable_progress_bars, load_dataset

        disable_progress_bars()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from load_dataset(path, streaming=True, **options)
    except Exception as error:  # of nearly every kind
        raise InputError(f"{problem}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:LONGEST_REASON]

"""Whether the Hugging Face hub can be reached: asked once, in seconds."""

from __future__ import annotations

from typing import Literal

from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError

FILES = {"model": "config.json", "dataset": "README.md"}
"""A file that every repository of a kind has."""


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

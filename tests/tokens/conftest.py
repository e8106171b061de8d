"""Tokenizers that the token tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from token_samples import train_tokenizer
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast


@pytest.fixture(scope="session")
def small_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE of about 400 tokens, among them ``((``, ``]](())`` and ``2010``."""
    return train_tokenizer(pre_tokenizers.ByteLevel(add_prefix_space=False))


@pytest.fixture(scope="session")
def gpt2_tokenizer() -> PreTrainedTokenizerFast:
    """The real GPT-2 tokenizer, from the data folder beside the repository."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("RINJECT_SHARED_DATA", beside)) / "gpt2-tokenizer"
    if not folder.is_dir():
        pytest.skip(f"no GPT-2 tokenizer at {folder}; set RINJECT_SHARED_DATA to its parent")
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(params=["small", "gpt2"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return request.getfixturevalue(f"{request.param}_tokenizer")

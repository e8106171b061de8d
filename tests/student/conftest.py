"""Small students of several architectures, made from their configs, in the hub's format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from student_samples import CONFIGS, small_tokenizer
from transformers import AutoModelForCausalLM, PreTrainedModel

from rinject.student.quiet import quiet


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(CONFIGS[request.param]).eval()


@pytest.fixture
def save_student(tmp_path: Path) -> Callable[[str], Path]:
    def save(kind: str) -> Path:
        torch.manual_seed(0)
        folder = tmp_path / "my-model"
        with quiet():
            AutoModelForCausalLM.from_config(CONFIGS[kind]).save_pretrained(folder)
            small_tokenizer().save_pretrained(folder)
        return folder

    return save

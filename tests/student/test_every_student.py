"""A program goes into students of every architecture, and comes back out of the bundle."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from inject import small_injection
from student_samples import small_configs
from transformers import AutoModelForCausalLM

from rinject.evaluate import decode, evaluate
from rinject.inject import inject, load_bundle
from rinject.student import load_student
from rinject.student.quiet import quiet
from rinject.tokens import reconcile

CONFIGS = small_configs(small_injection.LAYERS, 320, small_injection.POSITIONS)


@pytest.mark.parametrize("kind", CONFIGS)
def test_injected_saved_and_read(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    with quiet():
        AutoModelForCausalLM.from_config(CONFIGS[kind]).save_pretrained(tmp_path / kind)
        small_injection.tokenizer().save_pretrained(tmp_path / kind)
    student = load_student(tmp_path / kind)
    model = student.model
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    inject(
        small_injection.compiled(),
        student,
        reconcile(student.tokenizer, small_injection.program().header),
        small_injection.task(),
        small_injection.TEXTS,
        small_injection.settings(steps=3),
        directory=tmp_path / "made",
    )
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())
    bundle = load_bundle(tmp_path / "made")
    changed = bundle.model.state_dict()
    assert any(not torch.equal(before[name], changed[name]) for name in before)
    figures = evaluate(
        bundle, model, small_injection.task(), small_injection.HELD_OUT, n=10
    ).to_record()
    assert figures["perplexity"] != figures["base_perplexity"]
    assert "tokens" in [row.name for row in decode(bundle, "(())").rows]

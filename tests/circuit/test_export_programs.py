"""Every program of `programs/`, at its full length, in every form that is exported."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch
from export_samples import Batch, batch_of
from program_examples import PAGES, Page
from torch import Tensor

from rinject.circuit.export import (
    export_pytorch,
    readout_of,
    to_hugging_face,
    to_transformer_lens,
)
from rinject.compiler import compile_program

FULL_ONLY = {"reverse", "rotate"}  # their length is not known to a causal model
CASES = [
    (page, causal)
    for page in PAGES
    for causal in (True, False)
    if not (causal and page.name in FULL_ONLY)
]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "causal"), CASES, ids=str)
@torch.no_grad()
def test_every_program(page: Page, causal: bool, tmp_path: Path) -> None:
    batch = batch_of(compile_program(page.load(), causal=causal), count=8)
    batch.assert_same_streams(_in_hugging_face(batch))
    pytest.importorskip("transformer_lens")
    batch.assert_same_streams(_in_transformer_lens(batch))
    batch.assert_same_streams(_in_plain_pytorch(batch, tmp_path / "model"))


def _in_hugging_face(batch: Batch) -> tuple[Tensor, ...]:
    found = to_hugging_face(batch.model)(
        input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=True
    )
    _assert_same_outputs(batch, found.logits)
    streams: tuple[Tensor, ...] = found.hidden_states[: 1 + batch.model.num_layers]
    return streams


def _in_transformer_lens(batch: Batch) -> list[Tensor]:
    bridge = to_transformer_lens(batch.model)
    logits, cache = bridge.run_with_cache(batch.ids, attention_mask=batch.mask)
    _assert_same_outputs(batch, logits)
    layers = range(batch.model.num_layers)
    return [
        cache["hook_embed"] + cache["hook_pos_embed"],
        *(cache["resid_post", layer] for layer in layers),
    ]


def _in_plain_pytorch(batch: Batch, directory: Path) -> list[Tensor]:
    export_pytorch(batch.model, directory)
    model = runpy.run_path(str(directory / "model.py"))["Model"](directory)
    _assert_same_outputs(batch, model(batch.ids))
    streams: list[Tensor] = model.residuals(batch.ids)
    return streams


def _assert_same_outputs(batch: Batch, logits: Tensor) -> None:
    batch.assert_same_outputs(readout_of(batch.model).decode(logits[:, 1:]))

"""Compiled models as TransformerLens' native model, against our own."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from export_samples import MEAN_SAMPLES, SAMPLES, Batch, Sample, batch_of, random_model
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rinject.circuit.export import export_transformer_lens, readout_of, to_transformer_lens
from rinject.errors import InputError

pytest.importorskip("transformer_lens")


@torch.no_grad()
def ran(bridge: Any, batch: Batch) -> tuple[Tensor, list[Tensor]]:
    """Logits, and the streams by the names of TransformerLens' hooks."""
    logits, cache = bridge.run_with_cache(batch.ids, attention_mask=batch.mask)
    streams = [cache["hook_embed"] + cache["hook_pos_embed"]]
    streams += [cache["resid_post", layer] for layer in range(batch.model.num_layers)]
    for layer in range(batch.model.num_layers):
        assert torch.equal(cache[f"blocks.{layer}.hook_resid_pre"], streams[layer])
    return logits, streams


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_the_same_model(sample: Sample) -> None:
    batch = batch_of(sample.model)
    logits, streams = ran(to_transformer_lens(sample.model), batch)
    batch.assert_same_streams(streams)
    batch.assert_same_outputs(readout_of(sample.model).decode(logits[:, 1:]))


@pytest.mark.parametrize("sample", MEAN_SAMPLES, ids=str)
def test_numbers(sample: Sample) -> None:
    batch = batch_of(sample.model)
    logits, _ = ran(to_transformer_lens(sample.model, number=True), batch)
    batch.assert_same_numbers(logits)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), causal=st.booleans())
def test_any_weights(seed: int, causal: bool) -> None:
    batch = batch_of(random_model(seed, causal=causal), count=6)
    _, streams = ran(to_transformer_lens(batch.model), batch)
    batch.assert_same_streams(streams, tolerance=1e-4)


def test_attention_by_name() -> None:
    """Scores and patterns are those of our heads, the doubled queries notwithstanding."""
    model = SAMPLES[0].model
    batch = batch_of(model)
    bridge = to_transformer_lens(model)
    with torch.no_grad():
        _, cache = bridge.run_with_cache(batch.ids, attention_mask=batch.mask)
    layer = model.transformer.layers[0]
    stream = batch.streams[0]
    queries = torch.einsum("btd,hde->bhte", stream, layer.query) + layer.query_bias[:, None]
    keys = torch.einsum("btd,hde->bhte", stream, layer.key) + layer.key_bias[:, None]
    scores = queries @ keys.mT
    visible = batch.mask[:, None, None].bool() & torch.ones(scores.shape[-2:]).tril().bool()
    pattern = torch.softmax(scores.masked_fill(~visible, -torch.inf), dim=-1)
    found = cache["blocks.0.attn.hook_pattern"][:, : layer.heads]
    torch.testing.assert_close(found, pattern)


def test_weights_by_name() -> None:
    model = SAMPLES[0].model
    bridge = to_transformer_lens(model)
    tokens = model.transformer.token_embedding
    assert torch.equal(bridge.W_E[: len(tokens)], tokens)
    assert torch.equal(bridge.W_pos, model.transformer.position_embedding)
    layer = model.transformer.layers[0]
    heads, _, size = layer.query.shape
    assert torch.equal(bridge.W_Q[0][:heads, :, :size], 2 * layer.query)
    assert torch.equal(bridge.W_U, readout_of(model).weight)
    assert torch.equal(bridge.b_U, readout_of(model).bias)


def test_a_hook_changes_what_follows() -> None:
    """Without its first layer's attention the model no longer counts."""
    model = SAMPLES[0].model
    bridge = to_transformer_lens(model)
    ids = torch.tensor([[model.transformer.bos, 0, 1, 1, 0]])
    with torch.no_grad():
        before = bridge(ids)
        cut = bridge.run_with_hooks(
            ids, fwd_hooks=[("blocks.0.hook_attn_out", lambda value, hook: value * 0)]
        )
        after = bridge(ids)
    decode = readout_of(model).decode
    assert decode(before[:, 1:]) == [model.run("())(")]
    assert decode(cut[:, 1:]) != decode(before[:, 1:])
    assert torch.equal(before, after)


@pytest.mark.parametrize("number", [False, True])
def test_the_directory_loads_without_rinject(tmp_path: Path, number: bool) -> None:
    sample = MEAN_SAMPLES[1]
    batch = batch_of(sample.model)
    export_transformer_lens(sample.model, tmp_path / "model", number=number)
    loader = tmp_path / "model" / "load.py"
    assert "import rinject" not in loader.read_text()
    assert "from rinject" not in loader.read_text()
    logits, streams = ran(runpy.run_path(str(loader))["load"](), batch)
    expected, _ = ran(to_transformer_lens(sample.model, number=number), batch)
    assert torch.equal(logits, expected)
    batch.assert_same_streams(streams)


def test_the_usage_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for sample, number in ((SAMPLES[0], False), (MEAN_SAMPLES[0], True)):
        export_transformer_lens(sample.model, tmp_path / "model", number=number)
        monkeypatch.chdir(tmp_path / "model")
        readme = (tmp_path / "model" / "README.md").read_text()
        names: dict[str, Any] = {}
        exec(readme.split("```python\n")[1].split("```")[0], names)
        expected = sample.model.run(list(sample.model.graph.vocab[:3]))
        assert names["outputs"] == pytest.approx(expected)


def test_without_transformer_lens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name.startswith(("transformer_lens", "rinject.circuit.export.standalone_transformer")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "transformer_lens", None)  # as if it were not installed
    with pytest.raises(InputError, match="TransformerLens cannot be imported") as caught:
        to_transformer_lens(SAMPLES[0].model)
    assert "pip install" in str(caught.value.hint)
    export_transformer_lens(SAMPLES[0].model, tmp_path / "model")
    assert (tmp_path / "model" / "load.py").is_file()

"""Reading and rewriting residual streams, over several architectures."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from student_samples import CONFIGS, LAYERS, WIDTH
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import AutoModelForCausalLM

from rinject.errors import InputError, RinjectError
from rinject.student import (
    blocks,
    capture_streams,
    hidden_size,
    n_layers,
    residual_streams,
    rewrite_stream,
)

IDS = torch.tensor([[5, 9, 2, 7], [8, 1, 3, 3]])  # [B, T]
SHAPE = (2, 4, WIDTH)
ALL_LAYERS = range(LAYERS + 1)


def hook_count(model):
    """Number of our hooks; transformers leaves its own for ``output_hidden_states``."""
    hooks = [
        hook
        for module in model.modules()
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    ]
    return sum(hook.__module__ == "rinject.student.surgery" for hook in hooks)


@pytest.fixture(autouse=True)
def no_hook_stays(request):
    """Whatever a test does, its model has none of our hooks afterwards."""
    model = request.getfixturevalue("model")
    yield
    assert hook_count(model) == 0


def test_blocks(model):
    assert len(blocks(model)) == n_layers(model) == LAYERS
    assert hidden_size(model) == WIDTH
    inside = sum(p.numel() for p in blocks(model).parameters())
    outside = sum(p.numel() for name, p in model.named_parameters() if ".2." not in name)
    assert inside > outside / 3
    assert all(type(block) is type(blocks(model)[0]) for block in blocks(model))


@torch.no_grad()
def test_streams_equal_hidden_states_before_the_final_norm(model):
    hidden = model(IDS, output_hidden_states=True).hidden_states  # n + 1 of [B, T, D]
    streams = residual_streams(model, IDS)
    assert sorted(streams) == [*ALL_LAYERS]
    for layer in range(LAYERS):
        torch.testing.assert_close(streams[layer], hidden[layer])
    final_norm = next(
        module
        for name, module in reversed(list(model.named_modules()))
        if "norm" in type(module).__name__.lower() and "layers." not in name and ".h." not in name
    )
    last = final_norm(streams[LAYERS])
    assert not torch.allclose(streams[LAYERS], last)
    if last.shape == hidden[LAYERS].shape:
        torch.testing.assert_close(last, hidden[LAYERS])


@torch.no_grad()
def test_each_stream_is_what_its_block_made(model):
    streams = residual_streams(model, IDS, layers=[1, LAYERS])
    assert sorted(streams) == [1, LAYERS]
    assert all(stream.shape == SHAPE for stream in streams.values())


@torch.no_grad()
def test_right_padding_changes_nothing_before_it(model):
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])  # [B, T]
    padded = residual_streams(model, IDS, mask)
    alone = residual_streams(model, IDS[1:, :2])
    for layer in ALL_LAYERS:
        torch.testing.assert_close(padded[layer][1:, :2], alone[layer])


@pytest.mark.parametrize("layer", ALL_LAYERS)
@torch.no_grad()
def test_rewriting_changes_what_follows_only(model, layer):
    before = residual_streams(model, IDS)
    with rewrite_stream(model, layer, lambda stream: stream + torch.arange(WIDTH)):
        after = residual_streams(model, IDS)
    for other in ALL_LAYERS:
        assert torch.equal(before[other], after[other]) == (other <= layer)
    again = residual_streams(model, IDS)
    assert all(torch.equal(before[other], again[other]) for other in ALL_LAYERS)


@pytest.mark.parametrize("layer", ALL_LAYERS)
@torch.no_grad()
def test_rewriting_reaches_the_logits(model, layer):
    logits = model(IDS).logits
    other = residual_streams(model, IDS.flip(0), layers=[layer])[layer]
    with rewrite_stream(model, layer, lambda _stream: other):
        rewritten = model(IDS).logits
    torch.testing.assert_close(rewritten, logits.flip(0))


@pytest.mark.parametrize("layer", [0, 2])
@pytest.mark.parametrize("capture_first", [True, False])
@torch.no_grad()
def test_captured_before_rewritten(model, layer, capture_first):
    plain = residual_streams(model, IDS, layers=[layer])[layer]
    capture = capture_streams(model, [layer])
    rewrite = rewrite_stream(model, layer, torch.zeros_like)
    first, second = (capture, rewrite) if capture_first else (rewrite, capture)
    with first as captured, second as captured_too:
        model(IDS)
        streams = captured or captured_too
        assert torch.equal(streams[layer], plain)


@pytest.mark.parametrize("layer", [0, 1])
@torch.no_grad()
def test_rewrites_apply_in_order(model, layer):
    seen = []

    def double(stream):
        return 2 * stream

    with (
        rewrite_stream(model, layer, torch.ones_like),
        rewrite_stream(model, layer, double),
        rewrite_stream(model, layer, lambda stream: seen.append(stream) or stream),
    ):
        model(IDS)
    assert torch.equal(seen[0], torch.full(SHAPE, 2.0))


def test_captured_streams_keep_gradients(model):
    with capture_streams(model, [0, 2]) as streams, rewrite_stream(model, 2, lambda h: 2 * h):
        logits = model(IDS).logits
    gradients = torch.autograd.grad(
        logits.square().sum(), [streams[0], streams[2]], retain_graph=True
    )
    assert all(gradient.shape == SHAPE and gradient.any() for gradient in gradients)
    streams[2].sum().backward()
    assert any(p.grad is not None and p.grad.any() for p in blocks(model)[0].parameters())
    assert all(p.grad is None for p in blocks(model)[2].parameters())


def test_hooks_go_when_an_exception_passes(model):
    def fail(_stream):
        assert hook_count(model) == LAYERS + 2
        raise KeyError("inside the forward pass")

    with capture_streams(model, ALL_LAYERS), rewrite_stream(model, 1, fail):
        with pytest.raises(KeyError):
            model(IDS)
        assert hook_count(model) == LAYERS + 2
    with (
        pytest.raises(KeyError),
        capture_streams(model, [2]),
        rewrite_stream(model, 1, fail_at_once),
    ):
        model(IDS)
    assert hook_count(model) == 0


def fail_at_once(_stream):
    raise KeyError("inside the forward pass")


@pytest.mark.parametrize("layer", [-1, LAYERS + 1])
def test_layers_that_do_not_exist(model, layer):
    with (
        pytest.raises(InputError, match=f"has no layer {layer}") as caught,
        capture_streams(model, [0, layer]),
    ):
        raise AssertionError
    assert str(LAYERS) in caught.value.hint
    with pytest.raises(InputError), rewrite_stream(model, layer, torch.zeros_like):
        raise AssertionError


@torch.no_grad()
def test_rewriting_while_generating(model):
    plain = model.generate(IDS[:1], max_new_tokens=3, do_sample=False, pad_token_id=0)
    with rewrite_stream(model, 1, lambda stream: stream):
        same = model.generate(IDS[:1], max_new_tokens=3, do_sample=False, pad_token_id=0)
    assert torch.equal(plain, same)


@torch.no_grad()
def test_rows_filled_up_on_the_right_need_no_mask(model):
    """Nor need positions be told, whatever a model counts them from."""
    filled = residual_streams(model, torch.tensor([[5, 9, 2, 7, 4, 4], [8, 1, 3, 3, 6, 2]]))
    alone = residual_streams(model, IDS)
    for layer in ALL_LAYERS:
        torch.testing.assert_close(filled[layer][:, :4], alone[layer])


def gradients_of_a_step(model):
    """Those of a loss that needs captured streams and the logits after a rewritten one."""
    model.zero_grad()
    with capture_streams(model, ALL_LAYERS) as streams, rewrite_stream(model, 2, tame):
        logits = model(IDS, use_cache=False).logits
        seen = dict(streams)
        (sum(stream.square().mean() for stream in streams.values()) + logits.sum()).backward()
    assert all(streams[layer] is seen[layer] for layer in ALL_LAYERS)
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def tame(stream):
    return torch.tanh(stream) - stream.mean(-1, keepdim=True)


def without_dropout(model):
    """The model as in training, which is when blocks are checkpointed, but without chance."""
    for module in model.train().modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name in ("dropout", "attention_dropout", "layerdrop"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    return model


def assert_same_gradients(found, expected):
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, msg=lambda text, name=name: name + text)


def test_checkpointed_blocks_get_the_same_gradients(model):
    expected = gradients_of_a_step(without_dropout(model))
    model.activation_checkpointing_enable({"use_reentrant": False})
    runs = []
    inside = next(module for module in blocks(model)[1].modules() if not [*module.children()])
    handle = inside.register_forward_hook(lambda *_: runs.append(None))
    assert_same_gradients(gradients_of_a_step(model), expected)
    handle.remove()
    assert len(runs) == 2


def test_blocks_checkpointed_with_their_hooks_get_the_same_gradients(model):
    """As models with code of their own and older versions of transformers do it."""
    expected = gradients_of_a_step(without_dropout(model))
    for block in blocks(model):
        block.__class__ = checkpointed_with_hooks(type(block))
    assert_same_gradients(gradients_of_a_step(model), expected)


@cache
def checkpointed_with_hooks(kind):
    class Checkpointed(kind):
        def __call__(self, *args, **kwargs):
            return checkpoint(super().__call__, *args, **kwargs, use_reentrant=False)

    return Checkpointed


def test_reentrant_checkpointing_is_refused(model):
    model.activation_checkpointing_enable({"use_reentrant": True})
    with (
        pytest.raises(RinjectError, match="reentrant gradient checkpointing") as caught,
        rewrite_stream(model, 1, torch.zeros_like),
    ):
        raise AssertionError
    assert "use_reentrant=False" in caught.value.hint


def test_a_model_without_blocks(model):
    holder = next(m for m in model.modules() if blocks(model) in m.children())
    name = next(name for name, child in holder.named_children() if child is blocks(model))
    setattr(holder, name, nn.ModuleList())
    with pytest.raises(InputError, match="cannot find the 3 decoder blocks"):
        blocks(model)


def test_outermost_list_wins(model):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS["gpt2"])
    model.transformer.h[0].extra = nn.ModuleList(nn.Linear(99, 99) for _ in range(LAYERS))
    model.transformer.small = nn.ModuleList(nn.Linear(1, 1) for _ in range(LAYERS))
    assert blocks(model) is model.transformer.h

"""Read and rewrite the residual stream of any Hugging Face causal LM, by scoped hooks.

Streams are numbered as in the method's paper (arXiv 2505.10719, section 3): stream 0 enters the
first decoder block, stream i leaves block i. All of them are taken before the final norm; the last
entry of transformers' own ``output_hidden_states`` is taken after it, which is why hooks are used.

Under gradient checkpointing the backward pass runs blocks again. Hooks must then do what they did
before, so the contexts here stay open until the backward pass is over: versions of transformers
differ in whether they run the hooks of a block again with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from rinject.errors import InputError, RinjectError

StreamHook = Callable[[Tensor], Tensor | None]
"""Sees a stream [B, T, D]; returns what takes its place, or None to leave it."""


def n_layers(model: PreTrainedModel) -> int:
    """Number of decoder blocks."""
    return int(model.config.get_text_config(decoder=True).num_hidden_layers)


def hidden_size(model: PreTrainedModel) -> int:
    """Width D of the residual stream."""
    return int(model.config.get_text_config(decoder=True).hidden_size)


def blocks(model: PreTrainedModel) -> nn.ModuleList:
    """The decoder blocks: the outermost list of as many modules as the config has layers.

    Among several equally far out, the one with most parameters.

    Raises:
        InputError: the model has no such list.
    """
    count = n_layers(model)
    found = [
        (name.count("."), -sum(p.numel() for p in module.parameters()), name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == count
    ]
    if not found:
        raise InputError(
            f"cannot find the {count} decoder blocks of {type(model).__name__}",
            hint="use a decoder-only model whose blocks lie in one list",
        )
    return min(found, key=lambda entry: entry[:3])[-1]


@contextmanager
def capture_streams(model: PreTrainedModel, layers: Sequence[int]) -> Iterator[dict[int, Tensor]]:
    """Within the block, each forward pass leaves the asked-for streams in the dict yielded.

    Tensors are [B, T, D] and keep their gradients; the next forward pass replaces them. They stay
    in the dict after the block. Where :func:`rewrite_stream` is active on the same layer, what is
    captured is the stream before it is rewritten, whichever of the two was entered first.

    Raises:
        InputError: the model has no such layer.
        RinjectError: the model checkpoints its blocks in the reentrant way.
    """
    captured: dict[int, Tensor] = {}
    reached = _reached(model, layers)
    with ExitStack() as hooks:
        for layer in layers:
            keep = _keeper(captured, layer)
            hooks.callback(_attach(reached, layer, keep, first=True).remove)
        yield captured


@contextmanager
def rewrite_stream(
    model: PreTrainedModel, layer: int, rewrite: Callable[[Tensor], Tensor]
) -> Iterator[None]:
    """Within the block, stream ``layer`` is ``rewrite(stream)``, of the same shape [B, T, D].

    Several rewrites of one layer apply in the order in which they were entered.

    Raises:
        InputError: the model has no such layer.
        RinjectError: the model checkpoints its blocks in the reentrant way.
    """
    handle = _attach(_reached(model, [layer]), layer, rewrite, first=False)
    try:
        yield
    finally:
        handle.remove()


def residual_streams(
    model: PreTrainedModel,
    input_ids: Tensor,  # [B, T]
    attention_mask: Tensor | None = None,  # [B, T]
    *,
    layers: Sequence[int] | None = None,
) -> dict[int, Tensor]:
    """The streams [B, T, D] of one forward pass, all of them unless told; no logits are computed.

    Padding, if any, is on the right, so that positions count from the first token.

    Raises:
        InputError: the model has no such layer.
    """
    wanted = range(n_layers(model) + 1) if layers is None else layers
    with capture_streams(model, wanted) as captured:
        model.base_model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False)
    return captured


def _keeper(captured: dict[int, Tensor], layer: int) -> StreamHook:
    def keep(stream: Tensor) -> None:
        if not _in_backward():  # a block that runs again there would keep what it was to recompute
            captured[layer] = stream

    return keep


def _in_backward() -> bool:
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1


def _reached(model: PreTrainedModel, layers: Sequence[int]) -> nn.ModuleList:
    """The model's blocks, after checking that hooks reach all of these layers."""
    reached = blocks(model)
    for layer in layers:
        if not 0 <= layer <= len(reached):
            raise InputError(
                f"the student has no layer {layer}",
                hint=f"its layers are 0 (the embedding) to {len(reached)}",
            )
    if any(map(_is_reentrant, model.modules())):
        # Its blocks run without gradients at first, so what is captured there has none.
        raise RinjectError(
            "the residual stream cannot be reached under reentrant gradient checkpointing",
            hint="switch it on with use_reentrant=False",
        )
    return reached


def _is_reentrant(module: nn.Module) -> bool:
    if not getattr(module, "gradient_checkpointing", False):
        return False
    options = getattr(getattr(module, "_gradient_checkpointing_func", None), "keywords", {})
    return bool(options.get("use_reentrant", True))


def _attach(
    reached: nn.ModuleList, layer: int, hook: StreamHook, *, first: bool
) -> RemovableHandle:
    if layer == 0:
        return reached[0].register_forward_pre_hook(
            _on_input(hook), with_kwargs=True, prepend=first
        )
    return reached[layer - 1].register_forward_hook(_on_output(hook), prepend=first)


def _on_input(hook: StreamHook) -> Callable[..., Any]:
    def on_input(
        _block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        stream = hook(args[0] if args else kwargs["hidden_states"])
        if stream is None:
            return None
        if args:
            return (stream, *args[1:]), kwargs
        return args, kwargs | {"hidden_states": stream}

    return on_input


def _on_output(hook: StreamHook) -> Callable[..., Any]:
    def on_output(_block: nn.Module, _args: tuple[Any, ...], output: Any) -> Any:
        if isinstance(output, torch.Tensor):
            return hook(output)
        stream = hook(output[0])
        return None if stream is None else (stream, *output[1:])

    return on_output

"""How a student's blocks run while it is trained: compiled, or computed anew going backwards."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.inject.settings import InjectSettings
from rinject.student import blocks

Forward = Callable[..., Any]


@contextmanager
def prepared_blocks(model: PreTrainedModel, settings: InjectSettings) -> Iterator[None]:
    """Within the block, a model's decoder blocks run as the settings have it.

    Raises InputError: they are to be compiled on a CPU, and there is no C++ compiler.
    """
    with ExitStack() as changes:
        if _compiles(model, settings):
            changes.enter_context(compiled_blocks(blocks(model)))
        if settings.checkpoint_activations:
            changes.enter_context(checkpointed_blocks(blocks(model)))
        yield


def compiled_blocks(modules: nn.ModuleList) -> AbstractContextManager[None]:
    """Within the context, decoder blocks are compiled, their hooks left outside."""
    return _changed(modules, partial(torch.compile, dynamic=True))


def checkpointed_blocks(modules: nn.ModuleList) -> AbstractContextManager[None]:
    """Within the context, the backward pass computes what happens within decoder blocks anew.

    Unlike the checkpointing that transformers have built in, it leaves the blocks' hooks outside,
    so that they run once, and it asks for no training mode, which would switch dropout on.
    """

    def change(forward: Forward) -> Forward:
        return partial(checkpoint, forward, use_reentrant=False, preserve_rng_state=False)

    return _changed(modules, change)


@contextmanager
def _changed(modules: nn.ModuleList, change: Callable[[Forward], Forward]) -> Iterator[None]:
    before = [vars(block).get("forward") for block in modules]
    try:
        for block in modules:
            block.forward = change(block.forward)
        yield
    finally:
        for block, forward in zip(modules, before, strict=True):
            vars(block).pop("forward", None)
            if forward is not None:
                block.forward = forward


def _compiles(model: PreTrainedModel, settings: InjectSettings) -> bool:
    device = model.device.type
    if settings.compile == "on" and device == "cpu" and not has_cpp_compiler():
        raise InputError(
            "--compile on: no C++ compiler was found",
            hint="install one (g++ or clang++), or use --compile off",
        )
    return settings.compile == "on" or (settings.compile == "auto" and device == "cuda")


def has_cpp_compiler() -> bool:
    """Whether there is what torch compiles with on a CPU."""
    default = "clang++" if sys.platform == "darwin" else "g++"
    return shutil.which(os.environ.get("CXX", default)) is not None

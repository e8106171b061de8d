"""A compiled RASP program as a TransformerBridge of TransformerLens 4; needs nothing of rinject.

    import runpy
    bridge = runpy.run_path("load.py")["load"]()

The configuration, the weights and the names of things are beside this file, in config.json,
model.safetensors and export.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_from_module
from transformer_lens.model_bridge.sources.native import NativeModel

HERE = Path(__file__).parent


def load(directory: str | Path = HERE) -> TransformerBridge:
    """The model in a directory."""
    directory = Path(directory)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    return build(config, load_file(directory / "model.safetensors"))


def build(config: dict[str, Any], weights: dict[str, Tensor]) -> TransformerBridge:
    """TransformerLens' native model, with a bias in its unembedding, in evaluation mode."""
    settings = TransformerBridgeConfig(**config)
    with torch.random.fork_rng(devices=[]):  # weights are drawn before ours take their place
        model = NativeModel(settings)
        model.head = torch.nn.Linear(settings.d_model, settings.d_vocab_out)
    model.load_state_dict(weights)
    return build_bridge_from_module(
        model.eval(), "TransformerLensNative", tl_config=settings, model_name=config["model_name"]
    )

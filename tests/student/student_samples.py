"""Configs of small students and a tokenizer that fits them all."""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    OPTConfig,
    PhiConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

LAYERS, WIDTH, VOCABULARY = 3, 16, 300


def small_configs(layers: int, vocabulary: int, positions: int) -> dict[str, PreTrainedConfig]:
    """A config for each architecture, by its name in transformers."""
    alike: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": WIDTH,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "max_position_embeddings": positions,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": None,
    }
    gated = alike | {"intermediate_size": 32}
    grouped = gated | {"num_key_value_heads": 1}
    return {
        "gpt2": GPT2Config(
            vocab_size=vocabulary, n_embd=WIDTH, n_layer=layers, n_head=2, n_positions=positions,
            bos_token_id=0, eos_token_id=0,
        ),
        "llama": LlamaConfig(**grouped),
        "qwen2": Qwen2Config(**grouped),
        "qwen3": Qwen3Config(**grouped, head_dim=8),
        "phi": PhiConfig(**gated),
        # Windows shorter than the rows of the tests, on all layers or on some.
        "mistral": MistralConfig(**grouped, sliding_window=3),
        "gemma2": Gemma2Config(**grouped, head_dim=8, sliding_window=2),
        "gemma3_text": Gemma3TextConfig(**grouped, head_dim=8, sliding_window=2),
        "gpt_neox": GPTNeoXConfig(**gated),
        # As many experts as layers.
        "mixtral": MixtralConfig(**grouped, num_local_experts=layers),
        # An embedding narrower than the stream, and positions that count from 2.
        "opt": OPTConfig(**(alike | {"pad_token_id": 1}), ffn_dim=32, word_embed_proj_dim=8),
    }  # fmt: skip


CONFIGS = small_configs(LAYERS, VOCABULARY, 32)


def small_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level, without merges: one token for each byte, and the end of the text."""
    tokens = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    backend = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")

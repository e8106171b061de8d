"""Configs of small students and a tokenizer that fits them all."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MixtralConfig,
    OPTConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

LAYERS, WIDTH, VOCABULARY = 3, 16, 300

ALIKE = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 32,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": None,
}
CONFIGS: dict[str, PreTrainedConfig] = {
    "gpt2": GPT2Config(
        vocab_size=VOCABULARY, n_embd=WIDTH, n_layer=LAYERS, n_head=2, n_positions=32,
        bos_token_id=0, eos_token_id=0,
    ),
    "llama": LlamaConfig(**ALIKE, num_key_value_heads=1),
    "qwen2": Qwen2Config(**ALIKE, num_key_value_heads=1),
    "gpt_neox": GPTNeoXConfig(**ALIKE),
    # As many experts as layers, and an embedding narrower than the stream.
    "mixtral": MixtralConfig(**ALIKE, num_key_value_heads=1, num_local_experts=LAYERS),
    "opt": OPTConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS, ffn_dim=32,
        num_attention_heads=2, max_position_embeddings=32, word_embed_proj_dim=8,
        bos_token_id=0, eos_token_id=0, pad_token_id=1,
    ),
}  # fmt: skip


def small_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level, without merges: one token for each byte, and the end of the text."""
    tokens = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    backend = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")

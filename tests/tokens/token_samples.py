"""Program headers, and a small tokenizer for the token tests."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from rinject.lang import Header, SymbolRule

SENTENCES = [
    "The matched brackets [] and {()} of the text: are they correctly balanced, or not?",
    "What is the number of 'x' in this text? x y x x y, an extra box of six axes.",
    "Are parenthesis here correctly matched? [[]](())\nAnswer: yes, no; 211 + 123 = 334.",
    "In 1910 and 2010 they wrote ((a)) -> [[b]] and {{c}} -> 100 == 10 * 10.",
] * 8


def header(
    vocabulary: tuple[str, ...], symbols: tuple[SymbolRule, ...] = (), otherwise: str | None = None
) -> Header:
    return Header("sample", vocabulary=vocabulary, symbols=symbols, otherwise=otherwise)


DYCK = header((*"()[]{}", "compute", "_"), (SymbolRule(":", "compute"),), otherwise="_")
COUNT = header(("x", "y", "compute", "_"), (SymbolRule(":", "compute"),), otherwise="_")


def train_tokenizer(pre_tokenizer: pre_tokenizers.PreTokenizer | None) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(SENTENCES, trainer)
    backend.pre_tokenizer = pre_tokenizer
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        model_max_length=64,
    )

"""Program headers, and a small tokenizer for the token tests."""

from __future__ import annotations

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
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
SUM = header((*"0123456789+=", "_"), otherwise="_")
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


# --- other kinds ----------------------------------------------------------------------------------

SPACE = "▁"
METASPACES = ("always", "first", "never")
GROUPS_OF_THREE = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+"
SINGLE_DIGITS = GROUPS_OF_THREE.replace("{1,3}", "")


def of_kind(kind: str) -> PreTrainedTokenizerFast:
    """A small tokenizer built as those of a family of models are."""
    parts = kind.split("-")
    if parts[0] == "unigram":
        return _unigram(parts[1], words_first="words" in parts)
    if parts[0] == "bytes":
        return train_tokenizer(BYTE_LEVELS[kind])
    return _sentencepiece_bpe(kind)


BYTE_LEVELS = {
    "bytes-three-digits": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(GROUPS_OF_THREE), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    ),
    "bytes-one-digit": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SINGLE_DIGITS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    ),
    "bytes-digits": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    ),
}
KINDS = (
    *(f"unigram-{scheme}" for scheme in METASPACES),
    "unigram-always-words",  # T5
    "llama2",
    "llama2-metaspace",
    "gemma",
    *BYTE_LEVELS,
)


def _unigram(scheme: str, *, words_first: bool) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.Unigram())
    metaspace = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    steps = [pre_tokenizers.WhitespaceSplit(), metaspace] if words_first else [metaspace]
    backend.pre_tokenizer = pre_tokenizers.Sequence(steps)
    backend.decoder = decoders.Metaspace(prepend_scheme=scheme)
    trainer = trainers.UnigramTrainer(
        vocab_size=260,
        special_tokens=["<unk>", "</s>"],
        unk_token="<unk>",
        initial_alphabet=[SPACE, *(chr(code) for code in range(33, 127))],
        show_progress=False,
    )
    backend.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")


def _sentencepiece_bpe(kind: str) -> PreTrainedTokenizerFast:
    """BPE over characters, unknown ones as bytes; it learns from words and is used as `kind` is."""
    backend = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=640,
        special_tokens=["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))],
        initial_alphabet=[SPACE, *(chr(code) for code in range(33, 127))],
        show_progress=False,
    )
    backend.train_from_iterator(SENTENCES, trainer)
    strip = [decoders.Strip(" ", 1, 0)] if kind != "gemma" else []
    backend.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    if kind == "llama2-metaspace":
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        replace = normalizers.Replace(" ", SPACE)
        before = [normalizers.Prepend(SPACE)] if kind == "llama2" else []
        backend.normalizer = normalizers.Sequence([*before, replace])
        backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    backend.add_special_tokens([AddedToken("</s>", normalized=False)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")

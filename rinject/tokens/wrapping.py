"""A changed `tokenizers` object, wrapped again as the `transformers` tokenizer it came from."""

from __future__ import annotations

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast
from transformers.models.auto import tokenization_auto

KEPT = (
    "model_max_length",
    "padding_side",
    "truncation_side",
    "clean_up_tokenization_spaces",
    "model_input_names",
    "chat_template",
)


def wrap_like(original: PreTrainedTokenizerFast, backend: Tokenizer) -> PreTrainedTokenizerFast:
    """The backend with the special tokens and settings of ``original``.

    The class is always the generic one: classes of one architecture build their pre-tokenizer
    themselves when loaded and would lose ours.
    """
    settings = {name: getattr(original, name) for name in KEPT if hasattr(original, name)}
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        extra_special_tokens=list(original.extra_special_tokens),
        **settings,
        **original.special_tokens_map,
    )
    if _is_forced_on_load(type(original)):
        wrapped._auto_map = {"AutoTokenizer": ["", ""]}
    return wrapped


def _is_forced_on_load(tokenizer_class: type) -> bool:
    """Whether AutoTokenizer picks this class by model type, whatever the tokenizer's files say.

    So it does for Qwen2, to mend wrong files on the hub. A saved ``auto_map``, though it names
    nothing, makes it read the class from the tokenizer's files after all.
    """
    forced = getattr(tokenization_auto, "MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS", ())
    return not {*forced}.isdisjoint(tokenizer_class.__module__.split("."))

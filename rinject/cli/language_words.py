"""The names of the language itself, in words."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from rinject.cli.language_server.texts import Text, comment_above
from rinject.lang import syntax
from rinject.lang.files import LIBRARY, library_source
from rinject.lang.parser import parse
from rinject.lang.syntax_errors import KEYWORDS

STATEMENT_WORDS = (*sorted(KEYWORDS), "load")


@dataclass(frozen=True)
class Word:
    """A name of the language."""

    name: str
    signature: str
    """How it is written."""
    text: str
    """What it means."""
    parameters: tuple[str, ...] = ()
    """Of a function: its parameters as the signature writes them."""


def _function(signature: str, text: str) -> Word:
    name, _, rest = signature.partition("(")
    parameters = rest.removesuffix(")").replace("[", "").replace("]", "").split(", ")
    return Word(name, signature, text, tuple(parameters))


def _by_name(*words: Word) -> Mapping[str, Word]:
    return {word.name: word for word in words}


FUNCTIONS = _by_name(
    _function(
        "select(keys, queries, comparison)",
        "The selector in which position q selects position k where `keys[k]` compares to "
        "`queries[q]`: `select(tokens, tokens, ==)`. Either side may be a value.",
    ),
    _function(
        "aggregate(selector, values[, default])",
        "At each position the only selected value, or the mean of several numbers. Where nothing "
        "is selected: the default, or else 0 among numbers and no value among strings.",
    ),
    _function("selector_width(selector)", "How many positions each position selects."),
    _function("round(x)", "The nearest whole number, halves to the even one."),
    _function("indicator(x)", "1 where `x` holds, 0 elsewhere."),
    _function(
        'named(value, "text")',
        "The s-op under a name of its own, also in loops and functions. The text may be put "
        'together: `named(n, left + "_counts")`.',
    ),
    _function(
        "range([start, ]stop[, step])",
        "The list of whole numbers from `start` (or 0) up to `stop`, which is left out.",
    ),
    _function("len(list)", "How many items a list has. The length of the input is `length`."),
    _function("zip(list, list, …)", "A list of lists: the first items, the second items, …"),
    _function("draw(x[, input])", "Draws in `rinject repl`; does nothing in a file."),
)
"""The functions that are not written in the language."""

SOPS = _by_name(
    Word("tokens", "tokens", "The symbol at each position."),
    Word("indices", "indices", "The number of each position, from 0."),
    Word("length", "length", "The length of the input, at each position."),
    Word("tokens_asis", "tokens_asis", "The symbol at each position, as `tokens`."),
    Word("tokens_str", "tokens_str", "The symbol at each position, as a string."),
    Word("tokens_int", "tokens_int", "The symbol at each position, as a whole number."),
    Word("tokens_float", "tokens_float", "The symbol at each position, as a number."),
    Word("tokens_bool", "tokens_bool", "The symbol at each position, as a truth value."),
    Word("full_s", "full_s", "The selector in which every position selects every position."),
)
"""The s-ops and the selector of the language."""

FIELDS = _by_name(
    Word("vocabulary", 'vocabulary "a", "b";', "The symbols the program reads."),
    Word("longest", "longest 40;", "The most tokens it reads."),
    Word(
        "attention",
        "attention causal;",
        "`causal`: a position sees what came before it; `full`: everything.",
    ),
    Word("output", "output result;", "The variable of the top level that the program computes."),
    Word("prompt", 'prompt "{input}\\nAnswer:";', "The text around an input, with one `{input}`."),
    Word("symbol", 'symbol ":" is "end";', "Which text is which symbol. May be repeated."),
    Word("otherwise", 'otherwise "_";', "The symbol of all other text."),
    Word("answer", 'answer True is " yes";', "How an output value is written. May be repeated."),
    Word(
        "spell",
        "spell answers;",
        'An answer is written symbol by symbol, each read back, up to the value written as `""`.',
    ),
    Word("alphabet", 'alphabet "a", "b";', "The symbols that inputs are drawn from."),
    Word("lengths", "lengths 2, 20;", "The fewest and the most symbols of an input that is drawn."),
    Word("separator", 'separator " ";', "The text between two symbols of an input."),
    Word("balance", "balance answers;", "Inputs are drawn so that all answers are equally common."),
    Word(
        "examples",
        'examples "mine.jsonl";',
        "The JSONL file, beside the program, that inputs and answers are read from instead.",
    ),
)
"""The fields of the program block."""


@functools.cache
def library() -> Mapping[str, Word]:
    """The functions that are written in the language."""
    text = Text(library_source())
    body = parse(text.source, str(LIBRARY)).body
    return _by_name(*(_library_word(one, text) for one in body if isinstance(one, syntax.Function)))


def _library_word(node: syntax.Function, text: Text) -> Word:
    return described(node, comment_above(text, node.span.line))


def described(node: syntax.Function, text: str) -> Word:
    """A function of a program or of the library."""
    parameters = tuple(parameter.text for parameter in node.parameters)
    return Word(node.name.text, f"{node.name.text}({', '.join(parameters)})", text, parameters)


def of_the_language(name: str) -> Word | None:
    """A name that a program need not define."""
    return FUNCTIONS.get(name) or SOPS.get(name) or library().get(name)

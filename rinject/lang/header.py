"""The program block: what an injectable program says about its input, output and text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from rinject.lang import syntax
from rinject.lang.context import Context
from rinject.lang.diagnostics import Note, Span, did_you_mean
from rinject.lang.elementwise import Constant
from rinject.lang.limits import MAX_LENGTH

INPUT_SLOT = "{input}"
VALUE_SLOT = "{value}"
_PLACEHOLDER = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class SymbolRule:
    """A piece of text and the symbol it becomes."""

    text: str
    symbol: str


@dataclass(frozen=True)
class AnswerRule:
    """An output value and the text that answers it."""

    value: Any
    text: str


@dataclass(frozen=True)
class Header:
    """How a program meets its input and the text around it. Without a block: plain RASP."""

    name: str
    """What the program is called."""
    vocabulary: tuple[str, ...] = ()
    """The symbols it reads; empty when it does not say."""
    longest: int | None = None
    """The most tokens it reads."""
    causal: bool = False
    """Whether a position sees only itself and what came before."""
    output: str = ""
    """The public name of its output s-op."""
    prompt: str | None = None
    """The text around an input, with one `{input}`."""
    symbols: tuple[SymbolRule, ...] = ()
    """Which text is which symbol: the rules written, then each other symbol as its own text."""
    otherwise: str | None = None
    """The symbol of all other text."""
    answers: tuple[AnswerRule, ...] = ()
    """How output values are written."""
    spelled: bool = False
    """Whether an answer is one output after another, each read back by the program, up to the one
    that is written as the empty text; else it is one output."""
    alphabet: tuple[str, ...] = ()
    """The symbols that inputs are drawn from."""
    lengths: tuple[int, int] | None = None
    """The fewest and the most symbols of an input that is drawn."""
    separator: str = ""
    """The text between two symbols of an input."""
    balanced: bool = False
    """Whether inputs are drawn so that every answer is equally frequent."""
    examples: str | None = None
    """The JSONL file, beside the program, that inputs and answers are read from instead."""

    @property
    def is_injectable(self) -> bool:
        """Whether everything is said that injection needs."""
        return bool(self.prompt and self.otherwise and self.answers)

    @property
    def ends(self) -> tuple[Any, ...]:
        """The output values that end an answer: one where answers are spelled, else none."""
        return tuple(rule.value for rule in self.answers if not rule.text)

    @cached_property
    def answer_texts(self) -> dict[tuple[type, Any], str]:
        """The text of each output value that is answered; its type is with it, as True is not 1."""
        return {(type(rule.value), rule.value): rule.text for rule in self.answers}


@dataclass(frozen=True)
class Draft:
    """A checked header whose output is yet to be found in the program."""

    header: Header
    output_node: syntax.Name | None = None
    vocabulary_node: syntax.Field | None = None

    def finished(self, output: str) -> Header:
        """The header with the public name of the output."""
        return replace(self.header, output=output)


def check_header(node: syntax.Header | None, context: Context, default_name: str) -> Draft:
    """Checks the block field by field; mistakes are reported to the context."""
    if node is None:
        return Draft(Header(default_name))
    return _HeaderChecker(node, context).check()


@dataclass
class _HeaderChecker:
    node: syntax.Header
    context: Context
    found: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, syntax.Field] = field(default_factory=dict)
    symbols: dict[str, tuple[str, Span]] = field(default_factory=dict)
    answers: dict[Constant, tuple[str, Span]] = field(default_factory=dict)
    answered: dict[str, Constant] = field(default_factory=dict)
    output_node: syntax.Name | None = None

    def check(self) -> Draft:
        for item in self.node.fields:
            self._field(item)
        self._required()
        self._against_vocabulary()
        self._against_longest()
        self._against_spelling()
        self.found.setdefault("alphabet", self._drawn())
        header = Header(
            self.node.name.text,
            symbols=self._all_symbols(),
            answers=tuple(AnswerRule(k.value, text) for k, (text, _) in self.answers.items()),
            **self.found,
        )
        return Draft(header, self.output_node, self.fields.get("vocabulary"))

    @property
    def _is_spelled(self) -> bool:
        """Whether the header has the field, maybe further down."""
        return any(item.name.text == "spell" for item in self.node.fields)

    def report(
        self,
        code: str,
        place: Span,
        message: str,
        hint: str | None = None,
        notes: tuple[Note, ...] = (),
    ) -> None:
        self.context.report(code, place, message, hint, notes)

    # --- the block as a whole --------------------------------------------------------------

    def _field(self, item: syntax.Field) -> None:
        name = item.name.text
        rule = _FIELDS.get(name)
        if rule is None:
            every = ", ".join(_FIELDS)
            hint = did_you_mean(name, _FIELDS, otherwise=f"the fields are {every}")
            self.report("unknown-field", item.name.span, f"unknown field `{name}`", hint)
            return
        if name in self.fields and not rule.repeats:
            note = Note("the first one", self.fields[name].name.span)
            message = f"the field `{name}` is given twice"
            self.report("duplicate-field", item.name.span, message, "keep one", (note,))
            return
        self.fields.setdefault(name, item)
        rule.read(self, item)

    def _required(self) -> None:
        meets_text = any(name in self.fields for name in ("prompt", "symbol", "answer"))
        missing = [
            name
            for name, rule in _FIELDS.items()
            if name not in self.fields
            and (rule.needed == "always" or (rule.needed == "with text" and meets_text))
        ]
        if missing and not self.context.has_gaps:
            names = ", ".join(f"`{name}`" for name in missing)
            hint = "add " + " ".join(f"`{_FIELDS[name].example}`" for name in missing)
            message = f"the header lacks {names}"
            self.report("missing-field", self.node.name.span, message, hint)

    def _against_vocabulary(self) -> None:
        vocabulary = self.found.get("vocabulary")
        if not vocabulary:
            return
        uses = [(symbol, span) for symbol, span in self.symbols.values()]
        if "otherwise" in self.found:
            uses.append((self.found["otherwise"], self.fields["otherwise"].entries[0].span))
        if "alphabet" in self.found:
            spans = [entry.span for entry in self.fields["alphabet"].entries]
            uses.extend(zip(self.found["alphabet"], spans, strict=False))
        for symbol, span in uses:
            if symbol not in vocabulary:
                message = f'the vocabulary has no symbol "{symbol}"'
                hint = did_you_mean(symbol, vocabulary, otherwise="add it to `vocabulary`")
                self.report("unknown-symbol", span, message, hint)

    def _against_longest(self) -> None:
        longest, lengths = self.found.get("longest"), self.found.get("lengths")
        if longest is not None and lengths is not None and lengths[1] > longest:
            place = self.fields["lengths"].entries[1].span
            message = f"inputs of {lengths[1]} symbols do not fit into {longest} tokens"
            self.report("bad-lengths", place, message, "raise `longest`, or draw shorter inputs")

    def _against_spelling(self) -> None:
        """Spelled answers have an end, and the program can read them."""
        spell = self.fields.get("spell")
        if spell is None:
            return
        readable = {rule.text for rule in self._all_symbols()}
        for text, span in self.answers.values():
            if text and text not in readable:
                message = f'the program cannot read its answer "{text}", which is no symbol'
                hint = f'add "{text}" to `vocabulary`, or a `symbol` rule'
                self.report("unreadable-answer", span, message, hint)
        if self.answers and all(text for text, _ in self.answers.values()):
            message = "no value ends an answer that is spelled"
            self.report("endless-answer", spell.span, message, 'add `answer "end" is "";`')
        if self.found.get("balanced"):
            message = "answers that are spelled cannot be balanced"
            self.report("bad-balance", self.fields["balance"].span, message, "leave this line out")

    def _drawn(self) -> tuple[str, ...]:
        """The default alphabet: the symbols that stand for their own text."""
        produced = {symbol for symbol, _ in self.symbols.values()} | {self.found.get("otherwise")}
        return tuple(s for s in self.found.get("vocabulary", ()) if s not in produced)

    def _all_symbols(self) -> tuple[SymbolRule, ...]:
        written = [SymbolRule(text, symbol) for text, (symbol, _) in self.symbols.items()]
        spoken_for = {rule.symbol for rule in written} | {self.found.get("otherwise")}
        rest = [s for s in self.found.get("vocabulary", ()) if s not in spoken_for]
        return (*written, *(SymbolRule(symbol, symbol) for symbol in rest))

    # --- fields ----------------------------------------------------------------------------

    def vocabulary(self, item: syntax.Field) -> None:
        symbols: dict[str, Span] = {}
        for entry in item.entries:
            symbol = self._text(entry.left) if self._is_single(entry) else None
            if symbol in symbols:
                note = Note("the first one", symbols[symbol])
                message = f'the symbol "{symbol}" is listed twice'
                self.report("duplicate-symbol", entry.span, message, "keep one", (note,))
            elif symbol is not None:
                symbols[symbol] = entry.span
        self.found["vocabulary"] = tuple(symbols)

    def alphabet(self, item: syntax.Field) -> None:
        texts = [self._text(e.left) if self._is_single(e) else None for e in item.entries]
        if None not in texts:
            self.found["alphabet"] = tuple(text for text in texts if text is not None)

    def lengths(self, item: syntax.Field) -> None:
        values = [_literal(entry.left) for entry in item.entries if self._is_single(entry)]
        whole = [value for value in values if type(value) is int and value > 0]
        if len(whole) == len(item.entries) == 2 and whole[0] <= whole[1]:
            self.found["lengths"] = (whole[0], whole[1])
        else:
            message = "`lengths` are the fewest and the most symbols of an input"
            self.report("bad-lengths", item.span, message, "write `lengths 2, 20;`")

    def separator(self, item: syntax.Field) -> None:
        entry = self._only(item)
        text = self._text(entry.left) if entry else None
        if text is not None:
            self.found["separator"] = text

    def balance(self, item: syntax.Field) -> None:
        self._of_answers(item, "balanced")

    def spell(self, item: syntax.Field) -> None:
        self._of_answers(item, "spelled")

    def _of_answers(self, item: syntax.Field, become: str) -> None:
        """A field that says what answers are, such as `balance answers;`."""
        entry, verb = self._only(item), item.name.text
        if entry is None:
            return
        if isinstance(entry.left, syntax.Name) and entry.left.text == "answers":
            self.found[become] = True
        else:
            message = f"only answers can be {become}"
            self.report(f"bad-{verb}", entry.span, message, f"write `{verb} answers;`")

    def examples(self, item: syntax.Field) -> None:
        entry = self._only(item)
        name = self._text(entry.left) if entry else None
        if entry is None or name is None:
            return
        if not name.endswith(".jsonl"):
            message = "examples are read from a JSONL file"
            self.report("bad-examples", entry.span, message, 'write `examples "mine.jsonl";`')
        self.found["examples"] = name

    def longest(self, item: syntax.Field) -> None:
        entry = self._only(item)
        if entry is None:
            return
        value = _literal(entry.left)
        if type(value) is int and value > 0:
            self.found["longest"] = value
        else:
            message = "`longest` is the number of tokens of the longest input"
            self.report("bad-longest", entry.span, message, "write `longest 40;`")

    def attention(self, item: syntax.Field) -> None:
        entry = self._only(item)
        if entry is None:
            return
        if isinstance(entry.left, syntax.Name) and entry.left.text in ("causal", "full"):
            self.found["causal"] = entry.left.text == "causal"
        else:
            message = "`attention` is `causal` or `full`"
            self.report("bad-attention", entry.span, message, "write `attention causal;`")

    def output(self, item: syntax.Field) -> None:
        entry = self._only(item)
        if entry is None:
            return
        if isinstance(entry.left, syntax.Name):
            self.output_node = entry.left
        else:
            message = "`output` is the name of a variable"
            self.report("bad-output", entry.span, message, "write `output result;`, no quotes")

    def prompt(self, item: syntax.Field) -> None:
        entry = self._only(item)
        text = self._text(entry.left) if entry else None
        if entry is None or text is None:
            return
        slots = text.count(INPUT_SLOT)
        if slots == 1:
            self.found["prompt"] = text
            return
        placeholders = _PLACEHOLDER.findall(text)
        hint = "put {input} where the input stands"
        if slots > 1:
            hint = "keep one {input}"
        elif placeholders:
            hint = f"write {INPUT_SLOT} instead of {placeholders[0]}"
        amount = "has no {input}" if slots == 0 else f"has {{input}} {slots} times"
        self.report("bad-prompt", entry.span, f"the prompt {amount}", hint)

    def symbol(self, item: syntax.Field) -> None:
        for entry in item.entries:
            text = self._text(entry.left)
            if entry.right is None:
                message = "a symbol rule says which text is which symbol"
                self.report("bad-symbol", entry.span, message, 'write `symbol ":" is "end";`')
                continue
            symbol = self._text(entry.right)
            if text in self.symbols:
                note = Note("the first one", self.symbols[text][1])
                message = f'the text "{text}" already is a symbol'
                self.report("duplicate-symbol", entry.left.span, message, "keep one", (note,))
            elif text is not None and symbol is not None:
                self.symbols[text] = (symbol, entry.right.span)

    def otherwise(self, item: syntax.Field) -> None:
        entry = self._only(item)
        symbol = self._text(entry.left) if entry else None
        if symbol is not None:
            self.found["otherwise"] = symbol

    def answer(self, item: syntax.Field) -> None:
        for entry in item.entries:
            values = _range(entry.left)
            value = _literal(entry.left)
            if entry.right is None or (values is None and value is None):
                message = "an answer rule says how a value is written"
                self.report("bad-answer", entry.span, message, 'write `answer True is " yes";`')
                continue
            text = self._text(entry.right, may_be_empty=self._is_spelled)
            if text is not None and values is not None:
                self._add_answers(values, text, entry)
            elif text is not None:
                self._add_answer(Constant(value), text, entry)

    def _add_answers(self, values: range, text: str, entry: syntax.Entry) -> None:
        if entry.right is not None and text.count(VALUE_SLOT) != 1:
            message = f"the answer to many values has {text.count(VALUE_SLOT) or 'no'} {VALUE_SLOT}"
            hint = (
                f'put {VALUE_SLOT} where the value stands: `answer range(10) is " {VALUE_SLOT}";`'
            )
            self.report("bad-answer", entry.right.span, message, hint)
        elif not values:
            hint = "`range(2, 5)` is 2, 3, 4"
            self.report("bad-answer", entry.left.span, "this range has no values", hint)
        elif values[MAX_LENGTH - len(self.answers) :]:
            message = f"a program has at most {MAX_LENGTH:,} answers"
            self.report("too-many-answers", entry.left.span, message, "give a smaller range")
        else:
            added = (
                self._add_answer(Constant(value), text.replace(VALUE_SLOT, str(value)), entry)
                for value in values
            )
            all(added)  # up to the first that is wrong

    def _add_answer(self, value: Constant, text: str, entry: syntax.Entry) -> bool:
        """Whether the value and the text are new."""
        if value in self.answers:
            note = Note("the first one", self.answers[value][1])
            message = f"the value {value} already has an answer"
            self.report("duplicate-answer", entry.left.span, message, "keep one", (note,))
            return False
        self.answers[value] = (text, entry.span)
        first = self.answered.setdefault(text, value)
        if first is not value and entry.right is not None:
            note = Note("the first one", self.answers[first][1])
            message = f'"{text}" already answers the value {first}'
            hint = "answers must differ, or they cannot be told apart"
            self.report("ambiguous-answer", entry.right.span, message, hint, (note,))
        return first is value

    # --- entries ---------------------------------------------------------------------------

    def _only(self, item: syntax.Field) -> syntax.Entry | None:
        if len(item.entries) > 1:
            message = f"`{item.name.text}` takes one value, not {len(item.entries)}"
            hint = f"write `{_FIELDS[item.name.text].example}`"
            self.report("too-many-values", item.entries[1].span, message, hint)
            return None
        return item.entries[0] if self._is_single(item.entries[0]) else None

    def _is_single(self, entry: syntax.Entry) -> bool:
        if entry.right is None:
            return True
        message = "`is` has no place in this field"
        self.report("stray-is", entry.span, message, "only `symbol` and `answer` use it")
        return False

    def _text(self, node: syntax.Expression, *, may_be_empty: bool = False) -> str | None:
        value = _literal(node)
        if isinstance(value, str) and (value or may_be_empty):
            return value
        if value == "":
            self.report("empty-text", node.span, "this text is empty", "write some text in it")
        elif isinstance(node, syntax.Name):
            message = f"expected a string here, found the name `{node.text}`"
            self.report("not-a-string", node.span, message, f'write "{node.text}"')
        else:
            hint = f'write "{value}"' if value is not None else "write it in quotes"
            self.report("not-a-string", node.span, "expected a string here", hint)
        return None


def _literal(node: syntax.Expression) -> Any:
    """The value of a literal, also of a negative number; None for anything else."""
    if isinstance(node, syntax.Literal):
        return node.value
    if isinstance(node, syntax.Unary) and node.operator == "-":
        value = _literal(node.operand)
        return -value if type(value) in (int, float) else None
    return None


def _range(node: syntax.Expression) -> range | None:
    """The values of `range(…)` with whole numbers; None for anything else."""
    if not isinstance(node, syntax.Call) or not isinstance(node.function, syntax.Name):
        return None
    bounds = [_literal(argument) for argument in node.arguments]
    whole = [bound for bound in bounds if type(bound) is int]
    if node.function.text != "range" or len(whole) != len(bounds) or not 1 <= len(bounds) <= 3:
        return None
    return range(*whole) if whole[2:] != [0] else None


@dataclass(frozen=True)
class _FieldRule:
    """How a field is read, and when it is needed."""

    read: Callable[[_HeaderChecker, syntax.Field], None]
    example: str
    needed: str = "with text"
    repeats: bool = False


_FIELDS = {
    "vocabulary": _FieldRule(_HeaderChecker.vocabulary, 'vocabulary "a", "b";', "always"),
    "longest": _FieldRule(_HeaderChecker.longest, "longest 40;", "always"),
    "attention": _FieldRule(_HeaderChecker.attention, "attention causal;"),
    "output": _FieldRule(_HeaderChecker.output, "output result;", "always"),
    "prompt": _FieldRule(_HeaderChecker.prompt, 'prompt "{input}\\nAnswer:";'),
    "symbol": _FieldRule(_HeaderChecker.symbol, 'symbol ":" is "end";', "never", True),
    "otherwise": _FieldRule(_HeaderChecker.otherwise, 'otherwise "_";'),
    "answer": _FieldRule(_HeaderChecker.answer, 'answer True is " yes";', "with text", True),
    "spell": _FieldRule(_HeaderChecker.spell, "spell answers;", "never"),
    "alphabet": _FieldRule(_HeaderChecker.alphabet, 'alphabet "a", "b";', "never"),
    "lengths": _FieldRule(_HeaderChecker.lengths, "lengths 2, 20;", "never"),
    "separator": _FieldRule(_HeaderChecker.separator, 'separator " ";', "never"),
    "balance": _FieldRule(_HeaderChecker.balance, "balance answers;", "never"),
    "examples": _FieldRule(_HeaderChecker.examples, 'examples "mine.jsonl";', "never"),
}

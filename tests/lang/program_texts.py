"""Texts of programs, made from the grammar, with anything that may stand between tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import strategies as st

Tokens = tuple[str, ...]
Expression = tuple[int, Tokens]  # how tightly it binds, and its tokens

CONDITIONAL, OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(10)
EXTRA_OPEN, EXTRA_CLOSE = "(extra", "extra)"  # written ( and ), directly inside of others
DIRECTIVES = ('set example "a # b"', "set s-op example  x", "full  seq display on", "examples off")

NAMES = st.sampled_from(["x", "tokens", "indices", "set", "formatted", "a_name_of_25_characters__"])
LITERALS = st.sampled_from(
    ["1", "2.50", "1e5", '"a"', "'b'", "'it\"s'", r"'it\'s'", r"'\\'", '"# no comment"', '"\t "']
)
BINARY = [
    *((OR, "or", OR, AND), (AND, "and", AND, NOT), (COMPARISON, "<=", SUM, SUM)),
    *((COMPARISON, "in", SUM, SUM), (SUM, "+", SUM, PRODUCT), (SUM, "-", SUM, PRODUCT)),
    *((PRODUCT, "%", PRODUCT, SIGN), (POWER, "^", ATOM, SIGN)),
]


def separated(items: list[Tokens], *, trailing: bool = False) -> Tokens:
    """The items with commas between them, and one more behind the last where that is allowed."""
    tokens = tuple(token for item in items for token in (*item, ","))
    return tokens if trailing else tokens[:-1]


def at_least(level: int, expression: Expression) -> Tokens:
    """The tokens, in parentheses if the expression binds less tightly than needed."""
    return expression[1] if expression[0] >= level else ("(", *expression[1], ")")


@st.composite
def binaries(draw: st.DrawFn, inner: st.SearchStrategy[Expression]) -> Expression:
    level, operator, left, right = draw(st.sampled_from(BINARY))
    return level, (*at_least(left, draw(inner)), operator, *at_least(right, draw(inner)))


@st.composite
def unaries(draw: st.DrawFn, inner: st.SearchStrategy[Expression]) -> Expression:
    level, operator = draw(st.sampled_from([(NOT, "not"), (SIGN, "-")]))
    return level, (operator, *at_least(level, draw(inner)))


@st.composite
def conditionals(draw: st.DrawFn, inner: st.SearchStrategy[Expression]) -> Expression:
    then, condition = at_least(OR, draw(inner)), at_least(OR, draw(inner))
    return CONDITIONAL, (*then, "if", *condition, "else", *draw(inner)[1])


@st.composite
def in_parentheses(draw: st.DrawFn, inner: st.SearchStrategy[Expression]) -> Expression:
    level, tokens = draw(inner)
    if tokens[0] in ("(", EXTRA_OPEN):
        return level, tokens
    doubled = draw(st.booleans())
    if doubled:
        tokens = (EXTRA_OPEN, *tokens, EXTRA_CLOSE)
    return ATOM, ("(", *tokens, ")")


@st.composite
def postfixes(draw: st.DrawFn, inner: st.SearchStrategy[Expression]) -> Expression:
    called = at_least(ATOM, draw(inner))
    is_call, with_operator = draw(st.booleans()), draw(st.booleans())
    if not is_call:
        return ATOM, (*called, "[", *draw(inner)[1], "]")
    arguments = [tokens for _, tokens in draw(st.lists(inner, max_size=3))]
    if with_operator:
        arguments.append(("==",))
    return ATOM, (*called, "(", *separated(arguments), ")")


@st.composite
def displays(draw: st.DrawFn, inner: st.SearchStrategy[Expression]) -> Expression:
    is_dict = draw(st.booleans())
    opening, closing = "{}" if is_dict else "[]"
    items = [
        (*tokens, ":", *draw(inner)[1]) if is_dict else tokens
        for _, tokens in draw(st.lists(inner, max_size=3))
    ]
    trailing = bool(items) and draw(st.booleans())
    return ATOM, (opening, *separated(items, trailing=trailing), closing)


@st.composite
def comprehensions(draw: st.DrawFn, inner: st.SearchStrategy[Expression]) -> Expression:
    is_dict = draw(st.booleans())
    opening, closing = "{}" if is_dict else "[]"
    element = (*draw(inner)[1], ":", *draw(inner)[1]) if is_dict else draw(inner)[1]
    loop = ("for", *draw(TARGETS), "in", *at_least(OR, draw(inner)))
    condition = ("if", *at_least(OR, draw(inner))) if draw(st.booleans()) else ()
    return ATOM, (opening, *element, *loop, *condition, closing)


TARGETS = st.lists(NAMES, min_size=1, max_size=3).map(lambda ns: separated([(n,) for n in ns]))
LEAVES: st.SearchStrategy[Expression] = (NAMES | LITERALS).map(lambda token: (ATOM, (token,)))
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        binaries(inner),
        binaries(inner),
        unaries(inner),
        conditionals(inner),
        in_parentheses(inner),
        postfixes(inner),
        displays(inner),
        comprehensions(inner),
    ),
    max_leaves=12,
)
VALUES = st.lists(EXPRESSIONS, min_size=1, max_size=2).map(
    lambda values: separated([tokens for _, tokens in values])
)


@st.composite
def simple_statements(draw: st.DrawFn) -> Tokens:
    kind = draw(st.sampled_from(["assignment", "return", "expression", "load", "directive"]))
    if kind == "directive":
        return (draw(st.sampled_from(DIRECTIVES)),)
    if kind == "load":
        return ("load", "'a library'", ";")
    if kind == "return":
        return ("return", *draw(VALUES), ";")
    if kind == "expression":
        return (*draw(EXPRESSIONS)[1], ";")
    return (*draw(TARGETS), "=", *draw(VALUES), ";")


@st.composite
def blocks(draw: st.DrawFn, inner: st.SearchStrategy[Tokens]) -> Tokens:
    body = [token for tokens in draw(st.lists(inner, max_size=3)) for token in tokens]
    if draw(st.booleans()):
        return ("for", *draw(TARGETS), "in", *draw(EXPRESSIONS)[1], "{", *body, "}")
    parameters = draw(TARGETS) if draw(st.booleans()) else ()
    return ("def", draw(NAMES), "(", *parameters, ")", "{", *body, "}")


@st.composite
def entries(draw: st.DrawFn) -> Tokens:
    left, right = draw(EXPRESSIONS), draw(st.none() | EXPRESSIONS)
    return (*at_least(SIGN, left), *(("is", *at_least(SIGN, right)) if right else ()))


@st.composite
def headers(draw: st.DrawFn) -> Tokens:
    tokens: list[str] = []
    for _ in range(draw(st.integers(0, 3))):
        tokens += [draw(NAMES), *separated(draw(st.lists(entries(), min_size=1, max_size=3))), ";"]
    return ("program", "p", "{", *tokens, "}")


STATEMENTS = st.recursive(simple_statements(), blocks, max_leaves=4)


@st.composite
def programs(draw: st.DrawFn) -> Tokens:
    """All tokens of a program."""
    header = draw(headers()) if draw(st.booleans()) else ()
    statements = draw(st.lists(STATEMENTS, max_size=4))
    return (*header, *(token for statement in statements for token in statement))


# --- what stands between tokens --------------------------------------------------------------

SPACES = ["", " ", " ", " ", "  ", "\t", " \f "]
BREAKS = ["\n", "\r\n    ", "\n\n", " \n \n\n  "]
COMMENTS = [
    " # {}\n",
    "#{}  \r\n",
    "\n  # {}\n",
    "\n\n#{}\n\n",
    "  # {}\n     # {}\n  # {}\n\t# {}\n",
]
AFTER_DIRECTIVE = ["\n", "\n\n\n", " \n# {}\n"]


@dataclass(frozen=True)
class Text:
    """A program as someone might have written it."""

    text: str
    tokens: tuple[str, ...]
    """Its tokens without needless parentheses."""
    comments: tuple[str, ...]
    """Its comments, no two alike."""


def written(tokens: Tokens, gaps: list[str]) -> Text:
    """The tokens, each after its gap, and a gap at the end."""
    text = ""
    comments: list[str] = []
    for token, gap in zip((*tokens, ""), gaps, strict=True):
        while "{}" in gap:
            comments.append(f"# no. {len(comments)} \t;(")
            gap = gap.replace("# {}", comments[-1], 1).replace("#{}", comments[-1], 1)
        symbol = token.strip("extra") if token in (EXTRA_OPEN, EXTRA_CLOSE) else token
        needs_space = not gap and re.search(r"\w\Z", text) and re.match(r"\w", symbol)
        text += (" " if needs_space else gap) + symbol
    kept = tuple(token for token in tokens if token not in (EXTRA_OPEN, EXTRA_CLOSE))
    return Text(text, kept, tuple(comments))


@st.composite
def texts(draw: st.DrawFn, between: list[str], after_directive: list[str]) -> Text:
    """Programs with any of these between their tokens."""
    tokens = draw(programs())
    gaps = [
        draw(st.sampled_from(after_directive if token in DIRECTIVES else between))
        for token in ("", *tokens)
    ]
    return written(tokens, gaps)

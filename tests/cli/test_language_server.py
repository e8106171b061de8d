"""What the language server understands of a text, without the protocol around it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol.types import Diagnostic, Position

from rinject.cli.language_server.completion import completions, signature_help
from rinject.cli.language_server.diagnostics import diagnostics_of
from rinject.cli.language_server.documents import Document, understand
from rinject.cli.language_server.facts import facts_of
from rinject.cli.language_server.hover import hover, in_short
from rinject.cli.language_server.symbols import definition, occurrences, outline, rename
from rinject.cli.language_server.texts import Text, utf16_units
from rinject.cli.language_words import FIELDS, FUNCTIONS, SOPS, library
from rinject.errors import InputError
from rinject.lang import SourceError, load_program
from rinject.lang.builder import Builder
from rinject.lang.builtins import language_scope
from rinject.lang.diagnostics import Span
from rinject.lang.values import BuiltinRef

TEXTS = st.text(st.sampled_from("ab§😀 #\"'\\\n\r;(){}="), max_size=30)
FRAGMENTS = [
    *"(){}[];,=+<\"'#\\ \n",
    *("def ", "return ", "for ", " in ", " if ", " else ", "x", "f", "f(x)", "x = ", "x = 1;\n"),
    *("select(tokens, x, ==)", "max(x, 1)", "[a for a in x]", "{1: x}", "load ", '"f"', "😀"),
    *(
        "program p {",
        "vocabulary ",
        "output x;",
        "longest 3;",
        "named(",
        "tokens",
        "\r\n",
        "\u2028",
    ),
]
HEADER = 'program p { vocabulary "a", "b"; longest 4; output out; }\n'


def opened(source: str) -> Document:
    return understand(source, "untitled:1")


def labels(source: str, offset: int | None = None) -> set[str]:
    """What is offered at a place, by default at the end."""
    return {
        one.label for one in completions(opened(source), len(source) if offset is None else offset)
    }


def shown(source: str) -> list[Diagnostic]:
    """Its diagnostics, as the protocol has them."""
    document = opened(source)
    return [one for _, one in diagnostics_of(document, document.analysis.diagnostics, str)]


# --- places ----------------------------------------------------------------------------------


@given(TEXTS, st.data())
def test_every_offset_has_its_position_and_its_place(source: str, data: st.DataObject) -> None:
    text = Text(source)
    offset = data.draw(st.integers(0, len(source)))
    if source[max(0, offset - 1) : offset + 1] != "\r\n":  # a line end is one place
        assert text.offset_at(text.position(offset)) == offset
    assert text.offset(*text.place(offset)) == offset


@given(TEXTS, st.integers(0, 9), st.integers(0, 40))
def test_every_position_has_its_offset(source: str, line: int, character: int) -> None:
    text = Text(source)
    found = text.position(text.offset_at(Position(line, character)))
    assert (found.line, found.character) <= (line, character + 1)  # never inside of a character


def test_positions_count_in_utf16() -> None:
    text = Text("§😀 x\r\ny")
    assert text.position(3) == Position(0, 4)
    assert text.range(Span("", 1, 4, 2, 2)).end == Position(1, 1)
    assert utf16_units("§😀") == 3
    in_characters = Text("§😀 x", len)
    assert in_characters.position(3) == Position(0, 3)


def test_words_comments_and_strings() -> None:
    text = Text('ab = "c # d"; # e "f')
    assert text.source[slice(*text.word(1))] == "ab"
    assert text.word(4) == (4, 4)
    assert text.masked() == "ab = " + '"' * 7 + "; " + " " * 6
    assert [text.is_opaque(place) for place in (3, 7, 12, 16, 20)] == [
        False,
        True,
        False,
        True,
        True,
    ]


# --- any text --------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join), st.data())
def test_any_text_can_be_asked_about(source: str, data: st.DataObject) -> None:
    document = opened(source)
    offset = data.draw(st.integers(0, len(source)))
    for found in shown(source):
        assert found.range.start <= found.range.end
    for span in occurrences(document, offset):
        assert document.text.offset(span.line, span.column) <= len(source)
    completions(document, offset)
    signature_help(document, offset)
    hover(document, offset, {})
    definition(document, offset)
    outline(document)


@pytest.mark.parametrize(
    "source", ["x = " + "(" * 3000 + ";", "[" * 3000, "x = " + "-" * 3000, "1 + " * 3000 + "y;"]
)
def test_deep_texts_are_understood(source: str) -> None:
    assert opened(source).analysis.diagnostics
    assert occurrences(opened(source), 0) is not None


def test_a_text_that_is_too_long() -> None:
    [found] = opened("#" * 600_000).analysis.diagnostics
    assert "too many" in found.message


# --- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        "y = sel",
        "y = select(tokens,",
        "y = select(tokens,\n   tok",
        "def g(z) {",
        "y = (1;",
        '"',
        "}",
    ],
)
def test_the_rest_of_a_text_with_a_syntax_error_is_understood(broken: str) -> None:
    source = f"before = indices;\n{broken}\nafter = before + 1;\n"
    document = opened(source)
    assert document.analysis.program is None
    assert {"before", "after"} <= labels(source)
    assert [span.line for span in occurrences(document, 0)] == [1, len(source.split("\n")) - 1]


def test_the_end_of_a_line_is_shown_by_its_last_character() -> None:
    [found] = shown("x = tokens\ny = 1;")
    assert str(found.range) == "0:9-0:10"


# --- names -----------------------------------------------------------------------------------


def test_what_can_be_written_depends_on_the_place() -> None:
    source = "def f(parameter) { local = parameter; return local; }\ny = f(1);\n"
    assert {"parameter", "f", "tokens", "select", "max", "for"} <= labels(
        source, source.index("local;")
    )
    assert not {"parameter", "local"} & labels(source)
    assert labels('x = "', 5) == set()
    assert labels("# x") == set()
    assert "element" in labels("x = [element for element in [1]];", 6)


def test_the_program_block_offers_its_fields() -> None:
    source = (
        "program p {\n  \n  attention \n  output \n}\na = 1; b = indices;\nfor i in [1] { c = b; }"
    )
    assert labels(source, 14) == set(FIELDS)
    broken = source.replace("attention", "attention ;").replace("output", "output ;")
    assert labels(broken, broken.index(" ;") + 1) == {"causal", "full"}
    assert labels(broken, broken.rindex(" ;") + 1) == {"b"}


def test_a_redefined_name_of_the_language_is_offered_once() -> None:
    found = completions(opened("length = 3;\n"), 12)
    assert [one.detail for one in found if one.label == "length"] == ["a number, 3"]


def test_calls_show_their_parameters() -> None:
    source = "def f(first, second) { return first + second; }\nx = f(max(1, 2), [3, "
    shown = signature_help(opened(source), len(source))
    assert shown is not None
    assert (shown.signatures[0].label, shown.active_parameter) == ("f(first, second)", 1)
    inner = signature_help(opened(source), source.index("1, 2"))
    assert inner is not None
    assert inner.signatures[0].label == "max(a, b)"
    assert signature_help(opened(source), 3) is None


def test_names_belong_together_by_their_scopes() -> None:
    source = "x = 1;\ndef f(x) { return x; }\ny = [x for x in [x]];\nz = f(x);\n"
    document = opened(source)
    assert [span.line for span in occurrences(document, 0)] == [1, 3, 4]
    assert [span.line for span in occurrences(document, source.index("x)"))] == [2, 2]
    assert len(occurrences(document, source.index("x for"))) == 2


def test_an_outer_name_is_read_until_a_function_has_its_own() -> None:
    source = "x = 1;\ndef f() { y = x; x = 2; return x + y; }\nz = f();\n"
    assert len(occurrences(opened(source), 0)) == 2


def test_code_that_never_runs_is_renamed_too() -> None:
    source = "x = 1;\nfor i in [] { y = x; }\n"
    assert len(rename(opened(source), 0, "other")) == 2


@pytest.mark.parametrize(
    ("place", "new", "problem"),
    [
        (0, "1x", "not a name"),
        (0, "for", "not a name"),
        (0, "select", "belongs to the language"),
        (0, "y", "already"),
        (2, "z", "no name here"),
        (11, "z", "not defined in this file"),
    ],
)
def test_names_that_cannot_be_changed(place: int, new: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        rename(opened("x = 1; y = tokens;"), place, new)


# --- facts -----------------------------------------------------------------------------------


def test_facts_of_the_output_of_others_and_of_what_is_too_large() -> None:
    program = load_program(
        text=HEADER + "out = selector_width(select(tokens, tokens, ==)); beside = indices + 1;\n"
        "a = aggregate(full_s, indices); b = aggregate(full_s, a); huge = aggregate(full_s, b * a);"
        "above = huge + 1;"
    )
    facts = {name: facts_of(program).get(id(sop)) for name, sop in program.sops.items()}
    out, beside = facts["out"], facts["beside"]
    assert out is not None
    assert (out.values, out.layer) == ((1, 2, 3, 4), 1)
    assert beside is not None
    assert (beside.values, beside.layer) == ((1, 2, 3, 4), None)


def test_a_program_without_a_header_has_no_facts() -> None:
    assert facts_of(load_program(text="x = indices;")) == {}


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (range(49), "`0` to `48` (49)"),
        ((False, True), "`False`, `True` (2)"),
        ((0, 2, 4), "`0`, `2`, `4` (3)"),
        ("abcdefghijklmnop", ", … (16)"),
        ((), "none (0)"),
    ],
)
def test_value_sets_are_short(values: tuple[object, ...], shown: str) -> None:
    assert in_short(tuple(values)).endswith(shown)


# --- words -----------------------------------------------------------------------------------


def test_every_name_of_the_language_is_described() -> None:
    bindings = language_scope(Builder()).bindings
    functions = {name for name, one in bindings.items() if isinstance(one.value, BuiltinRef)}
    assert set(FUNCTIONS) == functions
    assert set(SOPS) == set(bindings) - functions
    assert all(word.text for words in (FUNCTIONS, SOPS, library()) for word in words.values())


def test_every_field_is_described() -> None:
    with pytest.raises(SourceError) as caught:
        load_program(text="program p { zzzzzz 1; }")
    hint = next(one.hint for one in caught.value.diagnostics if one.code == "unknown-field")
    assert hint == f"the fields are {', '.join(FIELDS)}"
    with pytest.raises(SourceError) as caught:
        load_program(text="program p { }")
    assert caught.value.diagnostics[0].hint == f"add {' '.join(_needed())}"


def _needed() -> list[str]:
    return [f"`{FIELDS[name].signature}`" for name in ("vocabulary", "longest", "output")]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_signatures_take_as_many_arguments_as_the_functions(name: str) -> None:
    most = 8 if name == "zip" else len(FUNCTIONS[name].parameters)
    with pytest.raises(SourceError) as caught:
        load_program(text=f"x = {name}({', '.join(['indices'] * (most + 1))});")
    message = caught.value.diagnostics[0].message
    assert caught.value.diagnostics[0].code == "wrong-number-of-arguments"
    assert str(most) in message


def test_the_server_needs_none_of_the_heavy_packages() -> None:
    module = "rinject.cli.language_server.features"
    program = f"import sys, {module} as f; f.create_server(); print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"torch", "jax", "transformers"} & set(ran.stdout.split())


def test_a_document_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "ä b.rasp"
    document = understand("x = tokns;", path.as_uri())
    assert document.path == path
    assert document.analysis.diagnostics[0].span.file == str(path)

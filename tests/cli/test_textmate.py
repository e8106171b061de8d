"""The TextMate grammar of examples/editors: its patterns, its words, and the scopes of a sample."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import regex  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from textmate_engine import Engine

from rinject.cli.language_words import FIELDS, FUNCTIONS, SOPS, STATEMENT_WORDS, library
from rinject.lang.parser import grammar

ROOT = Path(__file__).parents[2]
EDITORS = ROOT / "examples" / "editors"
GRAMMAR = json.loads((EDITORS / "rasp.tmLanguage.json").read_text(encoding="utf-8"))
FOLDER = Path(__file__).parent / "textmate"
ENGINE = Engine(GRAMMAR)
PROGRAMS = sorted((ROOT / "programs").rglob("*.rasp"))


def patterns(node: Any) -> Iterator[str]:
    """Every regular expression of the grammar."""
    if isinstance(node, list):
        for item in node:
            yield from patterns(item)
    elif isinstance(node, dict):
        yield from (node[key] for key in ("match", "begin", "end") if key in node)
        for item in node.values():
            yield from patterns(item)


def includes(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from includes(item)
    elif isinstance(node, dict):
        if "include" in node:
            yield node["include"].removeprefix("#")
        for item in node.values():
            yield from includes(item)


def innermost(text: str) -> list[tuple[str, str]]:
    """The pieces of one line, each with its innermost scope; no blanks between them."""
    [tokens] = ENGINE.tokens(text)
    return [(piece, scopes[-1]) for piece, scopes in tokens if piece.strip()]


def scope(word: str) -> str:
    """The scope of a word by itself."""
    [(piece, found)] = innermost(word)
    assert piece == word
    return found


# --- the file --------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", sorted(set(patterns(GRAMMAR))))
def test_every_pattern_compiles(pattern: str) -> None:
    regex.compile(pattern)


def test_every_part_is_there_and_used() -> None:
    assert set(includes(GRAMMAR)) == set(GRAMMAR["repository"])


def test_the_extension_for_vs_code_fits_the_grammar_and_the_server() -> None:
    folder = EDITORS / "vscode"
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    gives = package["contributes"]
    [language], [highlighting] = gives["languages"], gives["grammars"]
    assert highlighting["scopeName"] == GRAMMAR["scopeName"]
    assert highlighting["language"] == language["id"]
    assert [suffix[1:] for suffix in language["extensions"]] == GRAMMAR["fileTypes"]
    assert (EDITORS / highlighting["path"]).is_file()  # packaging copies it into the folder
    assert (folder / package["main"]).is_file()
    [command] = gives["configuration"]["properties"].values()
    assert command["default"] == ["rinject", "lsp"]
    settings = json.loads((folder / language["configuration"]).read_text(encoding="utf-8"))
    assert settings["comments"] == {"lineComment": "#"}
    regex.compile(settings["wordPattern"])


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize("word", STATEMENT_WORDS)
def test_keywords(word: str) -> None:
    assert scope(word).startswith(("keyword.", "storage.", "constant.language."))


def test_no_keyword_of_the_grammar_is_left_out() -> None:
    fixed = {str(one.pattern.value) for one in grammar().terminals if one.pattern.type == "str"}
    assert {word for word in fixed if word.isalpha()} == set(STATEMENT_WORDS)
    for symbol in fixed - set(STATEMENT_WORDS):
        assert scope(symbol).startswith(("keyword.operator.", "punctuation."))


@pytest.mark.parametrize("symbol", ["==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "^"])
def test_operators(symbol: str) -> None:
    assert scope(symbol).startswith("keyword.operator.")


@pytest.mark.parametrize("name", sorted({*FUNCTIONS, *SOPS, *library()}))
def test_names_of_the_language(name: str) -> None:
    kinds = [("function.builtin", FUNCTIONS), ("function.library", library()), ("variable", SOPS)]
    [kind] = [kind for kind, names in kinds if name in names]
    assert scope(name) == f"support.{kind}.rasp"
    assert scope(f"{name}_2") == "variable.other.rasp"


@pytest.mark.parametrize("name", FIELDS)
def test_fields_stand_in_the_program_block_only(name: str) -> None:
    pieces = dict(innermost(f"program p {{ {FIELDS[name].signature} }}"))
    assert pieces[name] == "support.type.property-name.rasp"
    assert scope(name) != "support.type.property-name.rasp"


@pytest.mark.parametrize(
    "line",
    [
        'set example "hello"',
        "show s-op example",
        "selector examples on",
        "full seq display off",
        "quit()",
    ],
)
def test_directives(line: str) -> None:
    assert scope(line) == "keyword.other.directive.rasp"


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True))
def test_any_name_is_one_token(name: str) -> None:
    assert len(innermost(name)) == 1


# --- whole texts -----------------------------------------------------------------------------


def test_the_scopes_of_a_sample(request: pytest.FixtureRequest) -> None:
    golden, shown = FOLDER / "sample.txt", "\n".join(_shown()) + "\n"
    if request.config.getoption("--update-golden"):
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


def _shown() -> Iterator[str]:
    """Each line, and under it its pieces with their scopes but the first, which all have."""
    text = (FOLDER / "sample.rasp").read_text(encoding="utf-8")
    for line, tokens in zip(text.splitlines(), ENGINE.tokens(text), strict=True):
        yield f"> {line}"
        for piece, scopes in tokens:
            if piece.strip():
                yield f"    {piece.strip()}  {' '.join(scopes[1:])}".rstrip()


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_every_character_of_the_programs_has_a_scope(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for line, tokens in zip(text.splitlines(), ENGINE.tokens(text), strict=True):
        assert "".join(piece for piece, _ in tokens) == line
        for piece, scopes in tokens:
            assert not piece.strip() or len(scopes) > 1, f"{path}: {piece!r}"
            assert not any("invalid" in one for one in scopes)

"""The language server in its own process, asked by a client over stdin and stdout."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

from rinject import __version__
from rinject.cli.main import main
from rinject.lang.files import LIBRARY

PATIENCE = 60  # seconds, on a machine that does much else
T = TypeVar("T")
PROGRAM = """\
# A few variables.
program small {
    vocabulary "a", "b";
    longest    4;
    output     result;
}

# How many there are
# of the token so far.
seen = count(tokens, "a");

def twice(x) {
    return x + x;
}
result = twice(seen) > 2;
"""


class Editor:
    """A client with one server."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._published: list[types.PublishDiagnosticsParams] = []
        self._documents = 0
        self.client = LanguageClient("tests", "1")
        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(
            lambda params: self._published.append(params)
        )
        self.wait(self.client.start_io(sys.executable, "-m", "rinject", "lsp"))
        params = types.InitializeParams(capabilities=types.ClientCapabilities())
        self.greeting = self.wait(self.client.initialize_async(params))
        self.client.initialized(types.InitializedParams())

    def wait(self, answer: Coroutine[Any, Any, T]) -> T:
        """What a request or another wait results in."""
        return self._runner.run(asyncio.wait_for(answer, PATIENCE))

    # --- documents -------------------------------------------------------------------------

    def open(self, text: str, path: Path | None = None) -> Buffer:
        """Opens a text as the content of a file, or as that of none."""
        self._documents += 1
        uri = f"untitled:{self._documents}" if path is None else path.as_uri()
        self._published = []
        item = types.TextDocumentItem(uri, "rasp", 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return Buffer(self, uri, text)

    def diagnostics(self, uri: str, version: int | None) -> list[types.Diagnostic]:
        """The next that are published for a version of a document."""
        return self.wait(self._next(uri, version))

    async def _next(self, uri: str, version: int | None) -> list[types.Diagnostic]:
        while True:
            for params in self._published:
                if (params.uri, params.version) == (uri, version):
                    self._published.remove(params)
                    return list(params.diagnostics)
            await asyncio.sleep(0.01)

    # --- the end ---------------------------------------------------------------------------

    def stop(self, *, properly: bool = True) -> tuple[int | None, str]:
        """Ends the server; its exit code and what it wrote to stderr."""
        if properly:
            self.wait(self.client.shutdown_async(None))
        self.client.exit(None)
        self.wait(self.client.stop())
        server = self.client._server
        assert server is not None
        assert server.stderr is not None
        errors = self.wait(server.stderr.read()).decode()
        self._runner.close()
        return server.returncode, errors


class Buffer:
    """A document that is open in the editor."""

    def __init__(self, editor: Editor, uri: str, text: str) -> None:
        self.editor, self.client, self.uri, self.text = editor, editor.client, uri, text
        self.version = 1
        self.name = types.TextDocumentIdentifier(uri)

    def diagnostics(self) -> list[types.Diagnostic]:
        """Those of the text as it is now."""
        return self.editor.diagnostics(self.uri, self.version)

    def change(self, text: str) -> None:
        """Another text."""
        self.version, self.text = self.version + 1, text
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(self.version, self.uri),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    def save(self) -> None:
        self.client.text_document_did_save(types.DidSaveTextDocumentParams(self.name))

    def close(self) -> None:
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(self.name))

    def at(self, words: str, skip: int = 0) -> types.Position:
        """The position of the first place where words stand; all of them are ASCII."""
        before = self.text[: self.text.index(words) + skip]
        return types.Position(before.count("\n"), len(before) - before.rfind("\n") - 1)

    def hover(self, words: str, skip: int = 0) -> str:
        """What is shown about the word there."""
        params = types.HoverParams(self.name, self.at(words, skip))
        found = self.editor.wait(self.client.text_document_hover_async(params))
        if found is None:
            return ""
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value

    def completion(self, position: types.Position) -> dict[str, types.CompletionItem]:
        params = types.CompletionParams(self.name, position)
        found = self.editor.wait(self.client.text_document_completion_async(params))
        assert isinstance(found, list | tuple)
        return {item.label: item for item in found}

    def definition(self, words: str, skip: int = 0) -> types.Location | None:
        params = types.DefinitionParams(self.name, self.at(words, skip))
        found = self.editor.wait(self.client.text_document_definition_async(params))
        assert isinstance(found, types.Location | None)
        return found

    def formatted(self) -> str:
        """The text after its formatting."""
        options = types.FormattingOptions(tab_size=4, insert_spaces=True)
        params = types.DocumentFormattingParams(self.name, options)
        edits = self.editor.wait(self.client.text_document_formatting_async(params)) or ()
        return self.edited(edits)

    def edited(self, edits: Any) -> str:
        """The text after some edits; it is ASCII."""
        text = self.text
        for edit in sorted(edits, key=lambda one: one.range.start, reverse=True):
            start, end = self._offset(edit.range.start), self._offset(edit.range.end)
            text = text[:start] + edit.new_text + text[end:]
        return text

    def _offset(self, position: types.Position) -> int:
        lines = self.text.split("\n")
        return sum(len(line) + 1 for line in lines[: position.line]) + position.character


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    editor = Editor()
    yield editor
    code, errors = editor.stop()
    assert (code, errors) == (0, "")


def said_of(name: str) -> str:
    """The line above a function of the library."""
    before, _, _ = LIBRARY.read_text().partition(f"\ndef {name}(")
    return before.split("\n")[-1].removeprefix("# ")


def place(line: int, start: int, end: int) -> types.Range:
    return types.Range(types.Position(line, start), types.Position(line, end))


# --- the protocol ----------------------------------------------------------------------------


def test_the_server_introduces_itself(editor: Editor) -> None:
    server, can = editor.greeting.server_info, editor.greeting.capabilities
    assert server is not None
    assert (server.name, server.version) == ("rinject", __version__)
    assert can.position_encoding == "utf-16"
    assert can.hover_provider
    assert can.completion_provider
    assert can.definition_provider
    assert can.document_formatting_provider


def test_a_server_that_was_not_shut_down_says_so() -> None:
    code, errors = Editor().stop(properly=False)
    assert (code, errors) == (1, "")


def test_the_help_says_how_editors_start_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lsp", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Example: rinject lsp" in shown
    assert "JSON-RPC" in shown
    assert "vim.lsp.config" in shown


# --- diagnostics -----------------------------------------------------------------------------


def test_a_mistake_is_shown_where_the_editor_counts_it(editor: Editor) -> None:
    [found] = editor.open('x = "§😀"; y = tokns;').diagnostics()
    assert found.range == place(0, 15, 20)  # the emoji takes two
    assert found.message == "unknown name `tokns`\nhint: did you mean `tokens`?"
    assert (found.code, found.source) == ("unknown-name", "rinject")
    assert found.severity == types.DiagnosticSeverity.Error


def test_diagnostics_follow_the_text(editor: Editor) -> None:
    buffer = editor.open("x = tokns;")
    assert len(buffer.diagnostics()) == 1
    buffer.change("x = tokens")
    [found] = buffer.diagnostics()
    assert (found.code, found.range) == ("missing-semicolon", place(0, 9, 10))
    buffer.change("x = tokens;")
    assert buffer.diagnostics() == []


def test_quick_changes_end_with_the_last(editor: Editor) -> None:
    buffer = editor.open("x = tokens;")
    for count in range(5):
        buffer.change(f"x = oops{count};")
    assert [found.message for found in buffer.diagnostics()] == ["unknown name `oops4`"]


def test_warnings_and_notes(editor: Editor) -> None:
    buffer = editor.open(PROGRAM + "spare = [1];\n")
    [warning] = buffer.diagnostics()
    assert warning.severity == types.DiagnosticSeverity.Warning
    assert list(warning.tags or ()) == [types.DiagnosticTag.Unnecessary]
    buffer.change("def f(x) { return x + full_s; }\ny = f(1);")
    [error] = buffer.diagnostics()
    assert error.related_information is not None
    [note] = error.related_information
    assert note.message == "in this call of `f`"
    assert note.location == types.Location(buffer.uri, place(1, 4, 8))


def test_what_is_too_large_to_compile_is_a_warning(editor: Editor) -> None:
    text = PROGRAM.replace("longest    4", "longest    400") + (
        "first = aggregate(full_s, indices);\nsecond = aggregate(full_s, first);\n"
    )
    found = editor.open(text.replace("output     result", "output     second")).diagnostics()
    assert "too-many-values" in {one.code for one in found}


def test_a_mistake_in_a_loaded_file_is_shown_there(editor: Editor, tmp_path: Path) -> None:
    part = tmp_path / "part.rasp"
    part.write_text("y = 1;\nz = tokns;\n")
    buffer = editor.open('load "part";\nx = y;\n', tmp_path / "whole.rasp")
    assert buffer.diagnostics() == []
    [found] = editor.diagnostics(part.as_uri(), None)
    assert found.range == place(1, 4, 9)
    part.write_text("y = 1;\n")
    buffer.save()
    assert editor.diagnostics(part.as_uri(), None) == []
    buffer.close()
    assert editor.diagnostics(buffer.uri, None) == []


def test_an_open_file_shows_a_mistake_once(editor: Editor, tmp_path: Path) -> None:
    part = tmp_path / "ein teil ä.rasp"
    part.write_text("z = tokns;\n")
    whole = editor.open('load "ein teil ä";\n', tmp_path / "das ganze.rasp")
    assert len(editor.diagnostics(part.as_uri(), None)) == 1
    opened = editor.open(part.read_text(), part)
    assert len(opened.diagnostics()) == 1
    opened.change("z = tokens;\n")  # what the other file still reads on the disk is hidden
    whole.save()
    assert opened.diagnostics() == []


def test_odd_texts_do_no_harm(editor: Editor) -> None:
    for text in (
        "",
        "\x00",
        "\u2028",
        "(" * 5000,
        "\r\r\n",
        "program p {",
        '"😀',
        "load ",
    ):
        buffer = editor.open(text)
        buffer.diagnostics()
        buffer.completion(types.Position(0, 1))
        assert buffer.formatted() is not None
    assert len(editor.open("x = tokns;").diagnostics()) == 1


# --- hover -----------------------------------------------------------------------------------


def test_hover_shows_type_values_and_layer(editor: Editor) -> None:
    buffer = editor.open(PROGRAM)
    shown = buffer.hover("seen =")
    assert "variable: an s-op of whole numbers" in shown
    assert "How many there are\nof the token so far." in shown
    assert "**values** `0` to `4` (5)" in shown
    assert "**in the residual stream** from layer 1 on" in shown
    assert "`False`, `True` (2)" in buffer.hover("result;")
    assert "from the embedding on" in buffer.hover("tokens,")


def test_hover_on_other_names(editor: Editor) -> None:
    buffer = editor.open(PROGRAM)
    assert said_of("count") in buffer.hover("count(")
    assert "twice(x)" in buffer.hover("twice(seen")
    assert "parameter: an s-op of whole numbers, named `seen`" in buffer.hover("x)")
    assert "The most tokens it reads." in buffer.hover("longest")
    assert buffer.hover("vocabulary", skip=-2) == ""
    other = editor.open("width = selector_width(full_s);")
    assert "How many positions each position selects." in other.hover("selector_width")
    assert "every position selects every position" in other.hover("full_s")


def test_hover_with_mistakes_around(editor: Editor) -> None:
    buffer = editor.open(PROGRAM + "wrong = tokns;\nunfinished = (seen")
    assert "variable: an s-op of whole numbers" in buffer.hover("seen =")
    assert "variable: not known" in buffer.hover("wrong")


# --- completion ------------------------------------------------------------------------------


def test_completion_offers_names_functions_and_keywords(editor: Editor) -> None:
    buffer = editor.open(PROGRAM + "more = se")
    found = buffer.completion(buffer.at("more = se", skip=9))
    assert {"seen", "result", "twice", "select", "count", "tokens", "for"} <= set(found)
    assert found["seen"].detail == "an s-op of whole numbers"
    assert found["aggregate"].detail == "aggregate(selector, values[, default])"
    assert found["twice"].kind == types.CompletionItemKind.Function
    documentation = found["count"].documentation
    assert isinstance(documentation, types.MarkupContent)
    assert documentation.value == said_of("count")


def test_completion_knows_where_it_is(editor: Editor) -> None:
    buffer = editor.open(PROGRAM)
    assert "x" in buffer.completion(buffer.at("return x", skip=7))
    assert "x" not in buffer.completion(buffer.at("result ="))
    assert "attention" in buffer.completion(buffer.at("longest"))
    assert "select" not in buffer.completion(buffer.at("longest"))
    assert set(buffer.completion(buffer.at("result;"))) == {"seen", "result"}
    assert buffer.completion(buffer.at('"a")', skip=1)) == {}


def test_signatures(editor: Editor) -> None:
    buffer = editor.open(PROGRAM)
    params = types.SignatureHelpParams(buffer.name, buffer.at('"a")'))
    found = editor.wait(buffer.client.text_document_signature_help_async(params))
    assert found is not None
    assert found.signatures[0].label == "count(seq, atom)"
    assert found.active_parameter == 1


# --- definitions, references -----------------------------------------------------------------


def test_definitions_of_own_names(editor: Editor) -> None:
    buffer = editor.open(PROGRAM)
    assert buffer.definition("seen)") == types.Location(buffer.uri, place(9, 0, 4))
    assert buffer.definition("result;") == types.Location(buffer.uri, place(14, 0, 6))
    assert buffer.definition("x + x") == types.Location(buffer.uri, place(11, 10, 11))
    assert buffer.definition("tokens,") is None


def test_definitions_in_the_library(editor: Editor) -> None:
    found = editor.open(PROGRAM).definition("count(")
    assert found is not None
    assert found.uri == LIBRARY.as_uri()
    line = LIBRARY.read_text().split("\n")[found.range.start.line]
    assert line.startswith("def count(")


def test_definitions_in_a_loaded_file(editor: Editor, tmp_path: Path) -> None:
    part = tmp_path / "part.rasp"
    part.write_text("# §😀\nother = 1;  y = 2;\n")
    buffer = editor.open('load "part";\nx = y;\n', tmp_path / "whole.rasp")
    assert buffer.definition("y;") == types.Location(part.as_uri(), place(1, 12, 13))
    assert buffer.definition('"part') == types.Location(part.as_uri(), place(0, 0, 0))
    assert "variable: a number, 2" in buffer.hover("y;")
    assert "y" in buffer.completion(types.Position(1, 4))
    buffer.change(buffer.text + "unfinished = (")
    assert buffer.definition("y;") == types.Location(part.as_uri(), place(1, 12, 13))


def test_references_and_renaming(editor: Editor) -> None:
    buffer = editor.open(PROGRAM)
    context = types.ReferenceContext(include_declaration=True)
    params = types.ReferenceParams(context, buffer.name, buffer.at("seen ="))
    found = editor.wait(buffer.client.text_document_references_async(params))
    assert [one.range.start.line for one in found or ()] == [9, 14]
    renaming = types.RenameParams(buffer.name, buffer.at("result;"), "answer")
    edit = editor.wait(buffer.client.text_document_rename_async(renaming))
    assert edit is not None
    assert edit.changes is not None
    assert buffer.edited(edit.changes[buffer.uri]) == PROGRAM.replace("result", "answer")


def test_a_name_that_is_taken_is_refused(editor: Editor) -> None:
    buffer = editor.open(PROGRAM)
    params = types.RenameParams(buffer.name, buffer.at("seen ="), "twice")
    with pytest.raises(JsonRpcException, match="there is a `twice` already"):
        editor.wait(buffer.client.text_document_rename_async(params))


def test_the_outline(editor: Editor) -> None:
    buffer = editor.open(PROGRAM)
    params = types.DocumentSymbolParams(buffer.name)
    found = editor.wait(buffer.client.text_document_document_symbol_async(params))
    assert [symbol.name for symbol in found or ()] == ["small", "seen", "twice", "result"]


# --- formatting ------------------------------------------------------------------------------


def test_formatting(editor: Editor) -> None:
    buffer = editor.open("x=1 ;\n\n\n\ny   = x+ 1;")
    assert buffer.formatted() == "x = 1;\n\ny = x + 1;\n"
    assert editor.open(PROGRAM).formatted() == PROGRAM
    assert editor.open("x=1 ;\r\ny=2;\r\n").formatted() == "x = 1;\r\ny = 2;\r\n"


def test_formatting_leaves_a_syntax_error_alone(editor: Editor) -> None:
    assert editor.open("x  = (1;").formatted() == "x  = (1;"

"""``rinject lsp``: the language server that editors start."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer

from rinject.cli.console import note

_EXAMPLE = (
    "Example: rinject lsp, started by an editor. In Neovim: "
    'vim.lsp.config("rasp", {cmd = {"rinject", "lsp"}, filetypes = {"rasp"}}) '
    'and vim.lsp.enable("rasp"). Other editors: examples/editors/README.md.'
)


def register(app: typer.Typer) -> None:
    app.command(epilog=_EXAMPLE)(lsp)


def lsp(
    stdio: Annotated[
        bool, typer.Option("--stdio", help="The default; some editors say so.", show_default=False)
    ] = True,
) -> None:
    """Serve editors: mistakes as you type, hover, completion, definitions, formatting.

    It speaks the Language Server Protocol, JSON-RPC, on stdin and stdout.
    """
    from rinject.cli.language_server.features import create_server

    if sys.stdin.isatty():
        note("waiting for an editor on stdin; Ctrl-D ends it")
    server, out = create_server(), sys.stdout.buffer
    with redirect_stdout(sys.stderr):  # a stray line would break the protocol
        server.start_io(sys.stdin.buffer, out)
    raise typer.Exit(0 if server.was_shut_down else 1)

"""The ``rinject`` command: runs a subcommand and turns its errors into messages and exit codes.

Exit codes: 0, done; 1, the work failed or was stopped; 2, the usage or an input was wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from rinject import __version__
from rinject.cli import (
    check,
    compile,
    compress,
    decode,
    draw,
    evaluate,
    export,
    fmt,
    inject,
    lsp,
    ood,
    probe,
    repl,
    report,
    reproduce,
    run,
    tokens,
)
from rinject.cli.console import show_error
from rinject.errors import RinjectError

CTRL_C = 130  # what Typer exits with

app = typer.Typer(
    name="rinject",
    help="Put the algorithm of a RASP program into a language model, and read it back out.",
    epilog="Example: rinject compile programs/shuffle_dyck.rasp",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (
    compile,
    compress,
    draw,
    export,
    run,
    repl,
    tokens,
    inject,
    decode,
    evaluate,
    ood,
    probe,
    report,
    reproduce,
    check,
    fmt,
    lsp,
)
for module in COMMANDS:
    module.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"rinject {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Put the algorithm of a RASP program into a language model, and read it back out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line (default: the process's own) and returns the exit code."""
    try:
        app(args=arguments, prog_name="rinject")
    except SystemExit as stop:
        if stop.code != CTRL_C:
            return stop.code if isinstance(stop.code, int) else 0
        show_error(RinjectError("stopped"))
    except RinjectError as error:
        show_error(error)
        return error.exit_code
    except OSError as error:
        show_error(RinjectError(f"{error.filename or 'the disk'}: {error.strerror or error}"))
    return 1

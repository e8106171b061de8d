"""Command-line options from a dataclass of settings: one for each field, its docstring the help."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from textwrap import dedent
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import typer

METAVARS: dict[Any, str] = {int: "N", int | None: "N", float: "X"}
Command = TypeVar("Command", bound=Callable[..., Any])


def with_setting_options(
    settings: type,
    choices: Mapping[str, tuple[str, ...]],
    defaults: Callable[[str], str],
    groups: Mapping[str, Sequence[str]],
    without: Collection[str] = (),
) -> Callable[[Command], Command]:
    """Replaces a command's ``**settings`` by one option for each field of the dataclass.

    Options that are not given arrive as None. ``choices`` names the fields that take one of a few
    words, which their docstrings name, ``defaults`` says in words what a field's default is, and
    ``groups`` which fields stand under which head of the help. Those in ``without`` get none.
    """
    docs, types = field_docs(settings), get_type_hints(settings)
    options = [
        _option(
            name,
            Literal[choices[name]] if name in choices else types[name],
            docs[name],
            defaults(name),
            group,
        )
        for group, names in groups.items()
        for name in names
        if name not in without
    ]

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        own = [p.replace(kind=p.KEYWORD_ONLY) for p in own]
        parameters = [*own, *options]
        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        return command

    return decorate


def field_docs(settings: type) -> dict[str, str]:
    """The docstring under each field of a dataclass, on one line."""
    (body,) = ast.parse(dedent(inspect.getsource(settings))).body
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for field, doc in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(doc, ast.Expr), f"{field.target.id} has no docstring"
            assert isinstance(doc.value, ast.Constant)
            docs[field.target.id] = " ".join(str(doc.value.value).split())
    return docs


def _option(name: str, kind: Any, doc: str, default: str, group: str) -> inspect.Parameter:
    flag = "--" + name.replace("_", "-")
    if kind is bool:
        flag += f"/--no-{flag[2:]}"
    option = typer.Option(
        flag,
        help=doc,
        show_default=default,
        rich_help_panel=group,
        # What a field takes would take the help's place in a narrow terminal.
        metavar=None if kind is bool else METAVARS.get(kind, "WORD"),
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )

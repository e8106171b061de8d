"""Frozen dataclasses from JSON, by their annotations, and back."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints


def to_json(value: Any) -> Any:
    """A dataclass, or a tuple of such, as JSON."""
    if isinstance(value, tuple):
        return [to_json(one) for one in value]
    return asdict(value)


def from_json(kind: Any, value: Any) -> Any:
    """What JSON describes: a dataclass with everything in it, or a tuple of such.

    Raises ValueError, naming the field, for what is missing, unknown or of another type. Known are
    dataclasses, tuples, dicts, what JSON has itself, and each of them or None.
    """
    return _made(kind, value, kind.__name__)


def _made(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _optional(arguments, value, where)
    if origin is tuple:
        return _tuple(arguments, value, where)
    if origin is dict:
        _check(isinstance(value, Mapping), value, where)
        return {key: _made(arguments[1], one, f"{where}.{key}") for key, one in value.items()}
    _check(_is_plain(kind, value), value, where)
    return kind(value) if kind is float else value


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    _check(isinstance(value, Mapping), value, where)
    wanted = {field.name for field in fields(kind)}
    for name in sorted(wanted.symmetric_difference(value)):
        problem = "is missing" if name in wanted else "is unknown"
        raise ValueError(f"{where}.{name} {problem}")
    hints = get_type_hints(kind)
    return kind(**{name: _made(hints[name], value[name], f"{where}.{name}") for name in wanted})


def _optional(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    """`X | None`."""
    (kind,) = (one for one in arguments if one is not types.NoneType)
    return None if value is None else _made(kind, value, where)


def _tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    _check(isinstance(value, list | tuple), value, where)
    if arguments[-1] is Ellipsis:
        return tuple(_made(arguments[0], one, f"{where}[{i}]") for i, one in enumerate(value))
    _check(len(value) == len(arguments), value, where)
    pairs = zip(arguments, value, strict=True)
    return tuple(_made(kind, one, f"{where}[{i}]") for i, (kind, one) in enumerate(pairs))


def _is_plain(kind: Any, value: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _check(holds: bool, value: Any, where: str) -> None:
    if not holds:
        raise ValueError(f"{where} cannot be {value!r}")

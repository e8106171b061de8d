"""A program changed into the nearest one that tracr does not refuse, to compare sizes only."""

from __future__ import annotations

from tracr.compiler import lib
from tracr.rasp import rasp

from rinject.lang.interpreter import dependencies


def adapted(output: rasp.SOp) -> rasp.SOp:
    """The s-op with None for every default, and a width that counts all tokens for `length`.

    Its values differ where nothing is selected; what is computed from what stays the same.
    """
    rebuilt: dict[int, rasp.RASPExpr] = {}
    for expr in dependencies([output]):
        rebuilt[id(expr)] = _adapted_node(expr, rebuilt)
    return rebuilt[id(output)]


def _adapted_node(expr: rasp.RASPExpr, rebuilt: dict[int, rasp.RASPExpr]) -> rasp.RASPExpr:
    if isinstance(expr, rasp.LengthType):
        return lib.make_length()
    new = expr.copy()
    for name, child in vars(expr).items():
        if isinstance(child, rasp.RASPExpr):
            setattr(new, name, rebuilt[id(child)])
    if isinstance(new, rasp.Aggregate):
        new.default = None
    return new if expr.children else expr

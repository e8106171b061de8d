"""Graphs as JSON and arrays, so that a bundle can run its program without its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rinject.errors import InputError
from rinject.graph.graph import Graph
from rinject.graph.nodes import (
    Aggregate,
    Elementwise,
    Indices,
    Joint,
    Node,
    Part,
    Refreshed,
    Selector,
    Tokens,
    Value,
    Width,
)
from rinject.graph.tables import Table

_KINDS: dict[str, type[Node]] = {
    "tokens": Tokens,
    "indices": Indices,
    "elementwise": Elementwise,
    "joint": Joint,
    "refreshed": Refreshed,
    "width": Width,
    "aggregate": Aggregate,
}
_KIND_OF = {kind: name for name, kind in _KINDS.items()}
_TAGS: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}


def value_to_json(value: Value) -> Any:
    """A value with its type, since JSON would merge 1 with True and a tuple with a list."""
    if value is None:
        return None
    if isinstance(value, tuple):
        return {"tuple": [value_to_json(part) for part in value]}
    tag = type(value).__name__
    if tag not in _TAGS:
        raise InputError(f"a value of type {tag} cannot be saved: {value!r}")
    return {tag: value if tag != "float" else value.hex()}


def value_from_json(record: Any) -> Value:
    """The value that :func:`value_to_json` wrote."""
    if record is None:
        return None
    ((tag, value),) = record.items()
    if tag == "tuple":
        return tuple(map(value_from_json, value))
    return float.fromhex(value) if tag == "float" else _TAGS[tag](value)


def to_record(graph: Graph) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """JSON-able structure and named arrays."""
    place = {node: index for index, node in enumerate(graph.nodes)}
    arrays: dict[str, np.ndarray] = {}
    nodes = [_node_record(node, place, arrays) for node in graph.nodes]
    return {
        "vocabulary": [value_to_json(value) for value in graph.vocab],
        "longest": graph.max_seq_len,
        "causal": graph.causal,
        "output": place[graph.output_node],
        "layers": {str(place[node]): layer for node, layer in graph.layers.items()},
        "nodes": nodes,
    }, arrays


def _node_record(
    node: Node, place: Mapping[Node, int], arrays: dict[str, np.ndarray]
) -> dict[str, Any]:
    key = f"node{place[node]}"
    record: dict[str, Any] = {
        "kind": _KIND_OF[type(node)],
        "name": node.name,
        "named": node.named,
        "formula": node.formula,
        "values": [value_to_json(value) for value in node.values],
        "inputs": [place[n] for n in node.inputs],
    }
    if isinstance(node, Elementwise):
        arrays[f"{key}.cells"] = node.table.cells
        for axis, classes in enumerate(node.table.classes):
            arrays[f"{key}.classes{axis}"] = classes
    if isinstance(node, Width | Aggregate):
        record["selector"] = node.selector.formula
        for index, part in enumerate(node.selector.parts):
            arrays[f"{key}.part{index}"] = part.table
    if isinstance(node, Aggregate):
        arrays[f"{key}.copies"] = node.copies
        record["default"] = node.default
        if node.numbers is not None:
            arrays[f"{key}.numbers"] = node.numbers
    return record


def from_record(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Graph:
    """Raises InputError when the record does not describe a graph."""
    try:
        nodes: list[Node] = []
        for index, entry in enumerate(record["nodes"]):
            nodes.append(_node(entry, f"node{index}", nodes, arrays))
        return Graph(
            vocab=tuple(map(value_from_json, record["vocabulary"])),
            max_seq_len=int(record["longest"]),
            causal=bool(record["causal"]),
            nodes=tuple(nodes),
            output_node=nodes[record["output"]],
            layers={nodes[int(place)]: layer for place, layer in record["layers"].items()},
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"the program's tables are damaged ({error!r})") from error


def _node(
    entry: Mapping[str, Any], key: str, nodes: list[Node], arrays: Mapping[str, np.ndarray]
) -> Node:
    values = tuple(map(value_from_json, entry["values"]))
    head = (entry["name"], values, entry["named"], entry["formula"])
    inputs = [nodes[i] for i in entry["inputs"]]
    kind = _KINDS[entry["kind"]]
    if issubclass(kind, Elementwise):
        classes = tuple(arrays[f"{key}.classes{axis}"] for axis in range(len(inputs)))
        return kind(*head, tuple(inputs), Table(classes, arrays[f"{key}.cells"]))
    if kind is Width:
        return Width(*head, _selector(entry, key, inputs, arrays))
    if kind is Aggregate:
        *sides, operand = inputs
        selector = _selector(entry, key, sides, arrays)
        numbers, copies = arrays.get(f"{key}.numbers"), arrays[f"{key}.copies"]
        return Aggregate(*head, selector, operand, numbers, copies, entry["default"])
    return kind(*head)


def _selector(
    entry: Mapping[str, Any], key: str, sides: list[Node], arrays: Mapping[str, np.ndarray]
) -> Selector:
    pairs = zip(sides[::2], sides[1::2], strict=True)
    parts = (
        Part(keys, queries, arrays[f"{key}.part{index}"].astype(bool))
        for index, (keys, queries) in enumerate(pairs)
    )
    return Selector(tuple(parts), entry["selector"])

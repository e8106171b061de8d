"""What a scheduled graph computes where: the nodes of a drawing, and what each of them reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from rinject.graph import Aggregate, Elementwise, Graph, Node, Width
from rinject.graph.nodes import Joint, is_constant, is_scalar
from rinject.graph.stream import Stream

Kind = Literal["embedding", "width", "aggregate", "mlp", "constant"]
"""What writes a variable: the embedding, an attention head (two kinds), an MLP; or a constant."""
Role = Literal["keys", "queries", "values", "argument"]
"""What a node takes another for: a head has the first three, a function has arguments."""
Place = Literal["embedding", "attention", "mlp"]

_PLACES: dict[Kind, Place] = {"width": "attention", "aggregate": "attention", "mlp": "mlp"}


@dataclass(frozen=True)
class Read:
    """One variable that a node is computed from."""

    name: str
    role: Role


@dataclass(frozen=True)
class DiagramNode:
    """A variable of the residual stream."""

    name: str
    kind: Kind
    layer: int
    """The first residual stream that holds it: 0 is the embedding, i is after layer i."""
    width: int
    """Dimensions of its slice."""
    values: int
    """How many values it can have."""
    reads: tuple[Read, ...]
    """Constants without a name are left out: they are part of the weights."""
    is_number: bool
    """Whether attention yields it as one number, which the MLP of the layer decodes."""
    is_pair: bool
    """Whether the compiler made it, to join two variables for a selector."""

    @property
    def place(self) -> Place:
        """The part of its layer that computes it; constants are in the embedding."""
        return _PLACES.get(self.kind, "embedding")


@dataclass(frozen=True)
class Column:
    """What one part of a layer computes."""

    layer: int
    place: Place
    nodes: tuple[DiagramNode, ...]


@dataclass(frozen=True)
class Diagram:
    """A program as its transformer computes it."""

    name: str
    output: str
    """Name of the variable that the program computes."""
    layers: int
    residual_width: int
    """All dimensions, those for BOS and for scratch included."""
    nodes: tuple[DiagramNode, ...]
    """All variables in the order of their slices."""

    @property
    def constants(self) -> tuple[DiagramNode, ...]:
        """What is not drawn, being the same everywhere; the output is always drawn."""
        return tuple(node for node in self.nodes if self._is_hidden(node))

    @property
    def drawn(self) -> tuple[DiagramNode, ...]:
        """All nodes but the constants."""
        return tuple(node for node in self.nodes if not self._is_hidden(node))

    @property
    def columns(self) -> tuple[Column, ...]:
        """The drawn nodes by place, in the order of computation; no column is empty."""
        parts: list[tuple[int, Place]] = [(0, "embedding")]
        for layer in range(1, self.layers + 1):
            parts += [(layer, "attention"), (layer, "mlp")]
        columns = (
            Column(*part, tuple(n for n in self.drawn if (n.layer, n.place) == part))
            for part in parts
        )
        return tuple(column for column in columns if column.nodes)

    def _is_hidden(self, node: DiagramNode) -> bool:
        return node.kind == "constant" and node.name != self.output

    def to_record(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "program": self.name,
            "output": self.output,
            "layers": self.layers,
            "residual_width": self.residual_width,
            "nodes": [asdict(node) for node in self.nodes],
        }


def diagram_of(graph: Graph, *, name: str | None = None) -> Diagram:
    """The drawing of a scheduled graph; `name` is the program's, by default the output's."""
    return Diagram(
        name=name or graph.output,
        output=graph.output,
        layers=graph.num_layers,
        residual_width=Stream.of(graph).width,
        nodes=tuple(_described(node, graph) for node in graph.stream),
    )


def _described(node: Node, graph: Graph) -> DiagramNode:
    return DiagramNode(
        name=node.name,
        kind=_kind(node, graph.layers[node]),
        layer=graph.layers[node],
        width=len(node.values),
        values=len(node.values),
        reads=tuple(Read(n.name, role) for n, role in _inputs(node) if n in graph.layers),
        is_number=is_scalar(node),
        is_pair=isinstance(node, Joint),
    )


def _kind(node: Node, layer: int) -> Kind:
    if is_constant(node):
        return "constant"
    if isinstance(node, Width):
        return "width"
    if isinstance(node, Aggregate):
        return "aggregate"
    return "mlp" if layer else "embedding"


def _inputs(node: Node) -> list[tuple[Node, Role]]:
    if isinstance(node, Elementwise):
        return [(argument, "argument") for argument in node.arguments]
    if not isinstance(node, Width | Aggregate):
        return []
    pattern: list[tuple[Node, Role]] = []
    for part in node.selector.parts:
        pattern += [(part.keys, "keys"), (part.queries, "queries")]
    return pattern + ([(node.operand, "values")] if isinstance(node, Aggregate) else [])

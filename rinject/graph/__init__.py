"""Programs as finite-domain graphs: every node has a finite set of values and an exact table."""

from rinject.graph.build import build_graph
from rinject.graph.graph import Graph, Variable
from rinject.graph.nodes import Aggregate, Elementwise, Indices, Node, Part, Selector, Tokens, Width
from rinject.graph.tables import Table

__all__ = [
    "Aggregate",
    "Elementwise",
    "Graph",
    "Indices",
    "Node",
    "Part",
    "Selector",
    "Table",
    "Tokens",
    "Variable",
    "Width",
    "build_graph",
]

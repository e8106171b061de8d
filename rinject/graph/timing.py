"""When a variable can be in the residual stream.

Time runs in half layers: 0 is the embedding, 2l - 1 is after the attention of layer l, 2l after its
MLP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rinject.graph.nodes import (
    Aggregate,
    Elementwise,
    Indices,
    Node,
    Refreshed,
    Tokens,
    Width,
    is_scalar,
)


def ready(node: Node, times: Mapping[Node, int]) -> int:
    """The half layer after which a node is in the residual stream, given those of its inputs."""
    if isinstance(node, Refreshed):
        return mlp_after(times[node.arguments[0]])
    if isinstance(node, Elementwise):
        return elementwise_ready(node.arguments, times)
    if isinstance(node, Width | Aggregate):
        last = max((times[n] for n in node.inputs), default=0)
        return attention_after(last) + is_scalar(node)
    return 0


def elementwise_ready(arguments: Sequence[Node], times: Mapping[Node, int]) -> int:
    """The same for a function of `arguments`."""
    if not arguments:
        return 0
    if len(arguments) == 1 and isinstance(arguments[0], Tokens | Indices):
        return 0  # part of the embedding
    if len(arguments) == 1 and is_scalar(arguments[0]):
        return times[arguments[0]]  # read off the same number, in the same MLP
    return mlp_after(max(times[argument] for argument in arguments))


def attention_after(time: int) -> int:
    """The first attention that can read what is ready at `time`."""
    return time + 1 + time % 2


def mlp_after(time: int) -> int:
    """The first MLP that can read what is ready at `time`."""
    return time + 2 - time % 2


def layer_of(time: int) -> int:
    """The first residual stream that holds what is ready at `time`; 0 is the embedding."""
    return (time + 1) // 2

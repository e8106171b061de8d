"""When a variable can be in the residual stream.

Time runs in half layers: 0 is the embedding, 2l - 1 is after the attention of layer l, 2l after its
MLP.
"""

from __future__ import annotations

from collections.abc import Sequence

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

NEVER = 10**9
"""No deadline."""


class Times(dict[Node, int]):
    """The half layer after which each node is in the residual stream.

    `stepwise`: nothing is computed in the layer in which that first appears what it is computed
    from. Only a function of a number without a name is read off it where attention yields it.
    """

    def __init__(self, *, stepwise: bool = False) -> None:
        super().__init__()
        self.stepwise = stepwise

    def ready(self, node: Node) -> int:
        """When a node is there, given when its inputs are."""
        if isinstance(node, Refreshed):
            return self.mlp_after(self[node.arguments[0]])
        if isinstance(node, Elementwise):
            return self.function_ready(node.arguments)
        if isinstance(node, Width | Aggregate):
            last = max((self[n] for n in node.inputs), default=0)
            return attention_after(last) + is_scalar(node)
        return 0

    def function_ready(self, arguments: Sequence[Node]) -> int:
        """When a function of `arguments` is there."""
        if not arguments or is_embedded(arguments):
            return 0
        if self.is_read_off(arguments):
            return self[arguments[0]]
        return self.mlp_after(max(self[argument] for argument in arguments))

    def is_read_off(self, arguments: Sequence[Node]) -> bool:
        """Whether a function is read off the number that attention yields, in the same MLP."""
        if len(arguments) != 1 or not is_scalar(arguments[0]):
            return False
        return not (self.stepwise and arguments[0].named)

    def mlp_after(self, time: int) -> int:
        """The first MLP that can read what is ready at `time`."""
        return 2 * layer_of(time) + 2 if self.stepwise else time + 2 - time % 2

    def mlp_inputs(self, deadline: int) -> int:
        """When the inputs of an MLP must be there that is done by `deadline`."""
        if deadline >= NEVER:
            return NEVER
        return deadline - deadline % 2 - (2 if self.stepwise else 1)


def is_embedded(arguments: Sequence[Node]) -> bool:
    """Whether a function is part of the embedding."""
    return len(arguments) == 1 and isinstance(arguments[0], Tokens | Indices)


def attention_after(time: int) -> int:
    """The first attention that can read what is ready at `time`."""
    return time + 1 + time % 2


def attention_inputs(deadline: int) -> int:
    """When the inputs of an attention must be there that is done by `deadline`."""
    return deadline - 2 + deadline % 2


def layer_of(time: int) -> int:
    """The first residual stream that holds what is ready at `time`; 0 is the embedding."""
    return (time + 1) // 2

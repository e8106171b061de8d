"""Which head implements which selector, and which units of an MLP implement which function."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

HeadKind = Literal["width", "copy", "mean"]
"""What a head computes: how many positions are selected, the value at the only one, the mean."""
BlockKind = Literal["table", "sum", "decode", "clear"]
"""How units compute: by cells of a table, by thresholds of a sum or of a number that attention
wrote; or they take out of the stream what only this layer needed."""


@dataclass(frozen=True)
class HeadRecord:
    """An attention head."""

    variable: str
    """What it computes, or what is decoded from the number that it writes."""
    kind: HeadKind
    selector: str
    """The selector as a formula."""
    keys: tuple[str, ...]
    """The variables that keys are made of."""
    queries: tuple[str, ...]
    """The variables that queries are made of."""
    operand: str | None
    """The variable whose values it moves; None for a width."""


@dataclass(frozen=True)
class BlockRecord:
    """Neighbouring hidden units of an MLP."""

    variable: str
    kind: BlockKind
    function: str
    """The map as a formula."""
    inputs: tuple[str, ...]
    """The variables that it reads."""
    first: int
    """Its first hidden unit."""
    stop: int
    """One past its last hidden unit."""


@dataclass(frozen=True)
class LayerRecord:
    """The heads and the blocks of a layer, in the order of the weights."""

    heads: tuple[HeadRecord, ...]
    blocks: tuple[BlockRecord, ...]

    def to_record(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> LayerRecord:
        """What :meth:`to_record` wrote. Raises KeyError and TypeError for anything else."""
        return cls(
            tuple(
                HeadRecord(
                    **{**head, "keys": tuple(head["keys"]), "queries": tuple(head["queries"])}
                )
                for head in record["heads"]
            ),
            tuple(
                BlockRecord(**{**block, "inputs": tuple(block["inputs"])})
                for block in record["blocks"]
            ),
        )

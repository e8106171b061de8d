"""A compiled program as an object: weights, residual layout, and the graph that it must equal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rinject.circuit.layout import ResidualLayout, Slot
from rinject.circuit.transformer import Transformer
from rinject.errors import InputError
from rinject.graph import Graph
from rinject.graph.record import value_from_json, value_to_json
from rinject.lang import Program, load_program
from rinject.placing import placed

FILE = "circuit.safetensors"
SCHEMA = 1
ROWS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """An exact transformer for a program."""

    transformer: Transformer
    layout: ResidualLayout
    graph: Graph
    """The program as scheduled; its evaluation is what the weights must reproduce."""
    backend: str
    """`native` or `tracr`."""
    program: Program | None = None
    """The `.rasp` program, when it came from one."""

    @property
    def num_layers(self) -> int:
        """Layers of attention and MLP."""
        return len(self.transformer.layers)

    @property
    def num_heads(self) -> int:
        """Most attention heads in a layer."""
        return max((layer.heads for layer in self.transformer.layers), default=0)

    @property
    def residual_width(self) -> int:
        """Dimensions of the residual stream."""
        return self.transformer.width

    @property
    def parameters(self) -> int:
        """Number of weights, zeros included."""
        return self.transformer.parameters

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of what the residual stream holds, in the order of the slices."""
        return tuple(slot.variable for slot in self.layout.slots)

    def run(self, tokens: Sequence[Any]) -> list[Any]:
        """The program's output at each token, None where it has none.

        Raises InputError for unknown tokens and too long inputs.
        """
        return self.run_batch([tokens])[0]

    def run_batch(self, inputs: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """As :meth:`run` for inputs of any lengths together."""
        ids = torch.from_numpy(self.graph.encode(inputs))  # [B, T]
        if not ids.numel():
            return [[] for _ in inputs]
        slot = self.layout.slot(self.graph.output)
        outputs: list[list[Any]] = []
        for rows in ids.split(ROWS_AT_ONCE):
            final = self.transformer.residuals(rows)[-1][:, 1:]  # [rows, T, D]
            outputs += read_slot(slot, final)
        return [row[: len(tokens)] for row, tokens in zip(outputs, inputs, strict=True)]

    def residuals(self, ids: np.ndarray) -> list[Tensor]:
        """The residual streams [B, T, D] of encoded inputs [B, T], BOS left out.

        Entry 0 is the embedding, entry i the stream after layer i.
        """
        return [stream[:, 1:] for stream in self.transformer.residuals(torch.from_numpy(ids))]

    def save(self, directory: str | Path) -> None:
        """Write the model; an older one there is replaced only when the new one is complete.

        Raises InputError where the directory holds anything else.
        """
        graph, arrays = self.graph.to_record()
        tensors = {name: t.contiguous() for name, t in self.transformer.named_tensors()}
        tensors |= {f"graph.{name}": torch.tensor(array) for name, array in arrays.items()}
        with placed(directory, FILE) as new:
            save_file(tensors, new / FILE, metadata={"rinject": json.dumps(self._header(graph))})
            if self.program is not None:
                (new / "program.rasp").write_text(self.program.source, encoding="utf-8")

    def _header(self, graph: dict[str, Any]) -> dict[str, Any]:
        slots = [
            {**vars(slot), "values": [value_to_json(v) for v in slot.values]}
            for slot in self.layout.slots
        ]
        return {
            "schema": SCHEMA,
            "backend": self.backend,
            "layers": self.num_layers,
            "causal": self.transformer.causal,
            "slots": slots,
            "graph": graph,
            "program": None if self.program is None else self.program.source,
            "loaded": {} if self.program is None else self.program.loaded,
        }

    @classmethod
    def load(cls, directory: str | Path) -> CompiledModel:
        """Read what :meth:`save` wrote. Raises InputError when it is missing or damaged."""
        path = Path(directory) / FILE
        if not path.is_file():
            raise InputError(
                f"there is no compiled model in {directory}", hint="make one with rinject compile"
            )
        try:
            with safe_open(path, "pt") as file:
                header = json.loads(file.metadata()["rinject"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            _check_schema(header)
            return _from_parts(cls, header, tensors)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path} is damaged ({type(error).__name__}: {error})", hint="compile it again"
            ) from error


def _from_parts(
    cls: type[CompiledModel], header: dict[str, Any], tensors: dict[str, Tensor]
) -> CompiledModel:
    transformer = Transformer.from_tensors(
        tensors, layers=header["layers"], causal=header["causal"]
    )
    slots = tuple(
        Slot(**{**slot, "values": tuple(map(value_from_json, slot["values"]))})
        for slot in header["slots"]
    )
    arrays = {
        name.removeprefix("graph."): tensor.numpy()
        for name, tensor in tensors.items()
        if name.startswith("graph.")
    }
    graph = Graph.from_record(header["graph"], arrays)
    source = header["program"]
    program = None if source is None else load_program(text=source, loaded=header["loaded"])
    layout = ResidualLayout(slots, transformer.width)
    return cls(transformer, layout, graph, header["backend"], program)


def _check_schema(header: dict[str, Any]) -> None:
    if header["schema"] > SCHEMA:
        raise InputError(
            f"this model was saved in a newer format ({header['schema']}, known is {SCHEMA})",
            hint="update rinject",
        )


def read_slot(slot: Slot, stream: Tensor) -> list[list[Any]]:
    """The values of a variable in streams [B, T, D], as rows of Python values."""
    part = stream[..., slot.start : slot.stop]  # [B, T, size]
    if slot.reading == "number":
        return [[float(value) for value in row] for row in part[..., 0].tolist()]
    if not slot.values:
        return [[None] * part.shape[1] for _ in range(part.shape[0])]
    best, place = part.max(dim=-1)  # [B, T] each
    if slot.reading == "one-hot":
        place = torch.where(best > 0.5, place, -1)
    values = (*slot.values, None)
    return [[values[index] for index in row] for row in place.tolist()]

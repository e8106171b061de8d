"""What an exported directory says about its program, for programs and for people."""

from __future__ import annotations

import json
from typing import Any

from rinject.circuit.export.readout import Readout
from rinject.circuit.model import CompiledModel

FILE = "export.json"
"""In every exported directory, which is known by it."""
SCHEMA = 1
SHOWN_VALUES = 12


def describe(model: CompiledModel, readout: Readout) -> dict[str, Any]:
    """Vocabulary, ids, output and variables, ready for JSON; tuples become lists there."""
    layers = {variable.name: variable.layer for variable in model.graph.variables}
    return {
        "schema": SCHEMA,
        "program": name_of(model),
        "causal": model.transformer.causal,
        "longest": model.graph.max_seq_len,
        "vocabulary": list(model.graph.vocab),
        "bos": model.transformer.bos,
        "pad": model.transformer.bos + 1,
        "output": {
            "variable": model.graph.output,
            "values": None if readout.is_number else list(readout.values),
        },
        "variables": [
            {
                "name": slot.variable,
                "start": slot.start,
                "stop": slot.stop,
                "values": list(slot.values),
                "reading": slot.reading,
                "points": list(slot.points),
                "layer": layers.get(slot.variable),
            }
            for slot in model.layout.slots
        ],
    }


def name_of(model: CompiledModel) -> str:
    """The program's name, or else its output's."""
    return model.program.name if model.program else model.graph.output


def card(record: dict[str, Any], *, usage: str, streams: str) -> str:
    """A README: how to run the model, and where its variables are."""
    rows = [
        f"| `{_cell(v['name'])}` | {v['start']} to {v['stop'] - 1} | {_layer(v)} | {_values(v)} |"
        for v in record["variables"]
        if v["stop"] > v["start"]
    ]
    seen = "itself and what is before it" if record["causal"] else "all positions"
    return f"""# {record["program"]}, compiled

A RASP program as an exact transformer, made by rinject. At every position of inputs of up to
{record["longest"]} tokens it computes `{record["output"]["variable"]}`; a position sees {seen}.
Every input begins with BOS (id {record["bos"]}); shorter rows of a batch are padded on the right
(id {record["pad"]}), and the attention mask says where.

{usage}
{_output(record)}

## The residual stream

{streams} A variable is one-hot in its dimensions, and all zeros mean that it has no value.

| variable | dimensions | from layer | values |
|---|---|---|---|
{chr(10).join(rows)}

`{FILE}` holds the same for machines: vocabulary, ids, output, variables and all their values.
"""


def example(record: dict[str, Any]) -> list[Any]:
    """A short input: the first symbols of the vocabulary."""
    symbols: list[Any] = record["vocabulary"][: min(3, record["longest"])]
    return symbols


def to_json(record: dict[str, Any]) -> str:
    """The text of `export.json`."""
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


def _output(record: dict[str, Any]) -> str:
    if record["output"]["values"] is None:
        return "The one logit at a position is the output as a number."
    return "The largest logit at a position stands for the output's value there; `None`: no value."


def _layer(variable: dict[str, Any]) -> str:
    return "" if variable["layer"] is None else str(variable["layer"])


def _values(variable: dict[str, Any]) -> str:
    if variable["points"]:
        return f"a number for each of {len(variable['values'])} values (`points`)"
    if variable["reading"] == "number":
        return "the number itself"
    shown = ", ".join(f"`{_cell(repr(value))}`" for value in variable["values"][:SHOWN_VALUES])
    more = len(variable["values"]) - SHOWN_VALUES
    return shown + (f" and {more} more" if more > 0 else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

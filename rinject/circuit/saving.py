"""Compiled models on disk: the weights, and a file that says what each of them is for.

`compiled.safetensors` holds the weights and the tables of the graph, `program.json` everything
else, and `program.rasp` the source where there is one. The same model gives the same bytes, and
what has changed since is noticed: `program.json` holds the hashes of all three.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from rinject.circuit.layout import ResidualLayout, Slot
from rinject.circuit.model import CompiledModel
from rinject.circuit.transformer import Transformer
from rinject.circuit.wiring import LayerRecord
from rinject.errors import InputError
from rinject.graph import Graph
from rinject.graph.record import value_from_json, value_to_json
from rinject.lang import Program, load_program
from rinject.placing import check_target, placed

WEIGHTS = "compiled.safetensors"
RECORD = "program.json"
SOURCE = "program.rasp"
OLD_FILE = "circuit.safetensors"  # of schema 1, which had no other
SCHEMA = 2
FORMAT = "rinject compiled model"
AGAIN = "compile it again: rinject compile"
GRAPH = "graph."  # before the names of the graph's tables

LINE = 100  # longer JSON is broken into lines
UNKNOWN = "0" * 64  # where the hash of the record stands while it is computed

Record = dict[str, Any]


def check_place(directory: Path) -> None:
    """Raises InputError where a model cannot be saved without harm to something else."""
    check_target(directory, _mark(directory))


def _mark(directory: Path) -> str:
    """The file by which a compiled model is known; an older one may be replaced too."""
    return OLD_FILE if (directory / OLD_FILE).is_file() else WEIGHTS


# --- saving -------------------------------------------------------------------------------------


def save_model(model: CompiledModel, directory: str | Path) -> None:
    """See :meth:`CompiledModel.save`."""
    graph, arrays = model.graph.to_record()
    tensors = {name: tensor.contiguous() for name, tensor in model.transformer.named_tensors()}
    tensors |= {GRAPH + name: torch.tensor(array) for name, array in arrays.items()}
    with placed(directory, _mark(Path(directory).resolve())) as new:
        save_file(tensors, new / WEIGHTS)
        if model.program is not None:
            (new / SOURCE).write_bytes(_encoded(model.program.source))
        files = {path.name: _file_hash(path) for path in sorted(new.iterdir())}
        (new / RECORD).write_bytes(_sealed({**record_of(model, graph), "files": files}))
        shutil.copymode(new / RECORD, new / WEIGHTS)  # safetensors lets only the owner read


def record_of(model: CompiledModel, graph: Record) -> Record:
    """What `program.json` says, but for the hashes; `graph` is the graph's own record."""
    transformer = model.transformer
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "backend": model.backend,
        "output": model.graph.output,
        "max_seq_len": model.graph.max_seq_len,
        "causal": transformer.causal,
        "width": model.residual_width,
        "margin": model.margin,
        "symbols": {
            "BOS": transformer.bos,
            "PAD": -1,
            "vocabulary": [
                {"id": index, "value": value_to_json(value)}
                for index, value in enumerate(model.graph.vocab)
            ],
        },
        "variables": [_variable(slot, transformer) for slot in model.layout.slots],
        "other_dimensions": _other_dimensions(model),
        "num_layers": model.num_layers,
        "layers": [layer.to_record() for layer in model.wiring],
        "program": None if model.program is None else _program_record(model.program),
        "graph": graph,
    }


def _program_record(program: Program) -> Record:
    return {
        "name": program.name,
        "sha256": program.sha256,
        "source": program.source,
        "loaded": program.loaded,
    }


def _variable(slot: Slot, transformer: Transformer) -> Record:
    return {
        "name": slot.variable,
        "kind": slot.reading,
        "first": slot.start,
        "stop": slot.stop,
        "layer": _first_layer(transformer, slot),
        "values": [value_to_json(value) for value in slot.values],
        "points": [list(pair) for pair in slot.points],
    }


def _first_layer(transformer: Transformer, slot: Slot) -> int | None:
    """The first residual stream in which a slice can be other than 0; None where it never is."""
    here = slice(slot.start, slot.stop)
    streams = [
        [transformer.token_embedding, transformer.position_embedding],
        *([x.output, x.output_bias, x.mlp_output, x.mlp_output_bias] for x in transformer.layers),
    ]
    for index, writers in enumerate(streams):
        if any(bool(tensor[..., here].any()) for tensor in writers):
            return index
    return None


def _other_dimensions(model: CompiledModel) -> list[Record]:
    """Those that hold no variable: where BOS is marked, and the rest."""
    marks = model.transformer.token_embedding[-1] != 0  # [D]
    found: list[Record] = []
    for dimension in range(model.layout.variable_width, model.residual_width):
        use = "BOS mark" if marks[dimension] else "scratch"
        if found and found[-1]["use"] == use:
            found[-1]["stop"] = dimension + 1
        else:
            found.append({"use": use, "first": dimension, "stop": dimension + 1})
    return found


# --- loading ------------------------------------------------------------------------------------


def load_model(directory: str | Path) -> CompiledModel:
    """See :meth:`CompiledModel.load`."""
    directory = Path(directory)
    if not (directory / RECORD).is_file() and not (directory / WEIGHTS).is_file():
        raise _no_model(directory)
    with _explained(directory):
        record = _opened((directory / RECORD).read_bytes())
        _check_files(directory, record["files"])
        return _model(record, load_file(directory / WEIGHTS))


def _no_model(directory: Path) -> InputError:
    if (directory / OLD_FILE).is_file():
        return InputError(f"the model in {directory} was saved in an older format", hint=AGAIN)
    return InputError(
        f"there is no compiled model in {directory}", hint="make one: rinject compile"
    )


def _check_files(directory: Path, files: Mapping[str, str]) -> None:
    for name, digest in files.items():
        if _file_hash(directory / name) != digest:
            raise ValueError(f"{name} has changed since it was written")


def _model(record: Record, tensors: Mapping[str, Tensor]) -> CompiledModel:
    transformer = Transformer.from_tensors(
        dict(tensors), layers=record["num_layers"], causal=record["causal"]
    )
    tables = {
        name.removeprefix(GRAPH): tensor.numpy()
        for name, tensor in tensors.items()
        if name.startswith(GRAPH)
    }
    return CompiledModel(
        transformer=transformer,
        layout=ResidualLayout(tuple(map(_slot, record["variables"])), transformer.width),
        graph=Graph.from_record(record["graph"], tables),
        backend=record["backend"],
        program=None if record["program"] is None else _program(record["program"]),
        wiring=tuple(map(LayerRecord.from_record, record["layers"])),
        margin=record["margin"],
    )


def _slot(variable: Record) -> Slot:
    values = tuple(map(value_from_json, variable["values"]))
    name, start, stop = variable["name"], variable["first"], variable["stop"]
    points = tuple((float(number), int(place)) for number, place in variable["points"])
    return Slot(name, start, stop, values, variable["kind"], points)


def _program(record: Record) -> Program:
    program = load_program(text=record["source"], loaded=record["loaded"])
    return replace(program, header=replace(program.header, name=record["name"]))


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    """Whatever cannot be read makes the model damaged; a newer schema speaks for itself."""
    try:
        yield
    except FileNotFoundError as error:
        raise _damaged(directory, f"{Path(error.filename).name} is missing") from error
    except _Newer:
        raise
    except InputError as error:
        raise _damaged(directory, error.message) from error
    except (SafetensorError, OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(directory, str(error) or type(error).__name__) from error


def _damaged(directory: Path, reason: str) -> InputError:
    return InputError(f"the compiled model in {directory} is damaged: {reason}", hint=AGAIN)


# --- the text of the record ---------------------------------------------------------------------


class _Newer(InputError):
    """A later version wrote the record."""


def _sealed(record: Record) -> bytes:
    """The record as text, its own hash at the end."""
    text = _encoded(_json_text({**record, "sha256": UNKNOWN}) + "\n")
    return _with_seal(text, UNKNOWN, hashlib.sha256(text).hexdigest())


def _opened(text: bytes) -> Record:
    """The record in a text. Raises ValueError and LookupError where it is not as written."""
    record: Record = json.loads(text.decode("utf-8", "surrogatepass"))
    if record["schema"] > SCHEMA:
        raise _Newer(
            f"this model was saved in a newer format ({record['schema']}, known is {SCHEMA})",
            hint="update rinject",
        )
    digest = record["sha256"]
    if hashlib.sha256(_with_seal(text, digest, UNKNOWN)).hexdigest() != digest:
        raise ValueError(f"{RECORD} has changed since it was written")
    return record


def _with_seal(text: bytes, old: str, new: str) -> bytes:
    """The text with another hash at its end."""
    before, _, after = text.rpartition(old.encode())
    return before + new.encode() + after


def _json_text(value: Any, indent: str = "", before: str = "") -> str:
    """JSON in which what fits into a line, with its name `before` it and a comma, takes one."""
    flat = before + json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not isinstance(value, dict | list | tuple) or len(indent) + len(flat) < LINE:
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        items = [
            inner + _json_text(item, inner, f"{json.dumps(name, ensure_ascii=False)}: ")
            for name, item in value.items()
        ]
        return f"{before}{{\n" + ",\n".join(items) + f"\n{indent}}}"
    filled = _filled([_json_text(item, inner) for item in value], inner)
    return f"{before}[\n{filled}\n{indent}]"


def _filled(items: list[str], indent: str) -> str:
    """Items of a list, as many in a line as fit."""
    lines: list[str] = []
    for item in items:
        if lines and "\n" not in item and len(lines[-1]) + len(item) + 2 < LINE:
            lines[-1] += f", {item}"
        else:
            lines.append(indent + item)
    return ",\n".join(lines)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""The bundle: an ordinary Hugging Face model directory, and one file that says the rest.

``rinject.safetensors`` holds the map and the program's tables; its header holds the record.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor
from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.graph import Graph
from rinject.inject.projection import Codes, Maps, Projection, variable_slices
from rinject.inject.record import BundleRecord, variable_records
from rinject.inject.rows import Rows, example_rows
from rinject.inject.targets import Targets
from rinject.lang import Program
from rinject.placing import placed
from rinject.student import hidden_size, load_student
from rinject.student.quiet import quiet
from rinject.tasks.task import Example
from rinject.tokens import Reconciliation

OWN_FILE = "rinject.safetensors"
AGAIN = "inject the program again"
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Bundle:
    """A student with a program in it, and all that is needed to read the program back out."""

    model: PreTrainedModel
    reconciliation: Reconciliation
    graph: Graph
    projection: Projection
    record: BundleRecord
    path: Path | None = None
    """Where it is saved; None before."""

    @cached_property
    def program(self) -> Program:
        """The program, from the source that the bundle keeps."""
        return self.record.program.load()

    @cached_property
    def targets(self) -> Targets:
        """The program's own values on the student's tokens."""
        return Targets(self.graph, self.reconciliation)

    def rows(self, examples: Iterable[Example]) -> Rows:
        """Examples as the student was trained on them."""
        return example_rows(
            examples,
            self.reconciliation,
            spelled=self.program.header.spelled,
            ended=self.record.settings.end_answers,
        )

    @property
    def last_layer(self) -> int:
        """k: the last aligned compiled stream."""
        return len(self.record.layers) - 1


# --- saving ---------------------------------------------------------------------------------------


def save_bundle(
    bundle: Bundle,
    directory: str | Path,
    *,
    weights: dict[str, Tensor] | None = None,
    beside: Iterable[Path] = (),
) -> Bundle:
    """Writes a bundle and returns it with its place and the hashes of its files.

    `weights` take the place of the model's, which may be sharded. Copies of the files `beside` are
    laid into it. It is written beside the directory and put in place once complete, so a bundle
    that was there before is lost only to a complete one. Raises InputError where something else is
    in the way.
    """
    with placed(directory, OWN_FILE) as new:
        with quiet():
            bundle.model.save_pretrained(new, state_dict=weights)
            bundle.reconciliation.tokenizer.save_pretrained(new)
        for path in beside:
            shutil.copyfile(path, new / path.name)
        record = replace(bundle.record, files=_hashes(new))
        _write_own(bundle, record, new / OWN_FILE)
    return replace(bundle, record=record, path=Path(directory))


def _write_own(bundle: Bundle, record: BundleRecord, path: Path) -> None:
    graph, tables = bundle.graph.to_record()
    arrays = {f"graph.{name}": np.ascontiguousarray(table) for name, table in tables.items()}
    for name, tensor in _projection_tensors(bundle.projection.maps()).items():
        array = tensor.detach().cpu().numpy()
        arrays[f"projection.{name}"] = np.ascontiguousarray(array)
    text = json.dumps(replace(record, graph=graph).to_json())
    save_file(arrays, path, {"record": text, "sha256": _own_hash(text, arrays)})


def _own_hash(record: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(record.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _hashes(directory: Path) -> dict[str, str]:
    return {path.name: _file_hash(path) for path in sorted(directory.iterdir()) if path.is_file()}


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- loading --------------------------------------------------------------------------------------


def load_bundle(path: str | Path, *, trust_remote_code: bool = False) -> Bundle:
    """The bundle in a directory, after checking that its files are as they were written.

    Raises InputError: there is none, it is damaged, a newer rinject wrote it, or its student comes
    with code of its own, which runs only where `trust_remote_code` says so.
    """
    path = Path(path)
    _check_bundle(path)
    record, arrays = _read_own(path / OWN_FILE)
    _check_files(path, record.files)
    if record.base.runs_own_code and not trust_remote_code:
        raise InputError(
            f"the bundle {path} holds a student with code of its own, which does not run unasked",
            hint="read that code; if you trust it, add --trust-remote-code",
        )
    with _explained(path):
        own_code = record.base.runs_own_code
        student = load_student(path.resolve(), dtype="auto", trust_remote_code=own_code)
        graph = Graph.from_record(record.graph, _within(arrays, "graph."))
        if variable_records(graph) != record.variables:
            raise InputError("its variables are not those of its program")
        return Bundle(
            model=student.model,
            reconciliation=Reconciliation.from_record(record.symbols, student.tokenizer),
            graph=graph,
            projection=_projection(graph, student.model, _within(arrays, "projection.")),
            record=record,
            path=path,
        )


def read_record(path: str | Path) -> BundleRecord:
    """What a bundle says about itself, without its student.

    Raises InputError: there is none, it is damaged, or a newer rinject wrote it.
    """
    path = Path(path)
    _check_bundle(path)
    return _read_own(path / OWN_FILE)[0]


def checked_record(path: str | Path) -> BundleRecord:
    """What a bundle says about itself, after checking that its files are as they were written.

    Raises InputError as :func:`read_record`, and where a file has changed or is gone.
    """
    record = read_record(path)
    _check_files(Path(path), record.files)
    return record


def _check_bundle(path: Path) -> None:
    if not (path / OWN_FILE).is_file():
        raise InputError(f"there is no bundle at {path}", hint="make one: rinject inject")


def _read_own(path: Path) -> tuple[BundleRecord, dict[str, np.ndarray]]:
    with _explained(path.parent):
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        record = json.loads(header["record"])
        made = BundleRecord.from_json(record)
        if header["sha256"] != _own_hash(header["record"], arrays):
            raise InputError(f"{OWN_FILE} has changed since it was written")
        return made, arrays


def _check_files(path: Path, files: Mapping[str, str]) -> None:
    for name, digest in files.items():
        if not (path / name).is_file():
            raise InputError(f"the bundle {path} is damaged: {name} is missing", hint=AGAIN)
        if _file_hash(path / name) != digest:
            raise InputError(
                f"the bundle {path} is damaged: {name} has changed since it was written",
                hint=AGAIN,
            )


def _projection_tensors(maps: Maps) -> dict[str, Tensor]:
    tensors = {"weight": maps.weight.float(), "bias": maps.bias.float()}
    if maps.codes is None:
        return tensors
    return tensors | {
        "codes.read": maps.codes.read.float(),
        "codes.write": maps.codes.write.float(),
        "codes.columns": torch.tensor(maps.codes.columns),
    }


def _projection(graph: Graph, model: PreTrainedModel, arrays: Arrays) -> Projection:
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    slices, width = variable_slices(graph), hidden_size(model)
    weight, bias = tensors["weight"], tensors["bias"]
    if weight.shape[1:] != (slices[-1].stop, width) or bias.shape != weight.shape[:2]:
        raise ValueError("the map does not fit the program and the student")
    codes = None
    if "codes.columns" in tensors:
        columns = tuple((start, stop) for start, stop in tensors["codes.columns"].tolist())
        codes = Codes(tensors["codes.read"], tensors["codes.write"], columns)
    return Projection.of(Maps(slices, weight, bias, codes))


def _within(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Whatever cannot be read makes the bundle damaged; a newer schema speaks for itself."""
    try:
        yield
    except InputError as error:
        if error.message.startswith("the bundle"):
            raise
        message = f"the bundle {path} is damaged: {error.message}"
        raise InputError(message, hint=error.hint or AGAIN) from error
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        message = f"the bundle {path} is damaged: {OWN_FILE} cannot be read"
        raise InputError(message, hint=AGAIN) from error

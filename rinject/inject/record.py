"""What a bundle says about itself, as typed records and as JSON."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from typing import Any, TypeVar

from rinject.errors import InputError
from rinject.graph import Graph
from rinject.graph.record import value_from_json, value_to_json
from rinject.inject.projection import variable_slices
from rinject.inject.settings import InjectSettings
from rinject.lang import Program, load_program
from rinject.tasks import TaskSource

SCHEMA_VERSION = 3
PACKAGES = ("rinject", "torch", "transformers", "tokenizers", "safetensors", "numpy", "tracr-pypi")

_LATER = {"text_sha256"}
"""Fields that bundles of this schema from earlier versions do not have."""

R = TypeVar("R")


@dataclass(frozen=True)
class ProgramRecord:
    """The program that was injected."""

    name: str
    source: str
    loaded: dict[str, str]
    """The texts of the files that it loads, by their names from its own folder."""
    sha256: str

    @classmethod
    def of(cls, program: Program) -> ProgramRecord:
        """What to keep of a program."""
        return cls(program.name, program.source, program.loaded, program.sha256)

    def load(self) -> Program:
        """The program, from its source."""
        return load_program(text=self.source, loaded=self.loaded)


@dataclass(frozen=True)
class VariableRecord:
    """One variable of the program."""

    name: str
    values: tuple[Any, ...]
    """The Python values, one for each dimension of the slice."""
    start: int
    stop: int
    """The slice of the map's output."""
    layer: int
    """The first compiled stream that holds it."""


@dataclass(frozen=True)
class BaseRecord:
    """The pre-trained student before the injection, and how it was loaded."""

    name: str
    weight_hash: str
    revision: str | None = None
    """The commit on the hub; None for a folder."""
    dtype: str = "float32"
    runs_own_code: bool = False
    """Whether code that came with the student runs in it."""


@dataclass(frozen=True)
class BundleRecord:
    """Everything about a bundle but its tensors."""

    program: ProgramRecord
    variables: tuple[VariableRecord, ...]
    layers: tuple[int, ...]
    """The student layer aligned with each compiled stream, 0 to k."""
    symbols: dict[str, Any]
    """The map from student tokens to program symbols, as the reconciliation writes it."""
    prompt: str
    """The text around an input, with one ``{input}``."""
    settings: InjectSettings
    base: BaseRecord
    graph: dict[str, Any]
    """The structure of the program's graph, whose tables are tensors."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """What was measured before and after the injection."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of Python and of the packages that took part."""
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of every other file of the bundle."""
    seed: int = 0
    task: TaskSource | None = None
    """The file that the examples came from, where the program does not say them."""
    text_sha256: str | None = None
    """Of the pages of ordinary text that it was trained on; None where that was not kept yet."""
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        """The record as JSON, values with their types."""
        record = {one.name: getattr(self, one.name) for one in fields(self)}
        variables = [
            asdict(v) | {"values": [value_to_json(value) for value in v.values]}
            for v in self.variables
        ]
        return record | {
            "program": asdict(self.program),
            "variables": variables,
            "layers": list(self.layers),
            "settings": self.settings.to_record(),
            "base": asdict(self.base),
            "task": None if self.task is None else asdict(self.task),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> BundleRecord:
        """The record that :meth:`to_json` wrote.

        Raises InputError for another schema, and for whatever is missing or unknown.
        """
        schema = record.get("schema_version")
        if isinstance(schema, int) and schema > SCHEMA_VERSION:
            raise InputError(
                f"the bundle has schema version {schema}, this rinject knows {SCHEMA_VERSION}",
                hint="install a newer rinject",
            )
        if isinstance(schema, int) and schema < SCHEMA_VERSION:
            raise InputError(
                f"the bundle has schema version {schema}, of an older rinject",
                hint="make it again with rinject inject",
            )
        made: BundleRecord = _make(cls, record)
        changed = {
            "program": _make(ProgramRecord, made.program),
            "variables": tuple(map(_variable, made.variables)),
            "layers": tuple(made.layers),
            "settings": _settings(_mapping(made.settings)),
            "base": _make(BaseRecord, made.base),
            "task": None if made.task is None else _make(TaskSource, made.task),
        }
        return cls(**(dict(record) | changed))


def variable_records(graph: Graph) -> tuple[VariableRecord, ...]:
    """The variables of a graph with their slices."""
    return tuple(
        VariableRecord(variable.name, variable.values, one.start, one.stop, one.layer)
        for variable, one in zip(graph.variables, variable_slices(graph), strict=True)
    )


def versions() -> dict[str, str]:
    """Of Python and of the packages that take part in an injection."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def _settings(record: Mapping[str, Any]) -> InjectSettings:
    """Raises InputError for settings that there are no longer."""
    try:
        return InjectSettings.from_record(record)
    except InputError as error:
        raise InputError(
            f"the bundle's settings are not of this rinject: {error.message}",
            hint="make it again with rinject inject",
        ) from error


def _make(kind: type[R], record: Any) -> R:
    """A record of that kind, after checking that its fields are there and no others."""
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    wrong = names.symmetric_difference(_mapping(record)) - (_LATER - set(record))
    if wrong:
        raise InputError(
            f"the bundle's record is damaged: {min(wrong)!r} is "
            + ("missing" if min(wrong) in names else "unknown")
        )
    return kind(**record)


def _variable(record: Any) -> VariableRecord:
    found = _make(VariableRecord, record)
    try:
        values = tuple(map(value_from_json, found.values))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError("the bundle's record is damaged: a variable's values") from error
    return VariableRecord(found.name, values, found.start, found.stop, found.layer)


def _mapping(record: Any) -> Mapping[str, Any]:
    if not isinstance(record, Mapping):
        raise InputError(f"the bundle's record is damaged: {record!r} stands where fields belong")
    return record

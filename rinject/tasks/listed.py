"""Inputs from a JSONL file: one object a line, `{"input": "([)]", "answer": " yes"}`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from rinject.errors import InputError, RinjectError
from rinject.lang import Header, Program
from rinject.lang.diagnostics import did_you_mean
from rinject.tasks.oracle import Oracle
from rinject.tasks.source import TaskSource, given_text
from rinject.tasks.task import SPLITS, Exhausted, Split, answer_text, split_of

KEYS = ("input", "answer", "split")


@dataclass(frozen=True)
class Place:
    """A line of a file, for messages."""

    path: Path
    number: int

    def wrong(self, message: str, hint: str | None) -> InputError:
        """The error for a line that cannot be used."""
        return InputError(f"{self.path}:{self.number}: {message}", hint=hint)


@dataclass(frozen=True)
class Line:
    """What one line of the file says."""

    place: Place
    input: str
    answer: str | None
    """As the file has it; None where the program alone is to say."""
    split: Split


@dataclass(frozen=True, eq=False)
class Listed:
    """The inputs of a file, in random order, with the program's own output values."""

    oracle: Oracle
    source: TaskSource
    found: Mapping[Split, Sequence[tuple[str, Any]]]
    """The inputs of each split with their output values, in the order of the file."""

    @property
    def header(self) -> Header:
        return self.oracle.program.header

    def output(self, text: str) -> Any:
        return self.oracle.output(text)

    def cases(self, split: Split, rng: Random) -> Iterator[tuple[str, Any]]:
        mixed = list(self.found[split])
        rng.shuffle(mixed)
        yield from mixed
        amount = f"no more {split} inputs than {len(mixed)}" if mixed else f"no {split} inputs"
        raise Exhausted(
            f"{self.source.path} has {amount}", hint=f'give lines a `"split": "{split}"`'
        )


def read_examples(program: Program, path: Path | None = None) -> Listed:
    """The examples in a file, by default the one that the program's header names.

    A line has an `input`, maybe the `answer`, as the header writes it, and maybe the `split`;
    without one the split is a stable function of the input. Every line is checked.

    Raises:
        InputError: the file cannot be read, or a line is not such an object, repeats an input, has
            one that the program cannot read, or an answer that is not the program's.
    """
    path = path or _path(program)
    text = given_text(path, ".jsonl", "there are no examples", "give a file with a line for each")
    return kept_examples(program, TaskSource.of(path, text))


def kept_examples(program: Program, source: TaskSource) -> Listed:
    """The examples that a bundle kept, or those of a file. Raises as :func:`read_examples`."""
    lines = _lines(Path(source.path), source.kept_text())
    oracle = Oracle(program)
    prompts = [_read(oracle, line) for line in lines]
    found: dict[Split, list[tuple[str, Any]]] = {split: [] for split in SPLITS}
    for line, value in zip(lines, oracle.outputs(prompts), strict=True):
        _check_answer(program.header, line, value)
        found[line.split].append((line.input, value))
    return Listed(oracle, source, found)


def _path(program: Program) -> Path:
    name = program.header.examples or ""
    if program.path is None:
        raise InputError(
            f"the examples {name} stand beside the program, but it is not in a file",
            hint="load the program from its file",
        )
    root = program.path.parent
    if "\0" in name or not (root / name).resolve().is_relative_to(root.resolve()):
        raise InputError(
            f"the examples {name!r} lie outside of the program's folder",
            hint="a program reads only files beside it or below it",
        )
    return root / name


# --- lines ----------------------------------------------------------------------------------------


def _lines(path: Path, text: str) -> list[Line]:
    lines = [
        _line(Place(path, number), line)
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    if not lines:
        raise InputError(f"{path} has no examples", hint='write lines such as {"input": "…"}')
    first: dict[str, Place] = {}
    for line in lines:
        known = first.setdefault(line.input, line.place)
        if known != line.place:
            message = f"the input {line.input!r} stands in line {known.number} already"
            raise line.place.wrong(message, "keep one of the two")
    return lines


def _line(place: Place, text: str) -> Line:
    record = _record(place, text)
    for key in record:
        if key not in KEYS:
            hint = did_you_mean(key, KEYS, otherwise=f"the keys are {', '.join(KEYS)}")
            raise place.wrong(f"unknown key {key!r}", hint)
    if "input" not in record:
        raise place.wrong('the key "input" is missing', 'write {"input": "…"}')
    given = _string(place, record, "input")
    answer = _string(place, record, "answer") if "answer" in record else None
    return Line(place, given, answer, _split(place, record, given))


def _record(place: Place, text: str) -> dict[str, Any]:
    example = 'each line is an object such as {"input": "…", "answer": "…"}'
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be read"
        raise place.wrong(f"this is not JSON: {reason}", example) from None
    if not isinstance(record, dict):
        raise place.wrong("this is not a JSON object", example)
    return record


def _string(place: Place, record: Mapping[str, Any], key: str) -> str:
    value = record[key]
    if not isinstance(value, str):
        raise place.wrong(f'"{key}" is not a string', "write it in quotes")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise place.wrong(f'"{key}" holds half a character', "write it whole") from None
    return value


def _split(place: Place, record: Mapping[str, Any], given: str) -> Split:
    if "split" not in record:
        return split_of(given)
    for split in SPLITS:
        if record["split"] == split:
            return split
    message = f'"split" is {json.dumps(record["split"])}'
    raise place.wrong(message, f"it is one of {', '.join(SPLITS)}")


# --- against the program --------------------------------------------------------------------------


def _read(oracle: Oracle, line: Line) -> list[str]:
    """The symbols of the prompt around the input of a line."""
    header = oracle.program.header
    for word in oracle.reader.others(line.input):
        is_known = word.strip() in ("", header.separator.strip())
        if not is_known and header.otherwise not in header.alphabet:
            message = f"{word.strip()!r} in the input is no symbol of `{header.name}`"
            hint = f'if inputs may hold such text, add "{header.otherwise}" to `alphabet`'
            raise line.place.wrong(message, hint)
    symbols = oracle.read(line.input)
    if len(symbols) > oracle.longest:
        message = f"the prompt has {len(symbols)} symbols, `{header.name}` reads {oracle.longest}"
        raise line.place.wrong(message, "shorten the input, or raise `longest`")
    return symbols


def _check_answer(header: Header, line: Line, value: Any) -> None:
    try:
        meant = answer_text(header, value, line.input)
    except RinjectError as error:
        raise line.place.wrong(error.message, error.hint) from None
    if line.answer not in (None, meant):
        raise line.place.wrong(
            f"the answer is {line.answer!r}, but `{header.name}` answers {meant!r}",
            "a student learns the program's answers: correct the line or leave its answer out",
        )

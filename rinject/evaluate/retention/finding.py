"""The retention sets by name, from a folder or from the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rinject.errors import InputError
from rinject.evaluate.retention.files import FILES, Record, file_records, set_file
from rinject.evaluate.retention.hub import HERE, check_hub, hub_records
from rinject.evaluate.retention.prompts import MRPC_WORDS, SST2_WORDS, mrpc_prompt, sst2_prompt
from rinject.evaluate.retention.sets import (
    LAMBADA,
    MRPC,
    NAMES,
    SST2,
    TINY_SHAKESPEARE,
    Classified,
    LastWords,
    Lines,
    RetentionSet,
)
from rinject.lang.diagnostics import did_you_mean

FIRST_LINES = 2000  # of Tiny Shakespeare, as in the method's paper
Records = Iterable[tuple[Record, str]]


@dataclass(frozen=True)
class FoundSets:
    """The sets that are there, and those that are not."""

    sets: tuple[RetentionSet, ...]
    missing: Mapping[str, str]
    """The name of each set that is not there or cannot be read, and why."""


class _NotThere(InputError):
    """A set has no file."""


def find_sets(
    folder: str | Path | None = None,
    names: Sequence[str] | None = None,
    *,
    most: int | None = None,
) -> FoundSets:
    """The sets of these names, from the files of a folder, or from the hub where none is given.

    Without names: all that are there and can be read. `most` limits the examples of each, which are
    its first ones. Raises InputError: a set that was named, or every set, is not there or cannot be
    read; a name that no set has; no hub.
    """
    wanted = _known(NAMES if names is None else names)
    records = _hub() if folder is None else _folder(Path(folder))
    sets: list[RetentionSet] = []
    failed: dict[str, InputError] = {}
    for name in wanted:
        try:
            sets.append(_made(name, records(name), most))
        except InputError as error:
            if names is not None:
                raise
            failed[name] = error
    if not sets:
        raise _no_set(folder, list(failed.values()))
    return FoundSets(tuple(sets), {name: error.message for name, error in failed.items()})


def _no_set(folder: str | Path | None, failed: Sequence[InputError]) -> InputError:
    """Why there is none: what is wrong with the first that is there, if any is."""
    nowhere = InputError(
        f"there is no retention set in {folder}",
        hint=f"its files are called {', '.join(files[0] for files in FILES.values())}",
    )
    return next((error for error in failed if not isinstance(error, _NotThere)), nowhere)


def _known(names: Sequence[str]) -> list[str]:
    """The names, each once."""
    for name in names:
        if name not in NAMES:
            hint = did_you_mean(name, NAMES, otherwise=f"they are: {', '.join(NAMES)}")
            raise InputError(f"there is no retention set {name!r}", hint=hint)
    return list(dict.fromkeys(names))


def _folder(folder: Path) -> Callable[[str], Records]:
    try:
        is_there = folder.is_dir()
    except OSError as error:
        raise InputError(f"cannot look into {folder}: {error.strerror}") from error
    if not is_there:
        raise InputError(f"there is no folder {folder}", hint=HERE)

    def records(name: str) -> Records:
        path = set_file(folder, name)
        if path is None:
            raise _NotThere(
                f"the set {name} is not in {folder}: it lies in {' or '.join(FILES[name])}",
                hint=f"or leave {name} out of --sets",
            )
        return file_records(name, path)

    return records


def _hub() -> Callable[[str], Records]:
    check_hub()
    return hub_records


# --- sets of records ------------------------------------------------------------------------------


def _made(name: str, records: Records, most: int | None) -> RetentionSet:
    made = _MAKERS[name](records, most)
    if made is None:
        raise InputError(f"the set {name} holds nothing")
    return made


def _lines(records: Records, most: int | None) -> Lines | None:
    """The first lines of the text, blank ones too."""
    lines = (line for record, place in records for line in _text(record, "text", place).split("\n"))
    first = min(FIRST_LINES, FIRST_LINES if most is None else most)
    found = tuple(line.rstrip("\r") for line in islice(lines, first))
    return Lines(TINY_SHAKESPEARE, found) if any(map(str.strip, found)) else None


def _passages(records: Records, most: int | None) -> LastWords | None:
    found = tuple(_text(record, "text", place) for record, place in islice(records, most))
    return LastWords(LAMBADA, found) if found else None


def _reviews(records: Records, most: int | None) -> Classified | None:
    found = [
        (sst2_prompt(_text(record, "sentence", place)), _label(record, place))
        for record, place in islice(records, most)
    ]
    return _classified(SST2, found, SST2_WORDS)


def _paraphrases(records: Records, most: int | None) -> Classified | None:
    found = [
        (
            mrpc_prompt(_text(record, "sentence1", place), _text(record, "sentence2", place)),
            _label(record, place),
        )
        for record, place in islice(records, most)
    ]
    return _classified(MRPC, found, MRPC_WORDS)


_MAKERS: Mapping[str, Callable[[Records, int | None], RetentionSet | None]] = {
    TINY_SHAKESPEARE: _lines,
    LAMBADA: _passages,
    SST2: _reviews,
    MRPC: _paraphrases,
}


def _classified(
    name: str, found: Sequence[tuple[str, int]], words: tuple[str, ...]
) -> Classified | None:
    prompts, labels = tuple(prompt for prompt, _ in found), tuple(label for _, label in found)
    return Classified(name, prompts, labels, words) if found else None


def _text(record: Record, field: str, place: str) -> str:
    value = record.get(field)
    if not isinstance(value, str):
        columns = ", ".join(f"`{name}`" for name in record)
        raise InputError(f"{place}: there is no field `{field}` that holds text, only {columns}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{place}: half of a character (a lone surrogate)") from error
    return value


def _label(record: Record, place: str) -> int:
    value = record.get("label")
    if str(value).strip() not in ("0", "1"):
        raise InputError(f"{place}: the label is {value!r}, not 0 or 1")
    return int(str(value))

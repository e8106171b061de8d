"""Retention sets from local files, in the forms in which they are handed round."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rinject.errors import InputError
from rinject.evaluate.retention.sets import LAMBADA, MRPC, SST2, TINY_SHAKESPEARE

FILES: Mapping[str, tuple[str, ...]] = {
    TINY_SHAKESPEARE: ("tinyshakespeare.txt", "tiny_shakespeare.txt"),
    LAMBADA: ("lambada_test.jsonl", "lambada_test_plain_text.txt"),
    SST2: ("sst2-validation.tsv", "SST-2/dev.tsv"),
    MRPC: ("mrpc-validation.tsv", "MRPC/dev.tsv", "msr_paraphrase_test.txt"),
}
"""For each set, the names of its file; the first that is there is taken."""
COLUMNS = {"#1 String": "sentence1", "#2 String": "sentence2", "Quality": "label"}
"""MRPC's own names of its columns, and what the hub calls them."""
Record = Mapping[str, Any]


def set_file(folder: Path, name: str) -> Path | None:
    """The file of a set in a folder or in a folder within it.

    Raises InputError where that cannot be looked up.
    """
    try:
        places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
        found = (place / file for file in FILES[name] for place in places)
        return next((path for path in found if path.is_file()), None)
    except OSError as error:
        where = error.filename or folder
        raise InputError(f"cannot look for {name} at {where}: {error.strerror}") from error


def file_records(name: str, path: Path) -> Iterator[tuple[Record, str]]:
    """The records of a set, each with its place: fields `text`, or sentences and `label`.

    Raises InputError where the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if path.suffix == ".jsonl":
        yield from _json_lines(text, path)
    elif name in (SST2, MRPC):
        yield from _table(text, path)
    elif name == TINY_SHAKESPEARE:
        yield {"text": text}, str(path)
    else:
        yield from (({"text": line}, place) for line, place in _lines(text, path))


def _lines(text: str, path: Path) -> Iterator[tuple[str, str]]:
    """The lines that are not blank, with their places; only line feeds end one."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield line.rstrip("\r"), f"{path}:{number}"


def _json_lines(text: str, path: Path) -> Iterator[tuple[Record, str]]:
    for line, place in _lines(text, path):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{place}: not a line of JSON ({error})") from error
        if not isinstance(record, dict):
            raise InputError(f"{place}: not a JSON object", hint='write {"text": "…"}')
        yield record, place


def _table(text: str, path: Path) -> Iterator[tuple[Record, str]]:
    """Rows with tabs between columns, named in the first; quotation marks are part of the text."""
    lines = list(_lines(text, path))
    cells = csv.reader((line for line, _ in lines), delimiter="\t", quoting=csv.QUOTE_NONE)
    try:
        rows = list(zip(cells, (place for _, place in lines), strict=True))
    except csv.Error as error:
        raise InputError(f"{path}:{cells.line_num}: not a table ({error})") from error
    if not rows:
        return
    names = [COLUMNS.get(name.strip(), name.strip()) for name in rows[0][0]]
    for row, place in rows[1:]:
        if len(row) != len(names):
            raise InputError(f"{place}: {len(row)} columns, the first line names {len(names)}")
        yield dict(zip(names, row, strict=True)), place

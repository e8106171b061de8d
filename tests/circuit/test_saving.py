"""Compiled models on disk."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from tracr.rasp import rasp

from rinject.circuit import CompiledModel
from rinject.circuit.model import FILE
from rinject.compiler import compile_program
from rinject.errors import InputError
from rinject.lang import load_program

SOURCE = "before = select(indices, indices, <); out = aggregate(before, indices) + 1;"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    program = load_program(text=SOURCE)
    compile_program(program, vocab=["a"], max_seq_len=4).save(tmp_path / "model")
    return tmp_path / "model"


def test_round_trip(saved: Path) -> None:
    model = CompiledModel.load(saved)
    assert model.run("aaaa") == [1, 1, 1.5, 2.0]
    assert model.program is not None
    assert model.program.source == SOURCE
    assert (saved / "program.rasp").read_text() == SOURCE


def test_saving_replaces_what_was_there(saved: Path) -> None:
    compile_program(rasp.tokens, vocab=["b"], max_seq_len=2).save(saved)
    assert CompiledModel.load(saved).run("b") == ["b"]
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no compiled model"):
        CompiledModel.load(tmp_path)


def test_truncated(saved: Path) -> None:
    data = (saved / FILE).read_bytes()
    (saved / FILE).write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged"):
        CompiledModel.load(saved)


def test_newer_schema(saved: Path) -> None:
    tensors = load_file(saved / FILE)
    save_file(tensors, saved / FILE, metadata={"rinject": json.dumps({"schema": 99})})
    with pytest.raises(InputError, match="newer"):
        CompiledModel.load(saved)


def test_other_files_are_not_harmed(saved: Path, tmp_path: Path) -> None:
    model = CompiledModel.load(saved)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    (tmp_path / "file").write_text("keep")
    for target in ("mine", "file"):
        with pytest.raises(InputError):
            model.save(tmp_path / target)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"
    assert (tmp_path / "file").read_text() == "keep"


def test_saving_here(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    CompiledModel.load(saved).save(".")
    assert CompiledModel.load(tmp_path / "here").run("a") == [1]

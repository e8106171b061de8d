"""`rinject export`."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import pytest
from command_line import PROGRAM, run
from transformers import AutoModelForTokenClassification

TOKENS = [*"(()", "compute"]
FILES = {
    "hf": {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"},
    "transformer-lens": {"config.json", "model.safetensors", "load.py"},
    "pytorch": {"model.py", "weights.safetensors"},
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a compiled program; tests must leave it as it is."""
    where = tmp_path_factory.mktemp("export")
    (where / "dyck.rasp").write_text(PROGRAM)
    ran = run("compile", "dyck.rasp", "--no-verify", where=where)
    assert ran.code == 0, ran.err
    return where / "compiled" / "shuffle_dyck"


@pytest.mark.parametrize("to", FILES)
def test_every_target(compiled: Path, tmp_path: Path, to: str) -> None:
    ran = run("export", compiled, "--to", to, where=tmp_path)
    assert ran.code == 0, ran.err
    assert f"saved in exported/shuffle_dyck-{to}" in ran.err
    assert ran.out == ""
    written = {path.name for path in (tmp_path / "exported" / f"shuffle_dyck-{to}").iterdir()}
    assert written == FILES[to] | {"README.md", "export.json"}


def test_hugging_face(compiled: Path, tmp_path: Path) -> None:
    assert run("export", compiled, "--to", "hf", "-o", "made", where=tmp_path).code == 0
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "made")
    assert model.config.architectures == ["GPT2ForTokenClassification"]


def test_json(compiled: Path, tmp_path: Path) -> None:
    ran = run("export", compiled, "--to", "pytorch", "-o", "made", "--json", where=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.json == {
        "program": "shuffle_dyck",
        "to": "pytorch",
        "directory": "made",
        "files": ["README.md", "export.json", "model.py", "weights.safetensors"],
    }
    model = runpy.run_path(str(tmp_path / "made" / "model.py"))["Model"](tmp_path / "made")
    assert model.run(TOKENS) == [False, False, False, True]


def test_number(compiled: Path, tmp_path: Path) -> None:
    arguments = ("--to", "pytorch", "-o", "made", "--number")
    assert run("export", compiled, *arguments, where=tmp_path).code == 0
    about = json.loads((tmp_path / "made" / "export.json").read_text())
    assert about["output"]["values"] is None


def test_exporting_again(compiled: Path, tmp_path: Path) -> None:
    for to in ("hf", "pytorch"):
        assert run("export", compiled, "--to", to, "-o", "made", where=tmp_path).code == 0
    assert not (tmp_path / "made" / "config.json").exists()


def test_no_compiled_model(tmp_path: Path) -> None:
    ran = run("export", "gone", "--to", "hf", where=tmp_path)
    assert ran.code == 2
    assert "there is no compiled model in gone" in ran.err
    assert "hint: " in ran.err
    assert not (tmp_path / "exported").exists()


def test_a_damaged_model(compiled: Path, tmp_path: Path) -> None:
    shutil.copytree(compiled, tmp_path / "bad")
    for path in (tmp_path / "bad").glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-100])
    ran = run("export", "bad", "--to", "pytorch", where=tmp_path)
    assert ran.code == 2
    assert "damaged" in ran.err
    assert "Traceback" not in ran.err


def test_a_target_that_holds_something_else(compiled: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    ran = run("export", compiled, "--to", "hf", "-o", "mine", where=tmp_path)
    assert ran.code == 2
    assert "mine holds other files" in ran.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    assert run("export", compiled, "--to", "hf", "-o", compiled, where=tmp_path).code == 2


def test_an_output_that_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "copy.rasp").write_text(
        'program copy { vocabulary "a"; longest 3; output out; }\nout = tokens;'
    )
    assert run("compile", "copy.rasp", "--no-verify", where=tmp_path).code == 0
    ran = run("export", "compiled/copy", "--to", "pytorch", "--number", where=tmp_path)
    assert ran.code == 2
    assert "`out` is not always a number: it can be 'a'" in ran.err


def test_an_unknown_target(compiled: Path, tmp_path: Path) -> None:
    ran = run("export", compiled, "--to", "onnx", where=tmp_path)
    assert ran.code == 2
    assert "--to" in ran.err

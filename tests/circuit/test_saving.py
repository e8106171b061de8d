"""Compiled models on disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tracr.compiler import lib
from tracr.rasp import rasp

from rinject.circuit import (
    BlockRecord,
    CompiledModel,
    HeadRecord,
    LayerRecord,
    ResidualLayout,
    Slot,
    Transformer,
)
from rinject.circuit.saving import OLD_FILE, RECORD, SOURCE, WEIGHTS
from rinject.compiler import compile_program
from rinject.errors import InputError
from rinject.graph.record import value_from_json
from rinject.lang import load_program

PROGRAMS = Path(__file__).parents[2] / "programs"
TEXT = "before = select(indices, indices, <); out = aggregate(before, indices) + 1;"
FILES = (RECORD, SOURCE, WEIGHTS)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model; tests must leave it as it is."""
    directory = tmp_path_factory.mktemp("written") / "model"
    compile_program(load_program(text=TEXT), vocab=["a"], max_seq_len=4).save(directory)
    return directory


@pytest.fixture
def saved(written: Path, tmp_path: Path) -> Path:
    """A saved model, to be changed."""
    return Path(shutil.copytree(written, tmp_path / "model"))


def record_of(directory: Path) -> Any:
    return json.loads((directory / RECORD).read_text(encoding="utf-8"))


# --- what comes back ----------------------------------------------------------------------------


def test_round_trip(saved: Path) -> None:
    model = CompiledModel.load(saved)
    assert model.run("aaaa") == [1, 1, 1.5, 2.0]
    assert model.program is not None
    assert model.program.source == TEXT
    assert (saved / SOURCE).read_text() == TEXT
    assert sorted(path.name for path in saved.iterdir()) == sorted(FILES)
    assert len({path.stat().st_mode for path in saved.iterdir()}) == 1


def test_a_model_is_saved_as_it_was_loaded(saved: Path) -> None:
    before = {name: (saved / name).read_bytes() for name in FILES}
    CompiledModel.load(saved).save(saved)
    assert {name: (saved / name).read_bytes() for name in FILES} == before


def test_what_a_program_loads_is_kept(tmp_path: Path) -> None:
    compile_program(PROGRAMS / "induction.rasp", max_seq_len=5).save(tmp_path / "model")
    program = CompiledModel.load(tmp_path / "model").program
    original = load_program(PROGRAMS / "induction.rasp")
    assert program is not None
    assert program.loaded == original.loaded != {}
    assert program.sha256 == original.sha256
    assert program.name == "induction"


def test_the_name_of_a_file_without_a_header_is_kept(tmp_path: Path) -> None:
    (tmp_path / "twice.rasp").write_text("doubled = indices * 2;")
    model = compile_program(tmp_path / "twice.rasp", vocab=["a"], max_seq_len=3)
    model.save(tmp_path / "model")
    program = CompiledModel.load(tmp_path / "model").program
    assert program is not None
    assert program.name == "twice"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.tuples(inner, inner),
    max_leaves=4,
)


def handmade(values: tuple[Any, ...], **more: Any) -> CompiledModel:
    """A model without layers whose tokens are these values."""
    graph = compile_program(rasp.tokens, vocab=["a"], max_seq_len=2).graph
    size = len(values)
    transformer = Transformer(torch.eye(size + 1), torch.zeros(3, size + 1), (), False)
    layout = ResidualLayout((Slot(graph.output, 0, size, values),), size + 1)
    return CompiledModel(transformer, layout, graph, "native", **more)


@given(st.lists(VALUES, min_size=1, max_size=4).map(tuple))
def test_values_keep_their_types(
    tmp_path_factory: pytest.TempPathFactory, values: tuple[Any, ...]
) -> None:
    directory = tmp_path_factory.mktemp("values") / "model"
    handmade(values).save(directory)
    again = CompiledModel.load(directory).layout.slots[0].values
    assert repr(again) == repr(values)  # 1, True and 1.0 are equal, and so are 0.0 and -0.0


def test_wiring_and_margin_come_back(tmp_path: Path) -> None:
    head = HeadRecord("n", "width", 'select(tokens, "a", ==)', ("tokens",), (), None)
    block = BlockRecord("n", "decode", "selector_width(...)", ("n",), 0, 4)
    wiring = (LayerRecord((head,), (block,)), LayerRecord((), ()))
    handmade(("a",), wiring=wiring, margin=0.91).save(tmp_path / "model")
    again = CompiledModel.load(tmp_path / "model")
    assert again.wiring == wiring
    assert again.margin == 0.91


# --- what is written ----------------------------------------------------------------------------


def test_the_record_says_where_everything_is(saved: Path) -> None:
    record, model = record_of(saved), CompiledModel.load(saved)
    assert record["schema"] == 2
    assert record["backend"] == "native"
    assert record["output"] == model.graph.output == "out"
    assert record["symbols"] == {
        "BOS": 1,
        "PAD": -1,
        "vocabulary": [{"id": 0, "value": {"str": "a"}}],
    }
    assert record["program"]["source"] == TEXT
    layers = {variable.name: variable.layer for variable in model.graph.variables}
    stop = 0
    for variable, slot in zip(record["variables"], model.layout.slots, strict=True):
        assert variable["first"] == stop
        stop = variable["stop"]
        assert tuple(map(value_from_json, variable["values"])) == slot.values
        assert variable["layer"] == layers[variable["name"]]
    uses = [entry["use"] for entry in record["other_dimensions"]]
    assert uses == ["BOS mark", "scratch"]
    assert record["other_dimensions"][0]["first"] == stop
    assert record["other_dimensions"][-1]["stop"] == record["width"] == model.residual_width


def test_every_field_is_documented(tmp_path: Path) -> None:
    compile_program(PROGRAMS / "sort.rasp", causal=False).save(tmp_path / "model")
    record = record_of(tmp_path / "model")
    page = (PROGRAMS.parent / "docs" / "compile.md").read_text(encoding="utf-8")
    layer = next(layer for layer in record["layers"] if layer["heads"] and layer["blocks"])
    parts = (record, record["variables"][0], record["program"], record["symbols"])
    for part in (*parts, layer, layer["heads"][0], layer["blocks"][0]):
        for field in part:
            assert f"`{field}`" in page


def test_the_record_is_readable(saved: Path) -> None:
    lines = (saved / RECORD).read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ["{", '  "format": "rinject compiled model",', '  "schema": 2,']
    assert max(map(len, lines)) <= 100
    assert str(Path.home()) not in "\n".join(lines)


WRITE = """
import sys
from rinject import compile_program
compile_program(sys.argv[1], max_seq_len=3, backend=sys.argv[3]).save(sys.argv[2])
"""


@pytest.mark.parametrize("backend", ["native", "tracr"])
def test_the_same_program_gives_the_same_bytes(tmp_path: Path, backend: str) -> None:
    """In another process, with other hashes, from another place."""
    found = []
    for seed in ("1", "2"):
        folder = tmp_path / f"place{seed}"
        folder.mkdir()
        shutil.copy(PROGRAMS / "histogram.rasp", folder)
        command = [sys.executable, "-c", WRITE, f"{folder}/histogram.rasp", f"{folder}/m", backend]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        found.append({path.name: path.read_bytes() for path in (folder / "m").iterdir()})
    assert found[0] == found[1]
    assert sorted(found[0]) == sorted(FILES)


# --- damage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(written: Path, name: str, place: float, bit: int) -> None:
    data = (written / name).read_bytes()
    changed = bytearray(data)
    changed[int(place * len(data))] ^= 1 << bit
    try:
        (written / name).write_bytes(changed)
        with pytest.raises(InputError, match=r"is damaged|newer format"):
            CompiledModel.load(written)
    finally:
        (written / name).write_bytes(data)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(InputError, match=f"is damaged: {name} is missing") as raised:
        CompiledModel.load(saved)
    assert "compile it again" in (raised.value.hint or "")


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


DAMAGE: list[tuple[str, Callable[[bytes], bytes]]] = [
    *((name, cut) for name in FILES),
    *((name, lambda _: b"") for name in FILES),
    (RECORD, lambda _: b"[]"),
    (RECORD, lambda _: b'{"schema": "two"}'),
    (RECORD, lambda _: b'{"schema": 2, "sha256": 3}'),
    (RECORD, lambda _: b"\xff\xfe"),
    (SOURCE, lambda data: data + b"# mine\n"),
]


@pytest.mark.parametrize(("name", "harm"), DAMAGE)
def test_damage(saved: Path, name: str, harm: Callable[[bytes], bytes]) -> None:
    (saved / name).write_bytes(harm((saved / name).read_bytes()))
    with pytest.raises(InputError, match="is damaged"):
        CompiledModel.load(saved)


def test_newer_schema(saved: Path) -> None:
    (saved / RECORD).write_text('{"schema": 99}')
    with pytest.raises(InputError, match="newer") as raised:
        CompiledModel.load(saved)
    assert raised.value.hint == "update rinject"


def test_older_format(tmp_path: Path) -> None:
    """It has to be compiled again, and may be to the same place."""
    old = tmp_path / "model"
    old.mkdir()
    (old / OLD_FILE).write_bytes(b"weights")
    (old / SOURCE).write_text(TEXT)
    with pytest.raises(InputError, match="older format") as raised:
        CompiledModel.load(old)
    assert "compile it again" in (raised.value.hint or "")
    handmade(("a",)).save(old)
    assert sorted(path.name for path in old.iterdir()) == sorted({RECORD, WEIGHTS})


def test_missing(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="no compiled model"):
            CompiledModel.load(directory)


# --- where it is written ------------------------------------------------------------------------


def test_saving_replaces_what_was_there(saved: Path) -> None:
    compile_program(rasp.tokens, vocab=["b"], max_seq_len=2).save(saved)
    assert CompiledModel.load(saved).run("b") == ["b"]
    assert [path.name for path in saved.parent.iterdir()] == ["model"]
    assert not (saved / SOURCE).exists()


def test_an_incomplete_model_replaces_nothing(saved: Path) -> None:
    with pytest.raises(InputError, match="cannot be saved"):
        handmade((object(),)).save(saved)
    assert CompiledModel.load(saved).run("a") == [1]
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


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


def test_a_mean_that_stays_a_number_comes_back(tmp_path: Path) -> None:
    is_x = rasp.numerical(rasp.Map(lambda token: token == "x", rasp.tokens))
    model = compile_program(lib.make_frac_prevs(is_x), vocab="xy", max_seq_len=40)
    assert model.layout.slot("frac_prevs").reading == "number"
    model.save(tmp_path / "model")
    again = CompiledModel.load(tmp_path / "model")
    assert again.layout == model.layout
    assert (
        again.run("xyyxyyx")
        == model.run("xyyxyyx")
        == [1, 1 / 2, 1 / 3, 1 / 2, 2 / 5, 1 / 3, 3 / 7]
    )

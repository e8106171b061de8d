"""Compiled models as one file of plain PyTorch, against our own."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from export_samples import MEAN_SAMPLES, SAMPLES, Sample, batch_of
from tracr.compiler import lib
from tracr.rasp import rasp

from rinject.circuit import CompiledModel
from rinject.circuit.export import export_pytorch
from rinject.compiler import compile_program
from rinject.errors import InputError


def alone(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `model.py` in a process that finds nothing of rinject."""
    program = (
        "import runpy, sys;"
        "sys.modules['rinject'] = None;"  # importing it is an error
        f"sys.argv = ['model.py', *{arguments!r}];"
        f"runpy.run_path({str(directory / 'model.py')!r}, run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=directory
    )


def load(directory: Path) -> Any:
    return runpy.run_path(str(directory / "model.py"))["Model"](directory)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_the_same_model(sample: Sample, tmp_path: Path) -> None:
    batch = batch_of(sample.model)
    export_pytorch(sample.model, tmp_path / "model")
    model = load(tmp_path / "model")
    assert torch.equal(model.encode(batch.inputs), batch.ids)
    batch.assert_same_streams(model.residuals(batch.ids))
    batch.assert_same_outputs(model.run_batch(batch.inputs))


@pytest.mark.parametrize("sample", MEAN_SAMPLES, ids=str)
def test_numbers(sample: Sample, tmp_path: Path) -> None:
    batch = batch_of(sample.model)
    export_pytorch(sample.model, tmp_path / "model", number=True)
    model = load(tmp_path / "model")
    batch.assert_same_numbers(model(batch.ids))
    tokens = batch.inputs[-1]
    assert model.run(tokens) == pytest.approx(sample.model.run(tokens))


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_variables_are_read(sample: Sample, tmp_path: Path) -> None:
    batch = batch_of(sample.model)
    export_pytorch(sample.model, tmp_path / "model")
    model = load(tmp_path / "model")
    final = model.residuals(batch.ids)[-1]
    batch.assert_same_outputs(model.read(sample.model.graph.output, final))


def test_it_runs_by_itself(tmp_path: Path) -> None:
    model = SAMPLES[0].model
    export_pytorch(model, tmp_path / "model")
    ran = alone(tmp_path / "model", *"())(")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == model.run("())(")


def test_symbols_on_its_command_line_need_not_be_strings(tmp_path: Path) -> None:
    model: CompiledModel = MEAN_SAMPLES[1].model
    export_pytorch(model, tmp_path / "model")
    ran = alone(tmp_path / "model", "2", "1", "3")
    assert json.loads(ran.stdout) == model.run([2, 1, 3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("(", "?"), "'?' is not in the vocabulary"),
        (("(",) * 8, "8 tokens, the program's positions are 7"),
        ((), "TOKEN TOKEN"),
    ],
)
def test_its_mistakes(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    export_pytorch(SAMPLES[0].model, tmp_path / "model")
    ran = alone(tmp_path / "model", *arguments)
    assert ran.returncode == 1
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_new_export_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    for sample in (SAMPLES[0], SAMPLES[1]):
        export_pytorch(sample.model, tmp_path / "model")
    assert load(tmp_path / "model").about["causal"] is False
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_other_files_are_not_harmed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("keep")
    with pytest.raises(InputError, match="holds other files"):
        export_pytorch(SAMPLES[0].model, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "keep"


def test_a_mean_that_stays_a_number(tmp_path: Path) -> None:
    is_x = rasp.numerical(rasp.Map(lambda token: token == "x", rasp.tokens))
    sample = compile_program(lib.make_frac_prevs(is_x), vocab="xy", max_seq_len=40)
    export_pytorch(sample, tmp_path / "model")
    model = load(tmp_path / "model")
    expected = [1, 1 / 2, 1 / 3, 1 / 2, 2 / 5]
    assert model.run("xyyxy") == pytest.approx(expected, abs=1e-5)
    last = model.residuals(model.encode(["xyyxy"]))[-1]
    assert model.read("frac_prevs", last) == [expected]


def test_a_number_that_may_be_of_no_position_is_refused(tmp_path: Path) -> None:
    same = rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.LT)
    mean = rasp.Aggregate(same, rasp.numerical(rasp.tokens), default=0)
    model = compile_program(mean, vocab=range(30), max_seq_len=8)
    with pytest.raises(InputError, match="or of no position"):
        export_pytorch(model, tmp_path / "model")

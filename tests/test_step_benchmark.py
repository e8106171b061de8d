"""The benchmark of the training step: both steps are the same step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.children import ROOT
from benchmarks.records import Report
from benchmarks.step_records import ShapeRecord, StepRecord, StepReport
from benchmarks.step_sides import FASTER, OurSide, Setting, StraightforwardSide, make_setting
from benchmarks.step_tables import step_grids
from benchmarks.step_timing import gigaflop, parts_of
from benchmarks.tracr_shape import SHUFFLE_DYCK, stand_in
from benchmarks.train_step import main
from rinject.inject.batches import STEPS_AHEAD

SMALL = {"task_rows": 4, "text_rows": 3, "text_tokens": 20, "student_rate": 1e-4}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def setting() -> Setting:
    return make_setting("tiny", **SMALL)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def sides(setting: Setting) -> tuple[OurSide, StraightforwardSide]:
    return setting.ours(), setting.straightforward()


def test_both_steps_have_the_same_losses(sides: tuple[OurSide, StraightforwardSide]) -> None:
    ours, straightforward = sides
    for step in range(4):
        expected = straightforward.losses()
        assert ours.losses() == pytest.approx(expected, rel=1e-4, abs=1e-4), step
        assert ours.step() == straightforward.step()
    assert expected["text"] > 1e-3  # the student has moved away from the teacher


def test_both_steps_move_the_weights_alike(sides: tuple[OurSide, StraightforwardSide]) -> None:
    ours, straightforward = sides
    for side in sides:
        side.step()
    pairs = zip(
        ours.state.model.parameters(), straightforward.straightforward.student.parameters(),
        strict=True,
    )  # fmt: skip
    apart = torch.cat([(one - other).detach().abs().flatten() for one, other in pairs])
    # The first step of AdamW is as long for every weight. Its direction is chance where the
    # gradient is zero but for rounding, as for the biases of attention's keys.
    assert apart.gt(1e-6).float().mean() < 1e-2
    weight = straightforward.straightforward.map.weight
    torch.testing.assert_close(ours.state.projection.weight[0], weight, atol=1e-5, rtol=0)


def test_similar_lengths_take_the_same_examples(setting: Setting) -> None:
    ours = setting.ours(**FASTER).trainer.batches
    other = setting.straightforward().batches
    seen = [
        sorted(
            tuple(ids[:end])
            for step in range(STEPS_AHEAD)
            for rows in [batches.task_rows(step)]
            for ids, end in zip(rows.ids.tolist(), rows.lengths, strict=True)
        )
        for batches in (ours, other)
    ]
    assert seen[0] == seen[1]


def test_the_dense_model_has_the_streams_of_ours(
    setting: Setting, sides: tuple[OurSide, StraightforwardSide]
) -> None:
    batches = setting.batches(setting.settings)
    ids = torch.from_numpy(batches.targets.program_ids(batches.task_rows(0)))
    inside = ids != -1
    dense = sides[1].straightforward.compiled(ids)
    for ours, theirs in zip(setting.compiled.residuals(ids.numpy()), dense, strict=True):
        torch.testing.assert_close(ours[inside], theirs[:, 1:][inside], atol=1e-3, rtol=1e-5)


def test_our_step_takes_fewer_operations(sides: tuple[OurSide, StraightforwardSide]) -> None:
    ours, straightforward = sides
    assert 0 < gigaflop(ours) < gigaflop(straightforward)


def test_the_stand_in_is_as_large_as_tracrs_model() -> None:
    report = Report.load(ROOT / "benchmarks" / "compiler.json")
    (record,) = (one for one in report.records if one.name == "shuffle_dyck")
    # tracr keeps a row for BOS and one for PAD
    dense = stand_in(SHUFFLE_DYCK, record.symbols + 1, record.longest)
    assert sum(t.numel() for t in dense.weights.values()) == record.tracr.parameters
    assert (dense.layers, SHUFFLE_DYCK.width) == (record.tracr.layers, record.tracr.width)


def test_the_parts_are_all_parts(setting: Setting) -> None:
    parts = parts_of(setting.ours(forward="apart"), 1, CPU)
    assert set(parts) == {
        "data", "losses", "student, task", "student, text", "teacher", "backward", "optimizer",
    }  # fmt: skip
    assert "student, task and text" in parts_of(setting.ours(forward="joint"), 1, CPU)


def test_a_quick_run_is_kept_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "steps.json"
    arguments = ["--quick", "--shape", "tiny", "--threads", "1", "--json", str(path)]
    assert main([*arguments, "--markdown", "--set", "forward=apart"]) == 0
    report = StepReport.load(path)
    (record,) = report.shapes
    assert [side.name for side in record.sides] == [
        "rinject", "straightforward", "straightforward, tracr's model",
    ]  # fmt: skip
    assert record.settings == FASTER | {"forward": "apart"}
    assert all(len(side.rounds) == 2 for side in record.sides)
    printed = capsys.readouterr().out
    for grid in step_grids(report):
        assert grid.for_markdown() in printed


@pytest.mark.skipif(torch.cuda.is_available(), reason="it would be measured")
def test_a_shape_without_its_device_is_said_to_be_unmeasured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "steps.json"
    assert main(["--shape", "gpt2-large", "--json", str(path)]) == 0
    assert "gpt2-large was not measured: there is no CUDA device" in capsys.readouterr().out
    assert json.loads(path.read_text())["unmeasured"] == {"gpt2-large": "there is no CUDA device"}


def test_a_later_run_adds_to_what_is_known() -> None:
    side = StepRecord("rinject", (10.0, 12.0), 1000.0, 5.0, 2.0)
    slower = StepRecord("straightforward", (30.0, 24.0), 400.0, 9.0, 4.0)
    tiny = ShapeRecord("tiny", "", "a machine", 2, 32, {}, (side, slower), {"data": 1.0}, 100.0)
    report = StepReport((tiny,), {"gpt2-large": "no device"})
    assert (tiny.ratios(slower), tiny.floor) == ((3.0, 2.0), 20.0)
    large = ShapeRecord(**{**vars(tiny), "shape": "gpt2-large"})
    assert report.updated(StepReport((large,))) == StepReport((tiny, large), {})


def test_an_unknown_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--quick", "--set", "speed=1"])
    assert "'speed=1' is no setting and its value" in capsys.readouterr().err

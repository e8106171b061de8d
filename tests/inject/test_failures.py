"""What fails in a run is said in one line, and what was saved last stays."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager

import pytest
import torch
from inject.small_run import assert_same, run, stop_after
from safetensors.torch import load_file

from rinject.errors import RinjectError
from rinject.inject import Interrupted, run_path
from rinject.inject.failures import explained_memory, explained_writing

DIVERGES = {"student_rate": 1e30, "log_every": 1, "checkpoint_minutes": 1e-9}


@contextmanager
def no_room_for(size):
    """Within the block no file can grow beyond so many bytes: writing more fails, really."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def saved(directory):
    return sorted(path.name for path in run_path(directory).iterdir())


def test_no_room_for_a_checkpoint(tmp_path):
    whole = run(tmp_path / "whole", log_every=1)
    with pytest.raises(Interrupted):
        run(tmp_path / "b", report=stop_after(2), log_every=1)
    with (
        no_room_for(10_000),
        pytest.raises(RinjectError, match=r"step-000003\S+ could not be written: ") as caught,
    ):
        run(tmp_path / "b", log_every=1, checkpoint_minutes=1e-9, extra={"resume": True})
    assert caught.value.exit_code == 1
    assert "step-000002.safetensors stays: make room" in caught.value.hint
    assert saved(tmp_path / "b") == ["metrics.jsonl", "step-000002.safetensors"]
    assert_same(whole, run(tmp_path / "b", log_every=1, extra={"resume": True}))


def test_no_room_for_the_bundle(tmp_path):
    """What was trained is kept: resuming begins with measuring and writing."""
    whole = run(tmp_path / "whole")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def measure(_):
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        return {}

    with (
        no_room_for(soft),  # until it measures
        pytest.raises(RinjectError, match=r"bundle \S+ could not be written") as caught,
    ):
        run(tmp_path / "b", extra={"measure": measure})
    assert "--resume" in caught.value.hint
    assert sorted(os.listdir(tmp_path)) == ["b.run", "whole"]
    reports = []
    assert_same(whole, run(tmp_path / "b", extra={"resume": True}, report=reports.append))
    assert reports == []


def test_the_reason_is_the_systems(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RinjectError, match="it could not be written: Not a directory"),
        explained_writing("it", "elsewhere"),
    ):
        (tmp_path / "file" / "inside").write_text("")


def test_a_loss_that_is_no_number(tmp_path):
    reports = []
    with pytest.raises(RinjectError, match=r"the \w+ loss is \w+ at step \d: .* diverged") as found:
        run(tmp_path / "b", report=reports.append, **(DIVERGES | {"checkpoint_minutes": 0}))
    assert found.value.exit_code == 1
    assert "--student-rate" in found.value.hint
    assert len(reports) < 6


@pytest.mark.parametrize("roll", ["final-result", "subspace"])
def test_weights_that_are_not_numbers_cannot_be_rolled(tmp_path, roll):
    with pytest.raises(RinjectError, match=r"weights that are not numbers after step [12]"):
        run(tmp_path / "b", map_rate=1e300, roll=roll, log_every=100)


def test_a_checkpoint_never_holds_what_is_no_number(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path / "b", report=stop_after(2), log_every=1)
    (checkpoint,) = run_path(tmp_path / "b").glob("step-*")
    with pytest.raises(RinjectError, match="diverged"):
        run(tmp_path / "c", **DIVERGES)
    kept = list(run_path(tmp_path / "c").glob("step-*"))
    for path in (checkpoint, *kept):
        assert all(torch.isfinite(tensor).all() for tensor in load_file(path).values())


def test_weights_are_looked_at_before_they_are_saved(tmp_path):
    """The losses of the last step were numbers; what it made of the weights is not."""
    with pytest.raises(RinjectError, match="weights that are not numbers after step 1"):
        run(tmp_path / "b", steps=1, map_rate=1e300)
    assert not run_path(tmp_path / "b").exists() or saved(tmp_path / "b") == ["metrics.jsonl"]


def test_out_of_memory(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path / "b", report=stop_after(2), log_every=1)
    with pytest.raises(RinjectError, match="this machine ran out of memory") as caught:
        run(
            tmp_path / "b", report=lambda _: torch.empty(1 << 50), log_every=1,
            extra={"resume": True},
        )  # fmt: skip
    assert caught.value.exit_code == 1
    assert "--task-rows" in caught.value.hint
    assert "step-000002.safetensors" in saved(tmp_path / "b")


def test_pythons_memory_and_other_mistakes():
    with pytest.raises(RinjectError, match="this machine ran out of memory"), explained_memory():
        bytearray(1 << 60)
    with pytest.raises(RuntimeError, match="shape"), explained_memory():
        torch.zeros(2).view(3)

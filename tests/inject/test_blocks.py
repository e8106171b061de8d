"""Blocks that are compiled, or computed anew: the same losses and gradients, and nothing stays."""

from __future__ import annotations

import pytest
import torch
from inject import small_injection
from inject.small_run import assert_same, run
from inject.small_steps import assert_alike, batch_of, losses_and_gradients

from rinject.errors import InputError
from rinject.inject import Progress
from rinject.inject.blocks import checkpointed_blocks, has_cpp_compiler, prepared_blocks
from rinject.student import blocks

KINDS = tuple(small_injection.CONFIGS)


@pytest.mark.parametrize("forward", ["joint", "apart"])
@pytest.mark.parametrize("roll", ["none", "final-result"])
@pytest.mark.parametrize("kind", KINDS)
def test_activations_computed_anew(kind, roll, forward):
    objective = small_injection.objective(kind, roll=roll, forward=forward)
    passes: list[bool] = []
    inner = next(blocks(objective.student)[0].children())
    inner.register_forward_hook(lambda *_: passes.append(True))
    expected = losses_and_gradients(objective, batch_of())
    once = len(passes)
    settings = small_injection.settings(checkpoint_activations=True)
    with prepared_blocks(objective.student, settings):
        found = losses_and_gradients(objective, batch_of())
    assert len(passes) == 3 * once
    for one, other in zip(found, expected, strict=True):
        assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_how_blocks_run_is_undone():
    student = small_injection.student().model
    settings = small_injection.settings(checkpoint_activations=True)

    def changed() -> set[bool]:
        return {"forward" in vars(block) for block in blocks(student)}

    def fail() -> None:
        with prepared_blocks(student, settings):
            with checkpointed_blocks(blocks(student)):
                assert changed() == {True}
            assert changed() == {True}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert changed() == {False}


def test_no_compiler_for_the_cpu(monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/c++")
    assert not has_cpp_compiler()
    student = small_injection.student().model
    with (
        pytest.raises(InputError, match="--compile on: no C"),
        prepared_blocks(student, small_injection.settings(compile="on")),
    ):
        pass
    with prepared_blocks(student, small_injection.settings(compile="auto")):
        assert "forward" not in vars(blocks(student)[0])


def test_a_run_that_computes_activations_anew(tmp_path):
    plain, anew = run(tmp_path / "plain"), run(tmp_path / "anew", checkpoint_activations=True)
    assert_same(plain, anew)
    assert not any("forward" in vars(block) for block in blocks(anew.bundle.model))


# --- compiled -------------------------------------------------------------------------------------

NO_COMPILER = "torch compiles with a C++ compiler only"


@pytest.mark.slow
@pytest.mark.skipif(not has_cpp_compiler(), reason=NO_COMPILER)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore:The .grad:UserWarning")
def test_compiled_and_computed_anew():
    objective, batches = small_injection.objective("llama"), small_injection.batches()
    expected = [losses_and_gradients(objective, batches.at(step)) for step in range(3)]
    settings = small_injection.settings(compile="on", checkpoint_activations=True)
    with prepared_blocks(objective.student, settings):
        for step, plain in enumerate(expected):
            assert_alike(losses_and_gradients(objective, batches.at(step)), plain)


@pytest.mark.slow
@pytest.mark.skipif(not has_cpp_compiler(), reason=NO_COMPILER)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore:The .grad:UserWarning")
def test_a_compiled_run(tmp_path):
    def losses(name: str, **changed: object) -> list[dict[str, float]]:
        reports: list[Progress] = []
        run(tmp_path / name, log_every=1, report=reports.append, **changed)
        return [report.losses for report in reports]

    plain, quick = losses("plain"), losses("compiled", compile="on")
    assert len(plain) == len(quick) == 6
    for one, other in zip(plain, quick, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-6)

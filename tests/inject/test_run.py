"""Whole runs: they learn, stop, continue bit for bit, and refuse what cannot work."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
import torch
from inject import small_injection
from inject.small_injection import TEXTS, WIDTH

from rinject.errors import InputError
from rinject.inject import Interrupted, checkpoint_path, inject, load_bundle
from rinject.inject.interrupts import held_interrupts
from rinject.inject.projection import Projection, variable_slices
from rinject.inject.state import State
from rinject.lang import load_program
from rinject.student import weight_hash


def run(directory, *, kind="gpt2", compiled=None, report=lambda _: None, extra=None, **changed):
    return inject(
        compiled or small_injection.compiled(),
        small_injection.student(kind),
        small_injection.reconciliation(),
        small_injection.task(),
        TEXTS,
        small_injection.settings(**changed),
        directory=directory,
        report=report,
        **(extra or {}),
    )


def weights(result):
    return {**result.bundle.model.state_dict(), **result.bundle.projection.state_dict()}


def assert_same(one, other):
    for name, tensor in weights(one).items():
        assert torch.equal(tensor, weights(other)[name]), name


def stop_after(step):
    def report(progress):
        if progress.step == step:
            raise KeyboardInterrupt

    return report


@pytest.mark.parametrize("kind", small_injection.CONFIGS)
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"alignment": "cosine", "roll": "subspace", "layer_map": "stretched", "kl_every": 2},
        {"method": "finetune", "warmup": 0.5, "decay": 0.5},
        {"optimizer": "muon", "balance": 0.5, "whiten": 0.01, "rare": 0.5},
    ],
)
def test_resumed_bit_for_bit(tmp_path, kind, changed):
    changed = changed | {"kind": kind, "log_every": 1}
    whole = run(tmp_path / "whole", **changed)
    with pytest.raises(Interrupted, match="stopped after step 3 of 6") as caught:
        run(tmp_path / "parts", report=stop_after(3), **changed)
    checkpoint = checkpoint_path(tmp_path / "parts")
    assert str(checkpoint) in caught.value.hint
    assert not (tmp_path / "parts").exists()
    parts = run(tmp_path / "parts", extra={"resume": True}, **changed)
    assert_same(whole, parts)
    assert not checkpoint.exists()


def test_learned_in_other_coordinates(tmp_path):
    """The map that is saved is the plain one: it reads as the trained state did."""
    plain = run(tmp_path / "plain")
    white = run(tmp_path / "white", whiten=0.01)
    weights = [result.bundle.projection.weight for result in (plain, white)]
    assert not torch.equal(*weights)
    assert torch.equal(load_bundle(tmp_path / "white").projection.weight, weights[1])


def test_it_learns(tmp_path):
    reports = []
    result = run(
        tmp_path / "b", steps=60, examples=4, eval_every=30, log_every=15, report=reports.append
    )
    first, last = reports[0], reports[-1]
    assert [r.step for r in reports] == [15, 30, 45, 60]
    assert [r.accuracy is not None for r in reports] == [False, True, False, True]
    assert last.losses.keys() == {"answer", "alignment", "text"}
    assert last.losses["answer"] < first.losses["answer"]
    assert last.losses["alignment"] < first.losses["alignment"]
    assert last.tokens_per_second > 0
    assert last.seconds_left == 0
    assert result.accuracy == last.accuracy


def test_the_given_student_is_not_changed(tmp_path):
    student = small_injection.student()
    before = weight_hash(student.model)
    result = inject(
        small_injection.compiled(), student, small_injection.reconciliation(),
        small_injection.task(), TEXTS, small_injection.settings(), directory=tmp_path / "b",
    )  # fmt: skip
    assert weight_hash(student.model) == before == result.bundle.record.base.weight_hash
    assert weight_hash(result.bundle.model) != before


def test_the_baselines_map_is_only_a_probe(tmp_path):
    one = run(tmp_path / "one", method="finetune")
    other = run(tmp_path / "other", method="finetune", map_rate=0.0)
    assert weight_hash(one.bundle.model) == weight_hash(other.bundle.model)
    assert weight_hash(one.bundle.projection) != weight_hash(other.bundle.projection)


def test_metrics_are_measured_on_the_bundle_and_kept(tmp_path):
    seen = []

    def measure(bundle):
        seen.append(bundle.path)
        return {"accuracy": 0.25}

    run(tmp_path / "b", extra={"measure": measure})
    assert seen == [None]
    assert load_bundle(tmp_path / "b").record.metrics == {"accuracy": 0.25}


def test_checkpoints_on_the_way(tmp_path):
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "b", checkpoint_every=2, log_every=5, report=lambda _: 1 / 0)
    whole = run(tmp_path / "whole")
    assert_same(whole, run(tmp_path / "b", log_every=5, extra={"resume": True}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"map_rate": 0.1}, "--map-rate 0.005, now it is 0.1"), ({"kind": "llama"}, "student")],
)
def test_a_checkpoint_of_another_run(tmp_path, changed, message):
    with pytest.raises(Interrupted):
        run(tmp_path / "b", report=stop_after(2))
    with pytest.raises(InputError, match=message):
        run(tmp_path / "b", extra={"resume": True}, **changed)


def test_no_checkpoint_and_a_damaged_one(tmp_path):
    with pytest.raises(InputError, match="there is no checkpoint"):
        run(tmp_path / "b", extra={"resume": True})
    checkpoint_path(tmp_path / "b").write_bytes(b"x" * 100)
    with pytest.raises(InputError, match=r"the checkpoint .* is damaged"):
        run(tmp_path / "b", extra={"resume": True})


def test_a_checkpoint_of_another_shape(tmp_path):
    slices = variable_slices(small_injection.compiled().graph)
    settings, about = small_injection.settings(), {"settings": {}, "program": "", "student": ""}

    def state(chosen):
        model = small_injection.student().model
        return State.start(model, Projection(chosen, WIDTH), settings)

    state(slices).save(tmp_path / "c", about)
    with pytest.raises(InputError, match="another student or program"):
        state(slices[:2]).load(tmp_path / "c", about)


def test_ctrl_c_waits_for_the_end_of_the_step():
    with held_interrupts() as release:
        release()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            release()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def looks_ahead():
    compiled = small_injection.compiled()
    return replace(compiled, graph=replace(compiled.graph, causal=False))


def says_nothing_about_text():
    plain = load_program(text="answer = tokens;")
    return replace(small_injection.compiled(), program=plain)


@pytest.mark.parametrize(
    ("made", "changed", "message"),
    [
        (looks_ahead, {}, "looks ahead"),
        (says_nothing_about_text, {}, "does not say how it meets text"),
        (small_injection.compiled, {"text_tokens": 65}, "--text-tokens is 65"),
        (small_injection.compiled, {"text_tokens": 5000}, "--text-tokens"),
    ],
)
def test_what_cannot_work(tmp_path, made, changed, message):
    with pytest.raises(InputError, match=message):
        run(tmp_path / "b", compiled=made(), **changed)


def test_it_never_writes_over_other_files(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        run(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        run(tmp_path / "notes.txt")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_no_cuda(tmp_path):
    with pytest.raises(InputError, match="--device cuda: no CUDA device"):
        run(tmp_path / "b", device="cuda")

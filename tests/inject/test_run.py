"""Whole runs: they learn, stop, continue bit for bit, and refuse what cannot work."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from inject import small_injection
from inject.small_injection import TEXTS
from inject.small_run import assert_same, run, stop_after
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import GPT2LMHeadModel

from rinject.compiler import compile_program
from rinject.errors import InputError
from rinject.inject import Interrupted, inject, load_bundle, run_path
from rinject.inject.batches import STEPS_AHEAD
from rinject.inject.positions import check_shift, check_swapped
from rinject.inject.run import NO_COMBINATIONS
from rinject.lang import load_program
from rinject.student import blocks, weight_hash


@pytest.mark.parametrize("kind", small_injection.CONFIGS)
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"alignment": "cosine", "roll": "subspace", "layer_map": "stretched", "kl_every": 2},
        {"method": "finetune", "warmup": 0.5, "decay": 0.5},
        {
            "optimizer": "muon",
            "balance": 0.5,
            "whiten": 0.01,
            "rare": 0.5,
            "shift": 5,
            "roll_share": 0.5,
        },
        {"codes": "orthogonal", "vocabulary": 0.2, "whiten": 0.01},
    ],
)
def test_resumed_bit_for_bit(tmp_path, kind, changed):
    changed = changed | {"kind": kind, "log_every": 1}
    whole = run(tmp_path / "whole", **changed)
    with pytest.raises(Interrupted, match="stopped after step 3 of 6") as caught:
        run(tmp_path / "parts", report=stop_after(3), **changed)
    assert str(run_path(tmp_path / "parts") / "step-000003.safetensors") in caught.value.hint
    assert not (tmp_path / "parts").exists()
    parts = run(tmp_path / "parts", extra={"resume": True}, **changed)
    assert_same(whole, parts)
    assert not run_path(tmp_path / "parts").exists()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_weights_of_a_shorter_type_are_trained_in_float32(tmp_path, dtype, optimizer):
    """Steps so small that most would vanish in the type itself."""
    short = small_injection.student()
    short.model.to(dtype)
    whole = small_injection.student()
    whole.model.load_state_dict(short.model.state_dict())
    changed = {"optimizer": optimizer, "student_rate": 3e-5, "matrix_rate": 3e-5, "anchor": 0.0}
    ran = run(tmp_path / "short", student=short, **changed)
    expected = run(tmp_path / "whole", student=whole, **changed).bundle.model
    found = load_bundle(tmp_path / "short").model
    assert found.dtype == ran.bundle.model.dtype == dtype
    assert short.model.dtype == dtype
    matrices = [name for name, one in found.named_parameters() if one.ndim == 2 and "h." in name]
    for name in matrices:
        own, its, before = (one.get_parameter(name) for one in (found, expected, short.model))
        assert (own == its.to(dtype)).float().mean() > 0.9
        assert (own != before).float().mean() > 0.1


def test_what_is_sought_is_resumed_too(tmp_path):
    """Blocks of steps are drawn by what was measured before them, and one is left half done."""
    changed = {"steps": 2 * STEPS_AHEAD + 6, "rare": 0.9, "seek": "wrong", "eval_every": 10}
    changed |= {"log_every": 10, "examples": 200}
    whole = run(tmp_path / "whole", **changed)
    with pytest.raises(Interrupted):
        run(tmp_path / "parts", report=stop_after(STEPS_AHEAD + 8), **changed)
    parts = run(tmp_path / "parts", extra={"resume": True}, **changed)
    assert_same(whole, parts)
    for other in ("rare", "edges"):
        result = run(tmp_path / other, **(changed | {"seek": other}))
        ours, theirs = (one.bundle.model.state_dict().values() for one in (whole, result))
        assert not all(map(torch.equal, ours, theirs))


def test_rows_that_would_be_shifted_beyond_the_last_position(tmp_path):
    most = small_injection.POSITIONS
    with pytest.raises(InputError, match=r"--shift \d+: rows have up to \d+ tokens") as caught:
        run(tmp_path / "b", shift=most)
    assert "at most" in caught.value.hint
    with pytest.raises(InputError, match=r"--shift 5: rows have up to \d+ tokens"):
        run(tmp_path / "b", shift=5, text_tokens=most - 4)  # text lies beside the examples
    assert run(tmp_path / "b", shift=5, text_tokens=most - 5, forward="joint").accuracy is not None


def test_a_student_without_positions_is_not_shifted():
    class Placeless(GPT2LMHeadModel):
        def forward(self, input_ids: Tensor) -> Tensor: ...

    model = Placeless(small_injection.CONFIGS["gpt2"])
    check_shift(model, 10, 0)
    with pytest.raises(InputError, match="does not let its positions be chosen"):
        check_shift(model, 10, 1)


def test_another_answer_behind_the_longest_prompt_may_be_too_long():
    model = GPT2LMHeadModel(small_injection.CONFIGS["gpt2"])
    most = model.config.n_positions
    check_swapped(model, most)
    with pytest.raises(InputError, match=f"have {most + 1} tokens, the student has {most} pos"):
        check_swapped(model, most + 1)


@pytest.mark.parametrize("seek", ["rare", "wrong"])
def test_measuring_belongs_to_the_run_where_it_decides_what_is_drawn(tmp_path, seek):
    changed = {"rare": 0.9, "seek": seek, "log_every": 1}
    with pytest.raises(Interrupted):
        run(tmp_path / "b", report=stop_after(3), eval_every=3, **changed)
    if seek == "wrong":
        with pytest.raises(InputError, match="made with --eval-every 3, now it is 2"):
            run(tmp_path / "b", extra={"resume": True}, eval_every=2, **changed)
    else:
        assert run(tmp_path / "b", extra={"resume": True}, eval_every=2, **changed)


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


def test_an_anchor_keeps_the_student_close(tmp_path):
    base = small_injection.student().model.state_dict()

    def moved(anchor, **changed):
        model = run(tmp_path / f"{anchor} {changed}", anchor=anchor, **changed).bundle.model
        return sum(float((w - base[name]).square().sum()) for name, w in model.state_dict().items())

    assert 0 < moved(200.0) < moved(0.0) / 1.5
    assert 0 < moved(50.0, optimizer="muon") < moved(0.0, optimizer="muon") / 1.5
    assert moved(1 / 1e-3) == pytest.approx(0, abs=1e-6)  # every step is taken back


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_weight_decay_reaches_the_matrices(tmp_path, optimizer):
    def size(**changed):
        model = run(tmp_path / f"{changed}", optimizer=optimizer, **changed).bundle.model
        matrices = [w.detach() for w in blocks(model).parameters() if w.ndim == 2]
        return sum(float(w.square().sum()) for w in matrices)

    assert size(weight_decay=30.0) < 0.95 * size()


def without_layers():
    header, _, _ = small_injection.SOURCE.partition("opened =")
    return compile_program(load_program(text=header + 'answer = tokens == "compute";'))


@pytest.mark.parametrize("codes", ["free", "orthogonal"])
def test_a_program_without_layers_is_injected(tmp_path, codes):
    compiled = without_layers()
    assert compiled.num_layers == 0
    result = run(tmp_path / "b", compiled=compiled, codes=codes, whiten=0.1, last_layer=None)
    assert result.bundle.record.layers == (0,)


def test_as_many_examples_as_fit_into_so_many_tokens(tmp_path):
    filled = run(tmp_path / "b", task_tokens=100, examples=12)
    rows = filled.bundle.record.settings.task_rows
    assert 1 < rows < 100 / 20
    assert_same(filled, run(tmp_path / "c", task_rows=rows, examples=12))


def test_examples_come_for_combinations_and_a_resumed_run_draws_the_same(tmp_path):
    changed = {"rare": 1.0, "rare_combinations": 1.0}
    whole = run(tmp_path / "a", **changed)
    with pytest.raises(Interrupted):
        run(tmp_path / "b", report=stop_after(2), **changed)
    assert_same(whole, run(tmp_path / "b", extra={"resume": True}, **changed))
    other = run(tmp_path / "c", rare=1.0)
    assert weight_hash(other.bundle.model) != weight_hash(whole.bundle.model)


def test_strict_streams_of_text_go_with_shifts(tmp_path):
    changed = {"codes": "orthogonal", "strict_share": 1.0, "shift": 3, "kl_every": 2}
    hashes = {
        weight_hash(run(tmp_path / source, roll_from=source, **changed).bundle.model)
        for source in ("examples", "text")
    }
    assert len(hashes) == 2


def test_where_nothing_comes_together_it_is_said(tmp_path):
    said = []
    changed = {"rare": 0.5, "codes": "orthogonal", "last_layer": None}
    extra = {"say": said.append}
    one = run(
        tmp_path / "a", compiled=without_layers(), extra=extra, rare_combinations=0.5, **changed
    )
    assert said == [NO_COMBINATIONS]
    assert_same(one, run(tmp_path / "b", compiled=without_layers(), **changed))


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


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"map_rate": 0.1}, "--map-rate 0.005, now it is 0.1"), ({"kind": "llama"}, "student")],
)
def test_a_checkpoint_of_another_run(tmp_path, changed, message):
    with pytest.raises(Interrupted):
        run(tmp_path / "b", report=stop_after(2))
    with pytest.raises(InputError, match=message):
        run(tmp_path / "b", extra={"resume": True}, **changed)


def test_a_checkpoint_of_another_shape(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path / "b", report=stop_after(2))
    (path,) = run_path(tmp_path / "b").glob("step-*")
    with safe_open(path, framework="pt") as file:
        header, kept = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    kept.popitem()
    save_file(kept, path, metadata=header)
    with pytest.raises(InputError, match="another student or program"):
        run(tmp_path / "b", extra={"resume": True})


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

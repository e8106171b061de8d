"""Settings: the paper's values, and one line naming the flag for what cannot be used."""

from __future__ import annotations

import pytest

from rinject.errors import InputError
from rinject.inject import InjectSettings
from rinject.inject.layers import student_layers
from rinject.inject.processes import check_alone
from rinject.inject.settings import CHOICES, TINY, TINY_INTERCHANGE, TINY_PROGRAMS
from rinject.inject.state import rate_factor


def test_the_papers_values_are_the_default():
    s = InjectSettings.for_student(False)
    assert (s.method, s.alignment, s.roll, s.layer_map) == (
        "tracr-injection", "cosine", "final-result", "one-to-one",
    )  # fmt: skip
    assert (s.steps, s.task_rows, s.text_rows, s.text_tokens) == (80_000, 12, 12, 70)
    assert (s.student_rate, s.map_rate, s.seed) == (1e-6, 1e-4, 42)
    assert (s.alpha, s.beta, s.gamma) == (1, 1, 1)
    assert (s.warmup, s.decay, s.weight_decay) == (0, 0, 0)


def test_the_embedded_student_has_its_own_set_and_none_is_the_default():
    s = InjectSettings.for_student(True, steps=None, seed=7)
    assert s.steps == TINY["steps"]
    assert s.seed == 7


def test_a_program_may_have_its_own_with_the_embedded_student_only():
    assert InjectSettings.for_student(True, "count").shift == TINY_PROGRAMS["count"]["shift"] > 0
    assert InjectSettings.for_student(True, "count", shift=0).shift == 0
    assert InjectSettings.for_student(True, "histogram") == InjectSettings.for_student(True)
    assert InjectSettings.for_student(False, "count") == InjectSettings.for_student(False)


@pytest.mark.parametrize("program", TINY_INTERCHANGE)
def test_a_program_may_have_its_own_for_interventions(program):
    own = TINY_INTERCHANGE[program]
    found = InjectSettings.for_student(True, program, method="interchange").to_record()
    assert own.items() <= found.items()
    finetuned = InjectSettings.for_student(True, program, method="finetune").to_record()
    differ = {name for name in found if found[name] != finetuned[name]}
    assert differ == {"method", *own}
    given = InjectSettings.for_student(True, program, method="interchange", interchange_start=0.7)
    assert given.interchange_start == 0.7


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "--steps must be at least 1, not 0"),
        ({"task_rows": 0}, "--task-rows must be at least 1"),
        ({"text_tokens": 1}, "--text-tokens must be at least 2"),
        ({"kl_every": 0}, "--kl-every must be at least 1"),
        ({"student_rate": -1.0}, "--student-rate must be at least 0"),
        ({"student_rate": float("nan")}, "--student-rate must be at least 0"),
        ({"warmup": 1.5}, "--warmup must be 0 to 1, not 1.5"),
        (
            {"digital": 1.0, "alignment": "cosine"},
            "--digital needs --alignment slice",
        ),
        ({"interchange_spent": 1.5, "codes": "orthogonal"}, "--interchange-spent must be 0 to 1"),
        (
            {"method": "interchange", "interchange_spent": 0.5, "codes": "free"},
            "--interchange-spent needs --codes orthogonal",
        ),
        ({"vocabulary": 1.5, "codes": "orthogonal"}, "--vocabulary must be 0 to 1"),
        ({"vocabulary": 0.5}, "--vocabulary needs --codes orthogonal"),
        ({"code_rank": -1}, "--code-rank must be at least 0"),
        ({"code_rank": 4}, "--code-rank needs --codes orthogonal"),
        ({"clear_later": 1.5, "codes": "orthogonal"}, "--clear-later must be 0 to 1"),
        ({"clear_later": 0.5}, "--clear-later needs --codes orthogonal and --maps shared"),
        (
            {"clear_later": 0.5, "codes": "orthogonal", "maps": "per-layer"},
            "--clear-later needs --codes orthogonal and --maps shared",
        ),
        ({"answer_share": 2.0}, "--answer-share must be 0 to 1"),
        ({"rare": 0.5, "rare_combinations": 1.5}, "--rare-combinations must be 0 to 1"),
        ({"rare_combinations": 0.5}, "--rare-combinations needs --rare"),
        ({"strict_share": 1.5, "codes": "orthogonal"}, "--strict-share must be 0 to 1"),
        ({"alpha": float("inf")}, "--alpha must be a number, not inf"),
        ({"strict_share": 0.5}, "--strict-share needs --codes orthogonal"),
        (
            {
                **{"seek": "wrong", "rare": 0.5},
                **{"method": "interchange", "interchange_seek": "edges"},
            },
            "--interchange-seek must be changed, any, rare, or like --seek wrong",
        ),
        (
            {"seek": "wrong", "rare": 0.5, "eval_examples": 0},
            "--seek needs --eval-examples, on which errors are found",
        ),
        (
            {"method": "interchange", "interchange_seek": "edges", "eval_examples": 0},
            "--interchange-seek needs --eval-examples, on which errors are found",
        ),
        (
            {"method": "interchange", "interchange_rest": 0.5, "codes": "free"},
            "--interchange-rest needs --codes orthogonal",
        ),
        (
            {"method": "interchange", "interchange_rest": 0.5, "shift": 3},
            "--interchange-rest keeps positions, so it needs --shift 0",
        ),
        ({"warmup": 0.6, "decay": 0.6}, "--decay and --warmup together"),
        (
            {"method": "magic"},
            "--method must be tracr-injection or finetune or interchange, not 'magic'",
        ),
        *(({name: "x"}, "--" + name.replace("_", "-")) for name in CHOICES),
        ({"stepz": 3}, "there is no setting 'stepz'"),
    ],
)
def test_unusable_values(given, message):
    with pytest.raises(InputError) as caught:
        InjectSettings.for_student(False, **given)
    assert caught.value.message.startswith(message)


def test_rows_that_are_given_decide():
    tiny = InjectSettings.for_student(True)
    assert tiny.task_tokens > 0
    assert tiny.changed({"task_rows": 24, "steps": None}).with_task_rows(40).task_rows == 24
    assert tiny.changed({"steps": 7}).with_task_rows(40).task_rows == tiny.task_tokens // 40


def test_a_near_name_is_hinted():
    with pytest.raises(InputError) as caught:
        InjectSettings.from_record({"step": 3})
    assert caught.value.hint == "did you mean 'steps'?"


def test_what_several_processes_do_not_share():
    for given, is_refused in (
        ({"method": "interchange"}, True),
        ({"roll_from": "answers"}, True),
        ({"roll_from": "answers", "roll": "none"}, False),
        ({"roll_from": "answers", "method": "finetune"}, False),
        ({}, False),
    ):
        settings = InjectSettings(**given)
        check_alone(settings, 1)
        if is_refused:
            with pytest.raises(InputError, match="which 2 processes do not share"):
                check_alone(settings, 2)
        else:
            check_alone(settings, 2)


def test_record_round_trip():
    s = InjectSettings.for_student(True, last_layer=9, roll="subspace")
    assert InjectSettings.from_record(s.to_record()) == s
    assert "threads" not in s.run_record()


@pytest.mark.parametrize(
    ("given", "decides"),
    [
        ({"rare": 0.5, "seek": "wrong"}, True),
        ({"rare": 0.5, "seek": "edges"}, True),
        ({"rare": 0.5, "seek": "wrong", "method": "finetune"}, False),
        ({"interchange_seek": "wrong"}, False),
        ({"method": "interchange", "interchange_seek": "wrong"}, True),
        ({"method": "interchange", "interchange_seek": "edges"}, True),
        ({"method": "interchange", "interchange_seek": "rare"}, False),
    ],
)
def test_when_fidelity_is_read_decides_where_errors_are_sought(given, decides):
    record = InjectSettings(**given).run_record()
    assert ("eval_every" in record) == ("eval_examples" in record) == decides


def test_rates_rise_stay_and_fall():
    s = InjectSettings(steps=100, warmup=0.1, decay=0.2)
    factors = [rate_factor(step, s) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert set(factors[9:81]) == {1.0}
    assert factors[99] == pytest.approx(0.05)
    assert {rate_factor(step, InjectSettings(steps=3)) for step in range(3)} == {1.0}


@pytest.mark.parametrize(
    ("k", "layers", "given", "expected"),
    [
        (3, 12, {}, (0, 1, 2, 3)),
        (11, 12, {}, tuple(range(12))),
        (5, 12, {"layer_map": "stretched"}, (0, 2, 4, 6, 8, 10)),
        (3, 12, {"layer_map": "stretched", "last_layer": 7}, (0, 2, 5, 7)),
        (2, 3, {"layer_map": "stretched"}, (0, 1, 2)),
        (3, 4, {"layer_map": "stretched"}, (0, 1, 2, 3)),
        (0, 3, {"layer_map": "stretched"}, (0,)),
    ],
)
def test_layer_maps(k, layers, given, expected):
    assert student_layers(k, layers, InjectSettings(**given)) == expected


@pytest.mark.parametrize("last_layer", [2, 12])
def test_layers_that_do_not_exist(last_layer):
    settings = InjectSettings(layer_map="stretched", last_layer=last_layer)
    with pytest.raises(InputError, match="--last-layer must be 3 to 11"):
        student_layers(3, 12, settings)


def test_a_student_that_is_too_shallow():
    for layers in (3, 5):
        with pytest.raises(InputError, match=f"has 5 layers, and .* it has {layers}"):
            student_layers(5, layers, InjectSettings())

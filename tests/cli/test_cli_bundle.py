"""`rinject inject`, `rinject eval` and `rinject decode` on one small bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import INJECT, PROGRAM, interrupted, run

from rinject.cli.console import stdout
from rinject.inject import load_bundle, run_path

BUNDLE = Path("bundles", "shuffle_dyck-tracr-injection")


def test_inject_keeps_settings_and_figures_in_the_bundle(injected: Path) -> None:
    record = load_bundle(injected / BUNDLE).record
    assert record.settings.steps == 4
    assert record.settings.task_rows == 3
    assert record.settings.student_rate == 0.001
    assert record.metrics["n"] == 30
    last = json.loads((injected / ".rinject" / "last.json").read_text())
    assert last == {"program": "dyck.rasp", "bundle": str(BUNDLE)}


def test_the_baseline_and_its_summary(here: Path, student: Path) -> None:
    command = ("inject", "dyck.rasp", "-m", student, "--method", "finetune", "-o", "made")
    ran = run(*command, *INJECT, where=here)
    assert ran.code == 0, ran.err
    assert "step 4 of 4" in ran.err
    for words in ("accuracy on 30 unseen examples", "perplexity on", "fidelity", "is in made"):
        assert words in ran.out
    assert load_bundle(here / "made").record.settings.is_baseline


def test_inject_as_json(here: Path, student: Path) -> None:
    ran = run("inject", "dyck.rasp", "-m", student, "-o", "made", *INJECT, "--json", where=here)
    assert ran.code == 0, ran.err
    assert "warning: the program never tells" in ran.err
    assert ran.json["bundle"] == "made"
    assert {"accuracy", "base_accuracy", "perplexity", "fidelity"} <= set(ran.json)


def test_a_stopped_run_goes_on_with_its_settings(here: Path, student: Path) -> None:
    where = ("inject", "dyck.rasp", "-m", student, "-o", "made")
    command = (*where, *INJECT, "--steps", "300", "--log-every", "1")
    metrics = run_path(here / "made") / "metrics.jsonl"
    stopped = interrupted(metrics, lambda: run(*command, where=here))
    assert stopped.code == 1
    assert "continue with --resume" in stopped.err
    again = run(*command, where=here)
    assert again.code == 2
    assert "holds an unfinished run" in again.err
    other = run(*where, "--resume", "--steps", "301", where=here)
    assert other.code == 2
    assert "the checkpoint was made with --steps 300, now it is 301" in other.err
    other = run(*where, "--resume", "--recipe", "tiny", where=here)
    assert "--recipe does not go with --resume" in other.err
    went_on = run(*where, "--resume", "--test-examples", "30", where=here)
    assert went_on.code == 0, went_on.err
    record = load_bundle(here / "made").record
    assert (record.settings.steps, record.settings.task_rows) == (300, 3)
    over = run(*where, "--resume", where=here)
    assert over.code == 2
    assert "made is finished, there is nothing to continue" in over.err


def test_another_bundle_is_not_overwritten(here: Path, student: Path) -> None:
    command = ("inject", "dyck.rasp", "-m", student, "-o", "made", *INJECT)
    assert run(*command, where=here).code == 0
    before = (here / "made" / "model.safetensors").read_bytes()
    assert run(*command, where=here).code == 0  # the same again
    assert (here / "made" / "model.safetensors").read_bytes() == before
    other = run(*command, "--seed", "43", where=here)
    assert other.code == 2
    assert "made was made with --seed 42, not 43" in other.err
    assert "remove that bundle to make it anew" in other.err
    examples = here / "mine.jsonl"
    inputs = ("()", "(((", "[]", "{}", "((", "(()(", "[[", "}{", "((((", "])")
    examples.write_text("".join(f'{{"input": "{text}"}}\n' for text in inputs))
    other = run(*command, "--task", examples, where=here)
    assert other.code == 2
    assert "made was made with other inputs" in other.err
    (here / "other.rasp").write_text(PROGRAM.replace("program shuffle_dyck", "program other"))
    other = run("inject", "other.rasp", "-m", student, "-o", "made", *INJECT, where=here)
    assert other.code == 2
    assert "made with the program shuffle_dyck, not other" in other.err
    other = run(*command, "--dtype", "bfloat16", where=here)
    assert other.code == 2
    assert "made was made with --dtype float32, not bfloat16" in other.err
    (here / "made" / "rinject.safetensors").write_bytes(b"damaged")
    other = run(*command, where=here)
    assert other.code == 2
    assert "the bundle made is damaged" in other.err
    assert "or remove that bundle" in other.err


def test_resume_without_a_checkpoint(here: Path, student: Path) -> None:
    ran = run("inject", "dyck.rasp", "-m", student, "--resume", *INJECT, where=here)
    assert ran.code == 2
    assert "there is no checkpoint" in ran.err


def test_eval_as_json(injected: Path) -> None:
    ran = run("eval", "--n", "25", "--json", where=injected)
    assert ran.code == 0, ran.err
    keys = {"accuracy", "perplexity", "base_perplexity", "fidelity", "variables"}
    assert keys <= set(ran.json)
    assert ran.json["n"] == 25
    assert set(ran.json["variables"]) >= {"tokens", "opened", "result"}


def test_eval_as_tables(injected: Path) -> None:
    ran = run("eval", "--n", "25", "--bundle", BUNDLE, where=injected)
    assert ran.code == 0, ran.err
    assert "accuracy on 25 unseen examples" in ran.out
    assert "opened" in ran.out


def test_eval_wants_the_base_that_the_bundle_was_made_from(
    here: Path, student: Path, injected: Path
) -> None:
    record = load_bundle(injected / BUNDLE).record
    assert record.base.name == str(student)
    files = {path: path.read_bytes() for path in student.iterdir()}
    weights = student / "model.safetensors"
    weights.write_bytes((injected / BUNDLE / "model.safetensors").read_bytes())
    try:
        ran = run("eval", "--n", "5", "--bundle", injected / BUNDLE, where=here)
    finally:
        weights.write_bytes(files[weights])
    assert ran.code == 2
    assert "not the one that the bundle was made from" in ran.err


@pytest.mark.parametrize("text", ["([)]", "ok? ([)]:"])
def test_decode_as_json(injected: Path, text: str) -> None:
    ran = run("decode", text, "--json", where=injected)
    assert ran.code == 0, ran.err
    assert ran.json["prompt"] == "ok? ([)]:"
    assert ran.json["true_answer"] == " yes"
    opened = ran.json["variables"]["opened"]
    assert opened["true"][-1] == 1
    assert len(opened["decoded"]) == len(ran.json["tokens"]) == len(ran.json["symbols"])


def test_decode_as_a_table_that_fits_the_terminal(
    injected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdout, "width", 50)
    ran = run("decode", "([)]{}{}", "--all", where=injected)
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert max(len(line) for line in lines if "layer" in line or "opened" in line) <= 50
    assert sum(line.startswith("opened") for line in lines) > 1
    assert "≠" in ran.out


def test_decode_folds_constants_away(injected: Path) -> None:
    shown = run("decode", "([)]", "--layer", "0", where=injected).out
    assert "tokens" in shown
    assert "opened" not in shown  # it comes in a later layer
    ran = run("decode", "([)]", where=injected)
    everything = run("decode", "([)]", "--all", where=injected)
    assert "missing" in everything.out
    assert "constant: " not in everything.out
    assert ran.code == everything.code == 0

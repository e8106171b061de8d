"""`rinject inject` with students and texts of the user's own, and what may be wrong with them."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import INJECT, run
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

from rinject.inject import InjectSettings, load_bundle
from rinject.student.quiet import quiet

PROGRAM = Path(__file__).parents[2] / "programs" / "shuffle_dyck.rasp"
SHARED = Path(os.environ.get("RINJECT_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def write_pages(path: Path, kind: str = "plain") -> Path:
    words = "words of page {} are plain words, and more of them. "
    pages = [f"The {kind} {words.format(n)}" * 12 for n in range(60)]
    path.write_text("".join(json.dumps({"text": page}) + "\n" for page in pages))
    return path


def test_text_and_type_are_kept_for_eval(here: Path, student: Path) -> None:
    write_pages(here / "pages.jsonl")
    command = ("inject", "dyck.rasp", "-m", student, "--text", "pages.jsonl", "--dtype", "bfloat16")
    ran = run(*command, "--plot", "curves.png", "-o", "made", *INJECT, where=here)
    assert ran.code == 0, ran.err
    assert "pages held out" in ran.err
    assert "drawn in curves.png" in ran.err
    assert (here / "curves.png").read_bytes().startswith(b"\x89PNG")
    bundle = load_bundle(here / "made")
    assert bundle.record.settings.text == str(here / "pages.jsonl")
    assert bundle.record.base.dtype == "bfloat16"
    assert bundle.model.dtype == torch.bfloat16
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    again = run("eval", "-b", here / "made", "--n", "30", "--json", where=elsewhere)
    assert again.code == 0, again.err
    assert again.json["tokens"] == bundle.record.metrics["tokens"]
    assert again.json["perplexity"] == pytest.approx(bundle.record.metrics["perplexity"])


def test_interventions_on_codes_with_covering_inputs(here: Path, student: Path) -> None:
    command = (
        *("inject", "dyck.rasp", "-m", student, "-o", "made", "--method", "interchange"),
        *("--codes", "orthogonal", "--code-rank", "1"),
        *("--strict-share", "0.5", "--data", "coverage"),
        *("--interchange-start", "0"),
    )
    ran = run(*command, *INJECT, where=here)
    assert ran.code == 0, ran.err
    assert re.search(r"codes: \d+ of \d+ dimensions, 1 for tokens, \S+, ", ran.err)
    record = load_bundle(here / "made").record
    assert (record.settings.method, record.settings.data) == ("interchange", "coverage")
    decoded = run("decode", "([)]{}", "-b", "made", "--json", where=here)
    assert decoded.code == 0, decoded.err


def test_a_layer_for_each_step_of_the_program(here: Path, student: Path) -> None:
    ran = run("inject", "dyck.rasp", "-m", student, "-o", "made", "--stepwise", *INJECT, where=here)
    assert ran.code == 0, ran.err
    bundle = load_bundle(here / "made")
    assert bundle.record.settings.stepwise
    assert [bundle.graph.variable(name).layer for name in ("opened", "result")] == [1, 2]
    assert len(bundle.record.layers) == 3
    probed = run("probe", "--edges", "-b", "made", "--n", "10", "--json", where=here)
    assert probed.code == 0, probed.err


def test_the_recipe_of_tiny_for_another_student(here: Path, student: Path) -> None:
    command = ("inject", "dyck.rasp", "-m", student, "-o", "made", "--codes", "free")
    ran = run(*command, "--recipe", "tiny", *INJECT, where=here)
    assert ran.code == 0, ran.err
    settings = load_bundle(here / "made").record.settings
    assert settings == InjectSettings.for_student(True).changed(
        settings_given(INJECT) | {"codes": "free", "text": settings.text}
    )
    ran = run("inject", "--like", "made", "--recipe", "paper", where=here)
    assert ran.code == 2
    assert "--recipe does not go with --like" in ran.err


def settings_given(options: list[str]) -> dict[str, Any]:
    """The settings among options, which are flags and values in turn."""
    pairs = zip(options[::2], options[1::2], strict=True)
    given = {flag.removeprefix("--").replace("-", "_"): value for flag, value in pairs}
    types = {"alignment": str, "device": str, "student_rate": float}
    return {k: types.get(k, int)(v) for k, v in given.items() if k != "test_examples"}


def test_codes_that_do_not_fit(here: Path, student: Path) -> None:
    ran = run("inject", PROGRAM, "-m", student, "--codes", "orthogonal", *INJECT, where=here)
    assert ran.code == 2
    assert "do not fit into a student of width 16" in ran.err


def test_a_text_that_has_gone(here: Path, student: Path) -> None:
    pages = write_pages(here / "pages.jsonl")
    command = ("inject", "dyck.rasp", "-m", student, "--text", pages, "-o", "made")
    assert run(*command, *INJECT, where=here).code == 0
    pages.unlink()
    ran = run("eval", "-b", "made", where=here)
    assert ran.code == 2
    assert f"there is no text {pages}" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--text", "gone.txt"), "--text gone.txt: there is no such text"),
        (("--text", "notes.md"), "its name must end in .txt, .jsonl or .parquet"),
        (("--text", "empty.txt"), "there is no text in"),
        (("--text", "other.jsonl"), "other.jsonl:1: there is no field `text`"),
        (("--dtype", "float64"), "--dtype"),
        (("--device", "toaster"), "--device must be auto, cpu, cuda, cuda:N or mps"),
        (("--revision", "v1"), "is not a name on the hub"),
        (("--task", "gone.py:Task"), "gone.py"),
        (("--plot", "curves.doc"), "curves.doc"),
        (("--model", "bare"), "has no tokenizer files"),
        (
            ("--interchange-seek", "any"),
            "--interchange-seek does nothing with --method tracr-injection",
        ),
        (
            ("--method", "finetune", "--vocabulary", "0.1"),
            "--vocabulary does nothing with --method finetune",
        ),
    ],
)
def test_wrong_arguments(here: Path, student: Path, arguments: tuple[str, ...], words: str) -> None:
    (here / "notes.md").write_text("# Notes")
    (here / "empty.txt").write_text("\n")
    (here / "other.jsonl").write_text('{"txt": "some words"}\n')
    shutil.copytree(student, here / "bare", ignore=shutil.ignore_patterns("tokenizer*"))
    ran = run("inject", "dyck.rasp", "-m", student, *INJECT, *arguments, where=here)
    assert ran.code == 2
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert not (here / "bundles").exists()


def random_gpt2(folder: Path, **sizes: Any) -> Path:
    """A random GPT-2 with the real tokenizer."""
    if not (SHARED / "gpt2-tokenizer").is_dir():
        pytest.skip(f"no GPT-2 tokenizer in {SHARED}; set RINJECT_SHARED_DATA")
    torch.manual_seed(0)
    with quiet():
        GPT2LMHeadModel(GPT2Config(**sizes)).save_pretrained(folder)
        AutoTokenizer.from_pretrained(SHARED / "gpt2-tokenizer").save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param({"n_embd": 32, "n_head": 2, "n_layer": 12}, id="narrow"),
        pytest.param({}, id="small", marks=pytest.mark.slow),
    ],
)
def test_a_random_gpt2_with_its_real_tokenizer(tmp_path: Path, sizes: dict[str, int]) -> None:
    folder = random_gpt2(tmp_path / "gpt2", **sizes)
    pages = write_pages(tmp_path / "pages.jsonl")
    command = ("inject", PROGRAM, "--model", folder, "--text", pages, "-o", "made")
    ran = run(*command, *INJECT, "--steps", "2", where=tmp_path)
    assert ran.code == 0, ran.err
    assert run("eval", "--n", "5", where=tmp_path).code == 0
    decoded = run("decode", "([)]", "--json", where=tmp_path)
    assert decoded.code == 0, decoded.err
    assert "".join(decoded.json["tokens"]) == decoded.json["prompt"]


def test_a_bundle_is_made_again_from_what_it_says(here: Path, student: Path) -> None:
    made = run("inject", "dyck.rasp", "-m", student, "-o", "made", *INJECT, where=here)
    assert made.code == 0, made.err
    (here / "dyck.rasp").unlink()
    again = run("inject", "--like", "made", "-o", "again", "--json", where=here)
    assert again.code == 0, again.err
    assert "pages of text are not those" not in again.err
    weights = [(here / name / "model.safetensors").read_bytes() for name in ("made", "again")]
    assert weights[0] == weights[1]
    other = run("inject", "--like", "made", "--seed", "7", "-o", "other", "--json", where=here)
    assert other.code == 0, other.err
    assert load_bundle(here / "other").record.settings.seed == 7
    assert load_bundle(here / "other").record.base == load_bundle(here / "made").record.base


def test_another_text_than_the_bundle_had_is_said(here: Path, student: Path) -> None:
    write_pages(here / "pages.jsonl")
    command = ("inject", "dyck.rasp", "-m", student, "--text", "pages.jsonl", "-o", "made")
    made = run(*command, *INJECT, where=here)
    assert made.code == 0, made.err
    write_pages(here / "pages.jsonl", "other")
    again = run("inject", "--like", "made", "-o", "again", where=here)
    assert again.code == 0, again.err
    assert "the pages of text are not those that the bundle was trained on" in again.err
    given = run("inject", "--like", "made", "--text", "pages.jsonl", "-o", "given", where=here)
    assert given.code == 0, given.err
    assert "pages of text are not those" not in given.err


def test_nothing_to_be_like(here: Path, student: Path) -> None:
    ran = run("inject", "--like", "nowhere", where=here)
    assert ran.code == 2
    assert "there is no bundle at nowhere" in ran.err

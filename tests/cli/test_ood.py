"""`rinject ood`, and the tasks that a bundle remembers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import INJECT, PROGRAM, run

from rinject.cli.console import stdout
from rinject.cli.ood import left_out
from rinject.evaluate.suites import SuiteReport

PAPERS = Path(__file__).parents[2] / "programs" / "shuffle_dyck.rasp"
LONG_PROMPT = "Are parenthesis here correctly matched? {input}\\nAnswer:"
KEYS = {
    *("task", "suite", "method", "supported", "solved", "n", "skipped", "accuracy", "ci"),
    *("fidelity", "data", "read", "bundle"),
}
LISTED = PROGRAM.replace("longest    40;", 'longest    40; examples "mine.jsonl";')
OWN = """
from rinject.tasks import Sampler, Suite

def truth(text):
    return text.count("(") < 3

class Mine(Sampler):
    kinds = ("any",)
    suites = (Suite("opened", "many of a kind", lambda rng: iter(["((", "(((("]), truth),)

    def __init__(self, header):
        self.header = header

    def draw(self, kind, rng):
        return "".join(rng.choices("()[]{}", k=rng.randint(3, 9)))

    def output(self, text):
        return truth(text)
"""


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory, student: Path) -> Path:
    """The directory after an injection of the paper's program, its prompt made shorter."""
    where = tmp_path_factory.mktemp("papers")
    text = PAPERS.read_text()
    assert LONG_PROMPT in text
    (where / "dyck.rasp").write_text(text.replace(LONG_PROMPT, "ok? {input}:"))
    ran = run("inject", "dyck.rasp", "-m", student, "--data", "spread", *INJECT, where=where)
    assert ran.code == 0, ran.err
    return where


def test_all_suites_as_json(papers: Path) -> None:
    ran = run("ood", "--n", "12", "--json", where=papers)
    assert ran.code == 0, ran.err
    suites = [record["suite"] for record in ran.json]
    assert suites == ["almost balanced", "almost balanced, long", "3x length", "extra family"]
    for record in ran.json:
        assert set(record) == KEYS
        assert record["task"] == "shuffle_dyck"
        assert record["n"] + record["skipped"] == 12
        assert record["supported"] is (record["solved"] == 1)
        low, high = record["ci"]
        assert low <= record["accuracy"] <= high


def test_two_bundles_side_by_side(papers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdout, "width", 120)
    (bundle,) = (papers / "bundles").iterdir()
    command = ("ood", "--bundle", bundle, "--baseline", bundle, "--n", "8")
    ran = run(*command, "--suite", "3x length", where=papers)
    assert ran.code == 0, ran.err
    assert ran.out.count(bundle.name) == 2  # of one method, so they go by their names
    row = next(line for line in ran.out.splitlines() if "3x length" in line)
    assert row.count("%") == 2
    assert " yes " in row  # the program has room for what the student can be asked
    assert "3x length: strings of 5 to 90 brackets, half of them correct (n = 8)" in ran.err
    assert "was trained with --data spread: inputs that the task's rule allows" in ran.err
    assert "almost balanced" not in ran.out + ran.err
    both = run(*command, "--json", where=papers).json
    assert len(both) == 8


def test_the_student_before_the_injection_beside(
    papers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdout, "width", 120)
    command = ("ood", "--baseline", "none", "--n", "8", "--suite", "almost balanced")
    ran = run(*command, where=papers)
    assert ran.code == 0, ran.err
    head = next(line for line in ran.out.splitlines() if "suite" in line)
    assert head.split() == ["suite", "supported", "tracr-injection", "fidelity", "before"]
    own, base = run(*command, "--json", where=papers).json
    assert (own["method"], base["method"]) == ("tracr-injection", "none")
    assert base["fidelity"] is None
    assert own["n"] == base["n"] == 8
    assert own["solved"] == base["solved"]
    assert own["bundle"] != base["bundle"]


def test_a_suite_that_does_not_exist(papers: Path) -> None:
    ran = run("ood", "--suite", "3x lenght", where=papers)
    assert ran.code == 2
    assert "did you mean `3x length`" in ran.err


def test_a_program_without_suites_and_another_program(
    here: Path, student: Path, injected: Path
) -> None:
    (here / "mine.rasp").write_text(PROGRAM.replace("program shuffle_dyck", "program mine"))
    ran = run("inject", "mine.rasp", "-m", student, "-o", "made", *INJECT, where=here)
    assert ran.code == 0, ran.err
    ran = run("ood", where=here)
    assert ran.code == 2
    assert "there are no out-of-distribution suites for `mine`" in ran.err
    (other,) = (injected / "bundles").iterdir()
    ran = run("ood", "--bundle", other, "--baseline", "made", where=here)
    assert ran.code == 2
    assert "hold different programs, `shuffle_dyck` and `mine`" in ran.err


def test_listed_examples_are_kept_in_the_bundle(here: Path, student: Path) -> None:
    (here / "dyck.rasp").write_text(LISTED)
    inputs = ["()", "(((", "[]", "{}", "((", "(()(", "[[", "}{", "((((", "])"]
    splits = ["train"] * 4 + ["validation"] * 2 + ["test"] * 4
    (here / "mine.jsonl").write_text(
        "".join(
            f'{{"input": "{text}", "split": "{split}"}}\n'
            for text, split in zip(inputs, splits, strict=True)
        )
    )
    ran = run("inject", "dyck.rasp", "-m", student, "-o", "made", *INJECT, where=here)
    assert ran.code == 0, ran.err
    (here / "mine.jsonl").unlink()
    ran = run("eval", "--json", where=here)
    assert ran.code == 0, ran.err
    assert ran.json["n"] == 4


def test_a_task_of_ones_own_is_kept_but_not_run_unasked(here: Path, student: Path) -> None:
    (here / "mine.py").write_text(OWN)
    task = ("--task", "mine.py:Mine")
    ran = run("inject", "dyck.rasp", "-m", student, "-o", "made", *task, *INJECT, where=here)
    assert ran.code == 0, ran.err
    for command in (("eval", "--n", "6"), ("ood",)):
        assert run(*command, "--json", where=here).code == 0
    (here / "mine.py").rename(here / "other.py")
    for command in (("eval", "--n", "6"), ("ood",)):
        ran = run(*command, where=here)
        assert ran.code == 2
        assert "made with mine.py:Mine, which is not here as it was" in ran.err
        assert run(*command, "--task", "other.py:Mine", where=here).code == 0
    ran = run("ood", "--trust-task", "--json", where=here)
    assert [(record["suite"], record["n"]) for record in ran.json] == [("opened", 2)]
    assert ran.json[0]["supported"] is True
    shutil.rmtree(here / "made")


def test_a_suite_of_ones_own_that_fails(here: Path, student: Path) -> None:
    (here / "mine.py").write_text(OWN)
    command = ("inject", "dyck.rasp", "-m", student, "-o", "made", "--task", "mine.py:Mine")
    ran = run(*command, *INJECT, where=here)
    assert ran.code == 0, ran.err
    failing = OWN.replace('"(((("]), truth)', '"(((("]), lambda text: text[7])')
    assert failing != OWN
    (here / "mine.py").write_text(failing)
    ran = run("ood", "--task", "mine.py:Mine", where=here)
    assert ran.code == 2
    line = 1 + failing.splitlines().index(next(x for x in failing.splitlines() if "text[7]" in x))
    assert f"the suite 'opened' fails at mine.py:{line}: IndexError: string index" in ran.err
    assert "Traceback" not in ran.err


def test_what_the_program_can_read_is_of_those_that_were_asked() -> None:
    figures = (True, 1.0, 8, 4, 0.5, (0.2, 0.8), 0.9, 5)
    report = SuiteReport("walk", "far", "roll", *figures)
    assert left_out(report, reads=True) == [
        "4 of 12 examples exceed the student's positions",
        "the program can read 5 of 8; fidelity is on those",
    ]
    assert len(left_out(report, reads=False)) == 1

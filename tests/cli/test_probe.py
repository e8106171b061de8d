"""`rinject probe`: its tables, files and mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command_line import run

QUICK = ("--n", "12", "--draws", "2", "--norms", "3,50%")


def test_all_experiments_as_json(injected: Path) -> None:
    ran = run("probe", *QUICK, "--json", where=injected)
    assert ran.code == 0, ran.err
    assert list(ran.json) == ["bundle", "noise", "interchange", "steering"]
    noise = ran.json["noise"]
    norms = sorted({level["norm"] for level in noise["levels"]})
    assert norms == pytest.approx(sorted([0, 3, noise["stream_norm"] / 2]))
    assert isinstance(noise["hurts_accuracy_more"], bool)
    assert noise["n"] == ran.json["interchange"]["pairs"] == 12
    names = {one["variable"] for one in ran.json["interchange"]["variables"]}
    assert "result" in names
    assert ran.json["interchange"]["output"] == "result"
    assert run("probe", *QUICK, "--json", where=injected).out == ran.out


def test_tables_pictures_and_a_page(injected: Path, tmp_path: Path) -> None:
    page, figures = tmp_path / "probe.html", tmp_path / "figures"
    ran = run("probe", *QUICK, "--plot", figures, "--html", page, where=injected)
    assert ran.code == 0, ran.err
    for head in ("noise after layer", "interchange interventions", "steering"):
        assert head in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    names = {path.name for path in figures.iterdir()}
    assert names == {"noise.png", "interchange.png", "steering.png"}
    text = page.read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    variables = json.loads(found[1])["variables"]
    assert "result" in {one["name"] for one in variables}
    assert text.count("<figure>") == 3
    assert "<svg" not in text
    assert "http:" not in text


def test_one_experiment_with_one_variable_and_one_picture(injected: Path, tmp_path: Path) -> None:
    picture = tmp_path / "swap.svg"
    command = ("probe", "-e", "interchange", "--variable", "result", "--positions", "all")
    ran = run(*command, "--n", "40", "--draws", "1", "--plot", picture, "--json", where=injected)
    assert ran.code == 0, ran.err
    assert list(ran.json) == ["bundle", "interchange"]
    assert ran.json["interchange"]["positions"] == "all"
    assert [one["variable"] for one in ran.json["interchange"]["variables"]] == ["result"]
    assert picture.read_text().startswith("<?xml")


def test_a_variable_is_set(injected: Path) -> None:
    ran = run("probe", "--set", "result=False", "()", "--n", "20", where=injected)
    assert ran.code == 0, ran.err
    assert "result = F: " in ran.out
    assert "set at layer" in ran.out
    record = run(
        "probe", "--set", "result = True", "()", "--n", "20", "--json", where=injected
    ).json
    assert record["program_after"] == " yes"
    assert record["value"] == {"bool": True}
    assert record["follows"] == (record["after"] == " yes")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--variable", "resutl"), "did you mean `result`?"),
        (("--set", "resutl=True", "()"), "did you mean `result`?"),
        (("--set", "result=Maybe", "()"), "`result` has no value Maybe"),
        (("--set", "result", "()"), "there is no value"),
        (("--set", "result=True"), "--set goes with a prompt"),
        (("()",), "a prompt goes with --set"),
        (("--norms", "3,x"), "'x' is no norm"),
        (("--norms", "-3"), "'-3' is no norm"),
        (("--norms", "nan"), "'nan' is no norm"),
        (("--plot", "all.png"), "there are three experiments"),
        (("--plot", "dyck.rasp"), "dyck.rasp does not end like a picture"),
        (("--html", "page.txt"), "does not end like a page"),
        (("--set", "result=True", "()", "--html", "page.html"), "there is nothing to draw"),
        (("--experiment", "magic"), "magic"),
        (("--set", "result=", "()"), "--set result=: there is no value"),
        (("--set", " =True", "()"), "there is no variable"),
        (("--plot", "figure.gif"), "the formats are .svg, .png, .pdf; or name a folder"),
        (
            ("--set", "result=True", "()", "-e", "noise", "-v", "result", "--norms", "3"),
            "--set does not go with --experiment, --variable, --norms",
        ),
        (
            ("--set", "result=True", "()", "--positions", "answer", "--draws", "4"),
            "--set does not go with --positions, --draws",
        ),
        (
            ("-e", "noise", "-v", "result", "--positions", "all"),
            "--experiment noise does not go with --variable, --positions",
        ),
        (
            ("-e", "interchange", "--norms", "3"),
            "--experiment interchange does not go with --norms",
        ),
        (("-e", "steering", "--positions", "all"), "does not go with --positions"),
        (
            ("--edges", "-e", "noise", "--draws", "2"),
            "--edges does not go with --experiment, --dra",
        ),
    ],
)
def test_mistakes(injected: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = run("probe", *arguments, "--n", "6", where=injected)
    assert ran.code == 2, ran.err
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not (injected / "page.html").exists()
    assert not (injected / "figure.gif").exists()


def test_no_noise_has_no_verdict(injected: Path) -> None:
    command = ("probe", "-e", "noise", "--norms", "0", "--n", "6", "--draws", "2")
    ran = run(*command, where=injected)
    assert ran.code == 0, ran.err
    assert "6 examples, 2 draws" in ran.err
    assert "noise there costs" not in ran.err
    assert run(*command, "--json", where=injected).json["noise"]["hurts_loss_more"] is False


def test_draws_are_those_of_steering_too(injected: Path) -> None:
    command = ("probe", "-e", "steering", "-v", "result", "--n", "12", "--json")
    reports = [run(*command, "--draws", n, where=injected).json["steering"] for n in ("1", "6")]
    assert [report["draws"] for report in reports] == [1, 3]

"""`rinject eval --retention`: what a bundle still knows, beside its base."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import run

TEXTS = {
    "tinyshakespeare.txt": "First Citizen:\nBefore we proceed,\n\nAll:\nSpeak, speak.\n",
    "lambada_test_plain_text.txt": "the words of the page are plain words\nhe said yes\n",
    "sst2-validation.tsv": "sentence\tlabel\ngood \t1\nbleak \t0\n",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    return folder


def test_as_json(injected: Path, data: Path) -> None:
    ran = run(
        *("eval", "--n", "10", "--retention", "--retention-data", data, "--json"), where=injected
    )
    assert ran.code == 0, ran.err
    assert "left out: the set mrpc is not in" in ran.err
    plain = run("eval", "--n", "10", "--json", where=injected).json
    assert "retention" not in plain
    assert {name: value for name, value in ran.json.items() if name != "retention"} == plain
    figures = {(one["set"], one["measure"]): one for one in ran.json["retention"]}
    assert list(figures) == [
        ("tiny-shakespeare", "line perplexity"),
        ("tiny-shakespeare", "token perplexity"),
        ("lambada", "last word"),
        ("lambada", "last token"),
        ("sst2", "accuracy"),
    ]
    lines = figures["tiny-shakespeare", "line perplexity"]
    assert lines["n"] == 4
    assert lines["difference"] == lines["value"] - lines["base"]
    assert lines["ci"][0] <= lines["ci"][1]
    # The paper's prompt has more tokens than the 64 positions of this student.
    none = {"base": None, "value": None, "difference": None, "ci": None, "n": 0, "skipped": 2}
    assert none.items() <= figures["sst2", "accuracy"].items()


def test_as_a_table(injected: Path, data: Path) -> None:
    command = ("eval", "--n", "10", "--retention", "--retention-data", data)
    ran = run(*command, "--sets", "lambada, sst2", where=injected)
    assert ran.code == 0, ran.err
    assert "left out" not in ran.err
    rows = {line.split("  ")[0].strip(): line for line in ran.out.splitlines()}
    assert rows["lambada, last word"].split()[3] == "2"
    assert rows["sst2, accuracy"].split()[2:] == ["0", "-", "-", "-", "-"]
    assert "sst2, accuracy: 2 more are too long or too short" in ran.err


def test_of_each_set_its_first_examples(injected: Path, data: Path) -> None:
    command = ("eval", "--n", "10", "--retention", "--retention-data", data, "--json")
    ran = run(*command, "--sets", "lambada", "--retention-examples", "1", where=injected)
    assert [one["n"] for one in ran.json["retention"]] == [1, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sets", "sst2"], "--sets says what --retention measures"),
        (["--retention", "--sets", "lambda"], "did you mean `lambada`?"),
        (["--retention", "--sets", ","], "--sets names no set"),
        (["--retention", "--retention-data", "none"], "there is no folder none"),
        (["--retention"], "which is out of reach"),
        (["--retention", "--retention-data", "data", "--sets", "mrpc"], "the set mrpc is not in"),
    ],
)
def test_mistakes(injected: Path, data: Path, options: list[str], words: str) -> None:
    given = [str(data) if option == "data" else option for option in options]
    ran = run("eval", *given, where=injected)
    assert ran.code == 2
    assert words in ran.err
    assert "Traceback" not in ran.err

"""`rinject decode` of many prompts, along answers, as a page and as pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import run

PROMPTS = "([)]\n\n(())\n"


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text(PROMPTS)
    return path


def test_a_file_of_prompts(injected: Path, prompts: Path) -> None:
    ran = run("decode", "--file", prompts, "--json", where=injected)
    assert ran.code == 0, ran.err
    assert [one["prompt"] for one in ran.json] == ["ok? ([)]:", "ok? (()):"]
    assert ran.json[0] == run("decode", "([)]", "--json", where=injected).json
    shown = run("decode", "--file", prompts, where=injected).out
    assert shown.count("answer: ") == 2
    assert shown.index("ok?␣([)]:") < shown.index("ok?␣(()):")


def test_the_answer_token_by_token(injected: Path) -> None:
    plain = run("decode", "([)]", "--json", where=injected).json
    ran = run("decode", "([)]", "--generate", "--json", where=injected)
    assert ran.code == 0, ran.err
    record = ran.json
    count = record["prompt_tokens"]
    assert record["tokens"][:count] == plain["tokens"]
    assert record["answer"] == plain["answer"]
    assert "".join(record["tokens"][count:]).startswith(record["answer"])
    assert record["writes"][: count - 1] == [None] * (count - 1)
    assert record["writes"][count - 1 : -1] == record["tokens"][count:]
    for values in record["variables"].values():
        assert len(values["decoded"]) == len(values["true"]) == len(record["tokens"])
        assert set(values["true"][count:]) <= {None}
    assert "writes" not in plain
    shown = run("decode", "([)]", "--generate", where=injected).out
    assert re.search(r"^writes +\S", shown, re.MULTILINE)


@pytest.mark.parametrize("texts", [(), ("()", "--file", "prompts.txt")])
def test_a_prompt_or_a_file(injected: Path, texts: tuple[str, ...]) -> None:
    ran = run("decode", *texts, where=injected)
    assert ran.code == 2
    assert "give a prompt or a file of prompts" in ran.err


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read"), (b"\n \n", "holds no prompt"), (b"\xff\xfe(", "is not text in UTF-8")],
)
def test_files_without_prompts(
    injected: Path, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "some.txt"
    if content is not None:
        path.write_bytes(content)
    ran = run("decode", "--file", path, where=injected)
    assert ran.code == 2
    assert message in ran.err
    assert "some.txt" in ran.err


def test_the_page_holds_every_layer(injected: Path, prompts: Path, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    ran = run("decode", "--file", prompts, "--html", page, "--json", where=injected)
    assert ran.code == 0, ran.err
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    assert found
    data = json.loads(found[1])
    records = ran.json
    assert [one["prompt"] for one in data["prompts"]] == [one["prompt"] for one in records]
    names = [one["name"] for one in data["variables"]]
    for shown, record in zip(data["prompts"], records, strict=True):
        assert len(shown["scores"]) == len(data["layers"]) == data["layer"] + 1
        for name, values in record["variables"].items():
            place = names.index(name)
            texts = data["variables"][place]["values"]
            best = [texts[cell[0]] for cell in shown["scores"][-1][place]]
            words = {True: "T", False: "F"}
            assert best == [
                words[v] if v in (True, False) and isinstance(v, bool) else str(v)
                for v in values["decoded"]
            ]


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_pictures(injected: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"decoded.{ending}"
    ran = run("decode", "([)]", "--generate", "--plot", path, where=injected)
    assert ran.code == 0, ran.err
    assert "decoded" in ran.err
    marks = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert path.read_bytes().startswith(marks[ending])


def test_a_picture_shows_tokens_and_variables(injected: Path, tmp_path: Path) -> None:
    path = tmp_path / "decoded.svg"
    ran = run("decode", "([)]", "--all", "--plot", path, where=injected)
    assert ran.code == 0, ran.err
    texts = {one.text for one in ElementTree.parse(path).iter() if one.tag.endswith("}text")}
    record = run("decode", "([)]", "--json", where=injected).json
    assert set(record["variables"]) <= texts
    assert {"(", "[", ")", "]"} <= texts
    assert "ok? ([)]:" in texts


def test_each_prompt_has_its_picture(injected: Path, prompts: Path, tmp_path: Path) -> None:
    ran = run("decode", "--file", prompts, "--plot", tmp_path / "one.svg", where=injected)
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in tmp_path.glob("*.svg")) == ["one-1.svg", "one-2.svg"]


@pytest.mark.parametrize(
    ("option", "name"), [("--html", "page.pdf"), ("--plot", "plot.html"), ("--html", "folder.html")]
)
def test_outputs_are_checked_before_the_work(tmp_path: Path, option: str, name: str) -> None:
    (tmp_path / "folder.html").mkdir()
    ran = run("decode", "()", option, tmp_path / name, where=tmp_path)
    assert ran.code == 2
    assert name in ran.err
    assert "bundle" not in ran.err


def test_every_picture_is_checked_before_the_work(prompts: Path, tmp_path: Path) -> None:
    (tmp_path / "one-2.svg").mkdir()
    ran = run("decode", "--file", prompts, "--plot", tmp_path / "one.svg", where=tmp_path)
    assert ran.code == 2
    assert "one-2.svg is a directory" in ran.err
    assert not (tmp_path / "one-1.svg").exists()
    for name in ("", ".."):
        ran = run("decode", "--file", prompts, "--plot", name, where=tmp_path)
        assert ran.code == 2
        assert "does not end like a picture" in ran.err


def test_a_page_that_cannot_be_written(injected: Path, tmp_path: Path) -> None:
    """The name is fine, but not with what the file is called on the way."""
    name = "x" * 245 + ".html"
    ran = run("decode", "()", "--html", tmp_path / name, where=injected)
    assert ran.code == 2
    assert f"{name}: File name too long" in ran.err.replace("\n", "")
    assert "choose another place" in ran.err
    assert "Traceback" not in ran.err

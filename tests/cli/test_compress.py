"""`rinject compress`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import run

from rinject.circuit.compressed import CompressedModel
from rinject.circuit.compression import CompressionSettings

PROGRAM = """
program counts {
    vocabulary "a", "b";
    longest    3;
    attention  full;
    output     count;
}
count = selector_width(select(tokens, tokens, ==));
"""
QUICK = ("--steps", "3", "--batch", "8")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a compiled program; tests must leave it as it is."""
    where = tmp_path_factory.mktemp("compress")
    (where / "counts.rasp").write_text(PROGRAM)
    ran = run("compile", "counts.rasp", "--no-verify", where=where)
    assert ran.code == 0, ran.err
    return where / "compiled" / "counts"


def test_it_compresses_saves_and_reports(compiled: Path, tmp_path: Path) -> None:
    command = ("compress", compiled, "-d", "5", "--plot", "gram.svg", "--seed", "3", *QUICK)
    ran = run(*command, where=tmp_path)
    assert ran.code == 0, ran.err
    assert "saved in compressed/counts-5" in ran.err
    assert "of the positions of all 14 inputs" in " ".join(ran.out.split())
    assert "cosine similarity" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    assert (tmp_path / "gram.svg").is_file()
    model = CompressedModel.load(tmp_path / "compressed" / "counts-5")
    assert model.width == 5
    assert len(model.run("aba")) == 3
    again = run(*command, "--json", where=tmp_path)
    assert again.json["width"] == 5
    assert again.json["accuracy"] == model.about["measures"]["accuracy"]
    assert [layer.keys() for layer in again.json["layers"]] == [{"attention", "mlp", "stream"}]
    assert {kept["name"] for kept in again.json["variables"]} >= {"tokens", "count"}


def test_options_reach_the_learning(compiled: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        **{"steps": 2, "learning_rate": 0.5, "batch": 4},
        **{"layer_weight": 0.25, "weight_decay": 0.0, "seed": 9},
    }
    flags = [part for k, v in options.items() for part in (f"--{k.replace('_', '-')}", str(v))]
    ran = run("compress", compiled, "-d", "2", "-o", "made", *flags, "--json", where=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.json["directory"] == "made"
    made = CompressedModel.load(tmp_path / "made")
    assert CompressionSettings(**made.about["settings"]) == CompressionSettings(2, **options)


def test_defaults_are_those_of_the_library(compiled: Path, tmp_path: Path) -> None:
    shown = json.loads(
        run("compress", compiled, "-d", "9999", "--json", where=tmp_path).out or "null"
    )
    assert shown is None  # refused before anything was learned
    width = CompressedModel.load(_all_kept(compiled, tmp_path)).about["settings"]
    assert CompressionSettings(**width) == CompressionSettings(width["width"])


def _all_kept(compiled: Path, where: Path) -> Path:
    """Compresses to as many dimensions as there are, which takes no step."""
    refused = run("compress", compiled, "-d", "9999", where=where)
    size = int(refused.err.split(" dimensions,")[0].split()[-1])
    ran = run("compress", compiled, "-d", str(size), "-o", "all", where=where)
    assert ran.code == 0, ran.err
    assert "100.00%" in ran.out
    return where / "all"


def test_a_sweep_is_a_table_and_a_curve(compiled: Path, tmp_path: Path) -> None:
    command = ("compress", compiled, "--sweep", "4,2", "--plot", "sweep.png", *QUICK)
    ran = run(*command, where=tmp_path)
    assert ran.code == 0, ran.err
    rows = [line.split() for line in ran.out.splitlines() if "%" in line]
    assert [row[0] for row in rows] == ["2", "4"]
    assert (tmp_path / "sweep.png").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.png"]
    assert [r["width"] for r in run(*command, "--json", where=tmp_path).json["sweep"]] == [2, 4]


def test_ctrl_c_saves_the_best(
    compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    steps = []
    real = torch.optim.AdamW.step

    def interrupted(self: torch.optim.AdamW) -> None:
        steps.append(real(self))
        if len(steps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.AdamW, "step", interrupted)
    ran = run("compress", compiled, "-d", "4", "--steps", "50", where=tmp_path)
    assert ran.code == 1
    assert "stopped after step 2 of 50, the best so far is in compressed/counts-4" in ran.err
    assert CompressedModel.load(tmp_path / "compressed" / "counts-4").width == 4
    steps.clear()
    ran = run("compress", compiled, "--sweep", "2,3,4", "--steps", "50", where=tmp_path)
    assert ran.code == 1
    assert "2 more widths were not tried" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "how many dimensions"),
        (("-d", "3", "--sweep", "2,3"), "one width, or a sweep"),
        (("-d", "0"), "0 were asked for"),
        (("-d", "9999"), "9999 were asked for"),
        (("--sweep", "2,9999"), "9999 were asked for"),
        (("--sweep", "2;3"), "--sweep takes numbers"),
        (("--sweep", "2", "-o", "made"), "a sweep saves nothing"),
        (("-d", "3", "--plot", "gram.txt"), "does not end like a picture"),
        (("-d", "3", "-o", "."), "holds other files"),
        (("-d", "3", "--learning-rate", "0"), "--learning-rate must be"),
    ],
)
def test_mistakes(compiled: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "notes.txt").write_text("keep")
    ran = run("compress", compiled, *arguments, where=tmp_path)
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_there_must_be_a_model(tmp_path: Path) -> None:
    ran = run("compress", "gone", "-d", "3", where=tmp_path)
    assert ran.code == 2
    assert "no compiled model in gone" in ran.err

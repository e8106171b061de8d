"""`rinject report` on the bundle of a small injection."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_line import run

from rinject.evaluate.results import load_results

QUICK = ("--quick", "--test-examples", "12")
FILES = {"index.html", "report.md", "results.json", "measured"}


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, injected: Path) -> Path:
    """A directory with a bundle and its report; tests must leave it as it is."""
    where = tmp_path_factory.mktemp("reported")
    (bundle,) = (injected / "bundles").iterdir()
    shutil.copytree(bundle, where / "made")
    data = where / "data"
    data.mkdir()
    lines = "All the words of the pages.\nAnd more words, plain words.\n"
    (data / "tiny_shakespeare.txt").write_text(lines)
    ran = run("report", "made", *QUICK, "--retention-data", "data", where=where)
    assert ran.code == 0, ran.err
    assert "the report is report/index.html" in ran.out
    assert "made: no suites: there are no out-of-distribution suites" in ran.err
    assert "made: no retention on mrpc: the set mrpc is not in" in ran.err
    return where


def test_the_files_of_a_report(reported: Path) -> None:
    report = reported / "report"
    results = load_results(report / "results.json")
    assert [(run.name, run.method) for run in results.runs] == [
        ("shuffle_dyck-none", "none"),
        ("made", "tracr-injection"),
    ]
    pictures = set(results.runs[1].pictures.values())
    assert {path.name for path in report.iterdir()} == FILES | pictures
    assert len(pictures) == 4
    page, text = (report / "index.html").read_text(), (report / "report.md").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert all(f"]({picture})" in text for picture in pictures)
    assert not (reported / "report.run").exists()


def test_what_is_missing_is_said_and_not_made_up(reported: Path) -> None:
    unedited, made = load_results(reported / "report" / "results.json").runs
    assert {one.set for one in made.retention} == {"tiny-shakespeare"}
    assert [one.base for one in made.retention] == [one.value for one in unedited.retention]
    for one in (unedited, made):
        assert "the set sst2 is not in" in one.missing["retention on sst2"]
        assert "retention" not in one.missing
        assert "no out-of-distribution suites" in one.missing["suites"]
    assert "What was not measured" in (reported / "report" / "report.md").read_text()


def test_a_second_report_measures_nothing_but_what_is_gone(reported: Path, tmp_path: Path) -> None:
    where = tmp_path / "again"
    shutil.copytree(reported, where)
    (where / "report" / "measured" / "made.noise.json").unlink()
    command = ("report", "made", *QUICK, "--retention-data", "data", "--json")
    again = run(*command, where=where)
    assert again.code == 0, again.err
    before = json.loads((reported / "report" / "results.json").read_text())
    assert again.json == before
    shown = run(*command[:-1], where=where)
    assert [line for line in shown.err.splitlines() if "measuring" in line] == [
        "made: measuring suites",  # they were not there before, and may be now
        "shuffle_dyck-none: measuring suites",
    ]


def test_a_part_keeps_the_versions_that_it_was_measured_with(
    reported: Path, tmp_path: Path
) -> None:
    where = tmp_path / "later"
    shutil.copytree(reported, where)
    kept = where / "report" / "measured" / "made.noise.json"
    stage = json.loads(kept.read_text())
    kept.write_text(json.dumps(stage | {"versions": stage["versions"] | {"torch": "1.0"}}))
    ran = run("report", "made", *QUICK, "--retention-data", "data", where=where)
    assert ran.code == 0, ran.err
    made = load_results(where / "report" / "results.json").runs[1]
    now = stage["versions"]["torch"]
    assert (made.measured["noise"]["torch"], made.measured["accuracy"]["torch"]) == ("1.0", now)
    versions = f"| torch | {now}, 1.0 |".replace("_", r"\_")
    assert versions in (where / "report" / "report.md").read_text()


def test_another_task_is_measured_anew(reported: Path, tmp_path: Path) -> None:
    where = tmp_path / "other"
    shutil.copytree(reported, where)
    splits = {"test": ("()", "(((", "[]", "(("), "train": ("{}{}",), "validation": ("}{}{",)}
    lines = [{"input": text, "split": split} for split in splits for text in splits[split]]
    (where / "mine.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = ("report", "made", *QUICK, "--retention-data", "data", "--task", "mine.jsonl")
    ran = run(*command, where=where)
    assert ran.code == 0, ran.err
    assert "made: measuring accuracy" in ran.err
    assert "made: measuring noise" in ran.err
    results = load_results(where / "report" / "results.json")
    assert {run.task_file for run in results.runs} == {"mine.jsonl"}
    assert {run.evaluation.accuracy.n for run in results.runs} == {4}
    with (where / "mine.jsonl").open("a") as file:
        file.write('{"input": "[[", "split": "test"}\n')
    ran = run(*command, where=where)
    assert "made: measuring accuracy" in ran.err
    results = load_results(where / "report" / "results.json")
    assert {run.evaluation.accuracy.n for run in results.runs} == {5}


@pytest.mark.parametrize("name", ["index.html", "report.md", "results.json"])
def test_a_folder_with_another_page(reported: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / name).write_text('{"mine": 1}')
    ran = run("report", reported / "made", where=tmp_path)
    assert ran.code == 2
    damaged = "report/results.json is damaged, or not a report's"
    assert (damaged if name == "results.json" else f"report holds another {name}") in ran.err
    assert "choose an empty or a new folder" in ran.err
    assert (tmp_path / "report" / name).read_text() == '{"mine": 1}'


def test_bundles_that_cannot_be_reported(reported: Path, tmp_path: Path) -> None:
    ran = run("report", "nowhere", where=tmp_path)
    assert (ran.code, "there is no bundle at nowhere" in ran.err) == (2, True)
    ran = run("report", reported / "made", reported / "made", where=tmp_path)
    assert (ran.code, "two of the bundles are called made" in ran.err) == (2, True)
    ran = run("report", reported / "made", "--retention-data", "nowhere", where=tmp_path)
    assert (ran.code, "there is no folder nowhere" in ran.err) == (2, True)
    ran = run("report", reported / "made", "--task", "nowhere.jsonl", where=tmp_path)
    assert (ran.code, "--task nowhere.jsonl: the file cannot be read" in ran.err) == (2, True)


def test_a_damaged_bundle_is_seen_before_any_is_measured(reported: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(reported / "made", damaged)
    with (damaged / "model.safetensors").open("r+b") as file:
        file.seek(-20, 2)
        file.write(b"?" * 20)
    ran = run("report", reported / "made", damaged, *QUICK, where=tmp_path)
    assert ran.code == 2
    assert "damaged is damaged: model.safetensors has changed since it was written" in ran.err
    assert "measuring" not in ran.err

"""Retention sets from files: their forms, what is missing, and what is damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rinject.errors import InputError
from rinject.evaluate.retention import NAMES, Classified, LastWords, Lines, find_sets
from rinject.evaluate.retention.prompts import mrpc_prompt, sst2_prompt

BESIDE = Path(__file__).parents[3] / "shared" / "data"
SHARED = Path(os.environ.get("RINJECT_SHARED_DATA", BESIDE))
SST2 = "sentence\tlabel\nit 's \"charming\t1\nbleak and desperate \t0\n"
MRPC = (
    "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n"
    '1\t10\t11\tHe said "yes .\tYes , he said .\r\n'
    "0\t12\t13\tPCCW said no .\tNobody came .\r\n"
)
FILES = {
    "tinyshakespeare.txt": "First Citizen:\nBefore we proceed,\n\nAll:\nSpeak.\n",
    "lambada_test_plain_text.txt": "he went to the door\nshe said , `` no\n",
    "sst2-validation.tsv": SST2,
    "msr_paraphrase_test.txt": MRPC,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    return tmp_path


def test_all_sets_of_a_folder(folder: Path) -> None:
    found = find_sets(folder)
    assert found.missing == {}
    lines, passages, reviews, pairs = found.sets
    assert lines == Lines(
        "tiny-shakespeare", ("First Citizen:", "Before we proceed,", "", "All:", "Speak.", "")
    )
    assert passages == LastWords("lambada", ("he went to the door", "she said , `` no"))
    assert reviews == Classified(
        "sst2",
        (sst2_prompt("it 's \"charming"), sst2_prompt("bleak and desperate ")),
        (1, 0),
        (" negative", " positive"),
    )
    assert pairs == Classified(
        "mrpc",
        (
            mrpc_prompt('He said "yes .', "Yes , he said ."),
            mrpc_prompt("PCCW said no .", "Nobody came ."),
        ),
        (1, 0),
        (" no", " yes"),
    )


@pytest.mark.parametrize("name", ["mrpc-validation.tsv", "MRPC/dev.tsv", "glue/MRPC/dev.tsv"])
def test_other_names_and_columns_of_a_table(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("idx\tlabel\tsentence2\tsentence1\n7\t1\tTwo .\tOne .\n")
    ((pairs,), missing) = (find_sets(tmp_path).sets, find_sets(tmp_path).missing)
    assert isinstance(pairs, Classified)
    assert pairs.prompts == (mrpc_prompt("One .", "Two ."),)
    assert list(missing) == ["tiny-shakespeare", "lambada", "sst2"]


def test_passages_as_json_come_before_the_plain_ones(folder: Path) -> None:
    (folder / "lambada_test.jsonl").write_text('{"text": "\\"No,\\"\\nshe said"}\n\n')
    ((passages,), _) = (find_sets(folder, ["lambada"]).sets, None)
    assert passages == LastWords("lambada", ('"No,"\nshe said',))


def test_the_first_examples(folder: Path) -> None:
    lines, passages, reviews, pairs = find_sets(folder, most=1).sets
    assert isinstance(lines, Lines)
    assert lines.lines == ("First Citizen:",)
    assert isinstance(passages, LastWords)
    assert len(passages.passages) == 1
    assert isinstance(reviews, Classified)
    assert isinstance(pairs, Classified)
    assert len(reviews.labels) == len(pairs.labels) == 1


def test_no_more_lines_than_the_paper_takes(tmp_path: Path) -> None:
    (tmp_path / "tinyshakespeare.txt").write_text("Speak.\n" * 2500)
    (lines,) = find_sets(tmp_path).sets
    assert isinstance(lines, Lines)
    assert len(lines.lines) == 2000


def test_a_set_that_is_not_there_is_missing_unless_it_was_named(folder: Path) -> None:
    (folder / "msr_paraphrase_test.txt").unlink()
    found = find_sets(folder)
    assert [one.name for one in found.sets] == ["tiny-shakespeare", "lambada", "sst2"]
    assert list(found.missing) == ["mrpc"]
    assert "mrpc-validation.tsv" in found.missing["mrpc"]
    with pytest.raises(InputError, match="the set mrpc is not in"):
        find_sets(folder, ["sst2", "mrpc"])


def test_names_are_known_and_taken_once(folder: Path) -> None:
    assert [one.name for one in find_sets(folder, ["sst2", "lambada", "sst2"]).sets] == [
        "sst2",
        "lambada",
    ]
    with pytest.raises(InputError, match="no retention set 'lamda'") as caught:
        find_sets(folder, ["lamda"])
    assert caught.value.hint == "did you mean `lambada`?"


def test_an_empty_folder_and_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no retention set in"):
        find_sets(tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        find_sets(tmp_path / "none")


def test_the_hub_out_of_reach_is_an_error_with_a_way_out() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"  # the tests' own setting
    with pytest.raises(InputError, match="which is out of reach") as caught:
        find_sets()
    assert "--retention-data FOLDER" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("sst2-validation.tsv", "sentence\tlabel\ngood\t2\n", ":2: the label is '2', not 0 or 1"),
        ("sst2-validation.tsv", "sentence\tlabel\ngood\n", ":2: 1 columns, the first line names 2"),
        ("sst2-validation.tsv", "review\tlabel\ngood\t1\n", ":2: there is no field `sentence`"),
        ("sst2-validation.tsv", "sentence\tlabel\n", "the set sst2 holds nothing"),
        ("tinyshakespeare.txt", "\n \n", "the set tiny-shakespeare holds nothing"),
        ("lambada_test.jsonl", "{\n", ":1: not a line of JSON"),
        ("lambada_test.jsonl", "[]\n", ":1: not a JSON object"),
        ("lambada_test.jsonl", '{"text": "a \\ud800"}\n', ":1: half of a character"),
    ],
)
def test_files_that_are_damaged(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        find_sets(tmp_path)
    assert message in caught.value.message


def test_a_damaged_file_is_missing_unless_it_was_named(folder: Path) -> None:
    (folder / "sst2-validation.tsv").write_text("sentence\tlabel\ngood\t2\n")
    found = find_sets(folder)
    assert [one.name for one in found.sets] == ["tiny-shakespeare", "lambada", "mrpc"]
    reason = f"{folder / 'sst2-validation.tsv'}:2: the label is '2', not 0 or 1"
    assert found.missing == {"sst2": reason}
    with pytest.raises(InputError, match="the label is '2'"):
        find_sets(folder, ["lambada", "sst2"])


def test_a_cell_that_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "sst2-validation.tsv").write_text(f"sentence\tlabel\n{'a' * 200_000}\t1\n")
    with pytest.raises(InputError, match=r"tsv:2: not a table \(field larger"):
        find_sets(tmp_path)


def test_a_folder_within_that_may_not_be_looked_into(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may look everywhere")
    (folder / "sst2-validation.tsv").unlink()
    closed = folder / "closed"
    closed.mkdir(mode=0o000)
    try:
        found = find_sets(folder)
        with pytest.raises(InputError, match=r"cannot look for sst2 at .*closed"):
            find_sets(folder, ["sst2"])
        with pytest.raises(InputError, match="cannot look"):
            find_sets(closed / "within")
    finally:
        closed.chmod(0o700)
    assert [one.name for one in found.sets] == ["tiny-shakespeare", "lambada", "mrpc"]
    assert "Permission denied" in found.missing["sst2"]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "tinyshakespeare.txt").write_bytes(b"Speak\xff")
    with pytest.raises(InputError, match=r"not text in UTF-8 \(byte 5\)"):
        find_sets(tmp_path)


def test_the_published_files() -> None:
    if not (SHARED / "eval").is_dir():
        pytest.skip("the published files are not here")
    found = find_sets(SHARED)
    assert set(found.missing) <= {"mrpc"}
    by_name = {one.name: one for one in found.sets}
    assert set(by_name) >= set(NAMES) - {"mrpc"}
    lines, passages, reviews = by_name["tiny-shakespeare"], by_name["lambada"], by_name["sst2"]
    assert isinstance(lines, Lines)
    assert lines.lines[:2] == ("First Citizen:", "Before we proceed any further, hear me speak.")
    assert len(lines.lines) == 2000
    assert isinstance(passages, LastWords)
    assert len(passages.passages) == 5153
    assert isinstance(reviews, Classified)
    assert (len(reviews.prompts), sum(reviews.labels)) == (872, 444)

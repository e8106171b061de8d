"""Files that are complete or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from rinject.errors import InputError
from rinject.placing import placed, placed_file


def _write(path: Path, text: str, failure: Exception | None = None) -> None:
    with placed_file(path) as beside:
        beside.write_text(text)
        if failure:
            raise failure


def test_a_file_takes_its_place_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    with placed_file(path) as beside:
        beside.write_text("one")
        assert not path.exists()
    with pytest.raises(RuntimeError, match="half"):
        _write(path, "tw", RuntimeError("half"))
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.mkdir()
    with pytest.raises(InputError, match=r"page\.html: Is a directory") as caught:
        _write(path, "one")
    assert caught.value.hint == "choose another place"
    assert list(tmp_path.iterdir()) == [path]
    assert list(path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [("file/page.html", "File exists"), ("file/within/page.html", "Not a directory")],
)
def test_a_file_in_the_place_of_a_folder(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=f"cannot write .*page.html: {reason}"):
        _write(tmp_path / path, "one")


def test_what_cannot_be_written_at_all() -> None:
    """The root user may write everywhere, but not there."""
    if not Path("/proc/self").is_dir():
        pytest.skip("there is no /proc")
    with pytest.raises(InputError, match=r"cannot write /proc/x\.html"):
        _write(Path("/proc/x.html"), "one")


def test_files_of_a_directory_have_the_usual_permissions(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    with placed(tmp_path / "bundle", "mark") as new:
        (new / "inside").mkdir()
        for name in ("mark", "inside/weights"):
            (new / name).touch(mode=0o600)
    usual = plain.stat().st_mode
    for name in ("mark", "inside/weights"):
        assert (tmp_path / "bundle" / name).stat().st_mode == usual

"""`load`: which files, which names, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rinject.errors import InputError
from rinject.lang import SourceError, load_program


def write(folder: Path, **files: str) -> Path:
    """Files by name; `__` stands for a subfolder. The path of the first one."""
    paths = [folder / (name.replace("__", "/") + ".rasp") for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return paths[0]


def test_names_come_over_but_private_ones(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main='load "parts/shapes"; out = doubled + offset(1);',
        parts__shapes='load "base"; _three = 3; doubled = indices * _two(); '
        "def offset(x) { return x + _three; }",
        parts__base="def _two() { return 2; } two = 2; def _hidden() { return two; }",
    )
    with pytest.raises(SourceError, match="unknown name `_two`"):
        load_program(main)
    (tmp_path / "parts" / "base.rasp").write_text("two = 2;", encoding="utf-8")
    shapes = tmp_path / "parts" / "shapes.rasp"
    shapes.write_text(shapes.read_text().replace("_two()", "two"), encoding="utf-8")
    program = load_program(main)
    assert program.evaluate("abc") == [4, 6, 8]
    assert program.names == ("doubled", "out")


def test_what_was_loaded_is_kept_with_the_program(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main='load "parts/shapes"; out = doubled + 1;',
        parts__shapes='load "base"; doubled = indices * two;',
        parts__base="two = 2;",
    )
    program = load_program(main)
    assert list(program.loaded) == ["parts/shapes.rasp", "parts/base.rasp"]
    again = load_program(text=program.source, loaded=program.loaded)
    assert again.evaluate("abc") == program.evaluate("abc")
    assert again.sha256 == program.sha256
    assert again.loaded == program.loaded


def test_a_change_in_what_is_loaded_changes_the_hash(tmp_path: Path) -> None:
    main = write(tmp_path, main='load "a"; out = indices + n;', a="n = 1;")
    before = load_program(main).sha256
    write(tmp_path, a="n = 2;")
    assert load_program(main).sha256 != before


def test_mistakes_in_a_loaded_file_name_it(tmp_path: Path) -> None:
    main = write(tmp_path, main='load "a"; out = indices;', a="\nn = oops;")
    with pytest.raises(SourceError, match=r"a\.rasp:2:5: error: unknown name `oops`\n 2 \| n ="):
        load_program(main)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "sub/../../secret", "a\\0b"])
def test_nothing_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.rasp").write_text("x = indices;", encoding="utf-8")
    folder = tmp_path / "inner"
    main = write(folder, main=f'load "{name}"; out = indices;')
    with pytest.raises(SourceError, match=r"lies outside|unknown escape"):
        load_program(main)


def test_a_link_does_not_lead_outside(tmp_path: Path) -> None:
    (tmp_path / "secret.rasp").write_text("x = indices;", encoding="utf-8")
    main = write(tmp_path / "inner", main='load "link"; out = indices;')
    (tmp_path / "inner" / "link.rasp").symlink_to(tmp_path / "secret.rasp")
    with pytest.raises(SourceError, match="lies outside"):
        load_program(main)


@pytest.mark.parametrize(
    "files",
    [
        {"main": 'load "main"; out = indices;'},
        {"main": 'load "a"; out = indices;', "a": 'load "b";', "b": 'load "a";'},
    ],
)
def test_loads_in_a_circle(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(SourceError, match="loads cannot go in a circle"):
        load_program(write(tmp_path, **files))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    main = write(tmp_path, main='load "shape"; out = indices;', shapes="x = 1;")
    with pytest.raises(SourceError, match=r"there is no program .*shape\.rasp") as caught:
        load_program(main)
    assert caught.value.diagnostics[0].hint == "did you mean `shapes.rasp`?"


def test_a_text_loads_nothing() -> None:
    with pytest.raises(InputError, match='there is no "a" to load'):
        load_program(text='load "a"; out = indices;')


def test_loaded_in_a_function(tmp_path: Path) -> None:
    main = write(
        tmp_path, main='def f(x) { load "a"; return x + n; } out = f(indices);', a="n = 5;"
    )
    program = load_program(main)
    assert program.evaluate("ab") == [5, 6]
    assert program.names == ("out",)


def test_a_loaded_name_may_be_the_output(tmp_path: Path) -> None:
    main = write(tmp_path, main='load "a";', a="n = 5; place = indices;")
    assert load_program(main).evaluate("ab") == [0, 1]

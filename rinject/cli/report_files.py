"""The files of a report: `index.html`, `report.md`, the pictures and `results.json`."""

from __future__ import annotations

import base64
import shutil
import struct
from pathlib import Path

from markupsafe import Markup

from rinject.cli.pages.page import write_page
from rinject.errors import InputError
from rinject.evaluate.results import (
    Picture,
    Results,
    Section,
    is_results,
    markdown,
    save_results,
    sections,
)
from rinject.placing import check_room, placed_file

PAGE, TEXT, RESULTS = "index.html", "report.md", "results.json"
LONGEST = 12  # rows of a table that is open from the start


def check_report_place(directory: Path) -> None:
    """Raises InputError where a report would overwrite what is not an earlier one."""
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file", hint="choose a folder")
    found = [name for name in (PAGE, TEXT, RESULTS) if (directory / name).exists()]
    if RESULTS in found and not is_results(directory / RESULTS):
        raise InputError(
            f"{directory / RESULTS} is damaged, or not a report's",
            hint="choose an empty or a new folder",
        )
    if found and RESULTS not in found:
        raise InputError(
            f"{directory} holds another {found[0]}", hint="choose an empty or a new folder"
        )
    check_room(directory / PAGE)


def write_report(results: Results, pictures: Path, directory: Path) -> list[Section]:
    """Writes all files, each whole or not at all, and returns what they show.

    `pictures` is the folder of the pictures that the results name.
    """
    title = report_title(results)
    shown = sections(results)
    save_results(results, directory / RESULTS)
    for section in shown:
        for picture in section.pictures:
            with placed_file(directory / picture.file) as beside:
                shutil.copyfile(pictures / picture.file, beside)
    with placed_file(directory / TEXT) as beside:
        beside.write_text(markdown(title, shown), encoding="utf-8")
    write_page(
        directory / PAGE,
        "report",
        title=title,
        data={},
        sections=shown,
        longest=LONGEST,
        image=lambda picture: _image(directory, picture),
    )
    return shown


def report_title(results: Results) -> str:
    """What was injected into what."""
    students = ", ".join(dict.fromkeys(run.base for run in results.runs))
    return f"Programs in {students}"


def _image(directory: Path, picture: Picture) -> Markup:
    """The picture itself, within the page."""
    data = (directory / picture.file).read_bytes()
    content = base64.b64encode(data).decode("ascii")
    image = Markup('<img class="picture" alt="{}" width="{}" src="data:image/png;base64,{}">')
    return image.format(picture.caption, _width(data), content)


def _width(data: bytes) -> int:
    """Of a PNG file on a page, in CSS pixels: 96 to the inch that it was drawn for."""
    from rinject.pictures import DPI  # imports matplotlib

    (pixels,) = struct.unpack(">I", data[16:20])  # after signature, length and name of its head
    return round(pixels * 96 / DPI)

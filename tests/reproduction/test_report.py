"""The report in HTML needs no other file, and tables keep their cells."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.reproduction.report import as_html, in_table


class Reader(HTMLParser):
    """Collects words, tags and addresses; a tag that is closed and was not open is told."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "html", "head", "body"):
            self.words += [data.strip()] if data.strip() else []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_png(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    return tmp_path


TABLE = in_table(("network", "F1"), (("fcn | selu", "0.700"), ("fcn relu", "0.600")))
PAGE = f"""# A < B

F1 is **0.7** by `film`.

- first
- second

{TABLE}

![Figure 5](a.png)

What it sees.
"""


def test_html_is_whole_and_needs_no_other_file(folder: Path) -> None:
    reader = Reader()
    reader.feed(as_html(PAGE, folder))
    assert not reader.open
    (source,) = reader.sources
    assert source.startswith("data:image/png;base64,")
    told = {"A < B", "0.7", "film", "first", "fcn | selu", "0.600", "What it sees."}
    assert told <= set(reader.words)


def test_a_table_keeps_its_cells_whole() -> None:
    lines = TABLE.splitlines()
    assert len(lines) == 4 and lines[1] == "| --- | ---: |"
    assert lines[2] == "| fcn \\| selu | 0.700 |"


def test_a_missing_picture_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"b\.png"):
        as_html("![none](b.png)\n", tmp_path)

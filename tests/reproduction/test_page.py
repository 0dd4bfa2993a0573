"""A page says the same in Markdown and in HTML, and HTML needs no other file."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.reproduction.page import (
    Heading,
    Items,
    Paragraph,
    Picture,
    Table,
    as_html,
    as_markdown,
)


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


BLOCKS = (
    Heading("A < B", 1),
    Paragraph("F1 is **0.7** by `film`."),
    Items(("first", "second")),
    Table(("network", "F1"), (("fcn | selu", "0.700"), ("fcn relu", "0.600"))),
    Picture("a.png", "Figure 5. What it sees."),
)


def test_html_is_whole_and_needs_no_other_file(folder: Path) -> None:
    reader = Reader()
    reader.feed(as_html(BLOCKS, folder))
    assert not reader.open
    (source,) = reader.sources
    assert source.startswith("data:image/png;base64,")
    assert {"A < B", "0.7", "film", "first", "fcn | selu", "0.600", "Figure 5. What it sees."} <= set(
        reader.words
    )


def test_markdown_names_the_picture_and_keeps_its_tables_whole(folder: Path) -> None:
    text = as_markdown(BLOCKS)
    assert text.startswith("# A < B\n\n") and "![Figure 5](a.png)" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 4 and table[1] == "| --- | ---: |"
    assert table[2] == "| fcn \\| selu | 0.700 |"


def test_a_missing_picture_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"b\.png"):
        as_html([Picture("b.png", "none")], tmp_path)

"""A page of headings, paragraphs, tables and pictures, as Markdown and as HTML that needs no other file.

The same blocks make both, so that the two cannot tell different numbers. HTML carries its pictures within;
Markdown names them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.2rem; border-bottom: 1px solid #ddd; padding-bottom: .2rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #888; }
figure { margin: 1.5rem 0; overflow-x: auto; }
figure img { max-width: 100%; }
figcaption { color: #444; max-width: 50rem; }
code { background: #f2f2f2; padding: 0 .2rem; }
.wide { overflow-x: auto; }
"""


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 or 2."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Sentences; ``**words**`` are strong and ``code`` in back ticks is code."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list of paragraphs."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Cells that are text already; the first column names its row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A PNG, by its path from the page, and what it shows."""

    path: str
    caption: str


Block = Heading | Paragraph | Items | Table | Picture


def as_markdown(blocks: Sequence[Block]) -> str:
    """Return the page as Markdown."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def as_html(blocks: Sequence[Block], folder: Path) -> str:
    """Return the page as HTML, with the pictures that lie below `folder` within it.

    Raises
    ------
    OSError
        If a picture cannot be read.
    """
    title = next((block.text for block in blocks if isinstance(block, Heading)), "")
    body = "\n".join(_html(block, folder) for block in blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Paragraph(text):
            return text
        case Items(items):
            return "\n".join(f"- {item}" for item in items)
        case Picture(path, caption):
            return f"![{caption.split('. ')[0]}]({path})\n\n{caption}"
        case Table(columns, rows):
            marks = ("---", *("---:",) * (len(columns) - 1))
            lines = (columns, marks, *rows)
            return "\n".join(
                "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
            )


def _html(block: Block, folder: Path) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{_words(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{_words(text)}</p>"
        case Items(items):
            return "<ul>\n" + "\n".join(f"<li>{_words(item)}</li>" for item in items) + "\n</ul>"
        case Picture(path, caption):
            data = base64.b64encode((folder / path).read_bytes()).decode()
            source = f"data:image/png;base64,{data}"
            words = _words(caption)
            alt = escape(caption.split(". ")[0])
            return f'<figure><img src="{source}" alt="{alt}"><figcaption>{words}</figcaption></figure>'
        case Table(columns, rows):
            head = "".join(f"<th>{_words(cell)}</th>" for cell in columns)
            body = "\n".join(
                "<tr>" + "".join(f"<td>{_words(cell)}</td>" for cell in row) + "</tr>" for row in rows
            )
            return (
                f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
                f"<tbody>\n{body}\n</tbody>\n</table></div>"
            )


def _words(text: str) -> str:
    strong = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))
    return re.sub(r"`(.+?)`", r"<code>\1</code>", strong)

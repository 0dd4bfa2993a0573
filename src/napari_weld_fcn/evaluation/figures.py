"""Grids of panels with names, a colour bar and nothing else: the figures of the paper from anybody's films.

A figure is a value: panels in rows, what each row and column is called, what the colours mean. `placed` says
where each panel lies, for whoever shows them as layers; `drawn` and `written_as_svg` are the same places with
names around them. A plotting library would bring more code than this page for tables of pictures, and
resamples what it shows; here each pixel of a panel is a pixel of the film, or a whole share of one.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from napari_weld_fcn.prediction.outputs import stretched, turbo
from napari_weld_fcn.radiograph.output import write_png, write_text

#: Pixels between panels, and the height of a letter.
GAP, LETTER = 8, 13
#: The colour bar's width, pixels, and its number of colours.
BAR, SHADES = 16, 256
_LINE = LETTER + 5
_FONT = "Helvetica, Arial, sans-serif"


@dataclass(frozen=True)
class Panel:
    """One picture of a figure.

    Attributes
    ----------
    pixels
        ``(rows, columns)``: grey levels, values of a map, or a mask (any value but 0 is white; 128, which is
        *ignored* in a dataset, stays grey).
    shown
        As ``greys`` (stretched), as a ``map`` of colours from blue to red, or as a ``mask``.
    low, high
        Values of a map that are blue and red.
    """

    pixels: NDArray[Any]
    shown: Literal["greys", "map", "mask"]
    low: float = 0.0
    high: float = 1.0

    def picture(self) -> NDArray[np.uint8]:
        """``(rows, columns)`` greys or ``(rows, columns, 3)`` colours."""
        if self.shown == "greys":
            return stretched(self.pixels)
        if self.shown == "map":
            span = max(self.high - self.low, 1e-12)
            return turbo((self.pixels.astype(np.float32) - self.low) / span)
        if self.pixels.dtype == np.uint8 and self.pixels.max(initial=0) > 1:
            return self.pixels
        return np.where(self.pixels != 0, np.uint8(255), np.uint8(0))


@dataclass(frozen=True)
class Figure:
    """Panels in rows.

    Attributes
    ----------
    panels
        Row by row; every row has as many.
    rows, columns
        What each is called; a name may be empty.
    bar
        What the colours mean, from low to high; empty leaves the colour bar out.
    low, high
        What stands at the ends of the colour bar.
    edge
        Panels with a longer edge are shrunk to it, pixels; 0 shrinks none.
    """

    panels: tuple[tuple[Panel, ...], ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    bar: str = ""
    low: str = "0"
    high: str = "1"
    edge: int = 0

    def __post_init__(self) -> None:
        if not self.panels or not self.panels[0]:
            raise ValueError("a figure without panels")
        if {len(row) for row in self.panels} != {len(self.columns)} or len(self.panels) != len(self.rows):
            raise ValueError("a figure whose rows and columns are not those of its names")


@dataclass(frozen=True)
class Place:
    """Where a panel lies.

    Attributes
    ----------
    panel
        What is shown.
    name
        Its row and column, such as ``"heatmap, W0001_0003"``.
    top, left
        Its first pixel, counted from the first panel's.
    rows, columns
        Its size in the figure, pixels; smaller than the panel's own where it was shrunk.
    """

    panel: Panel
    name: str
    top: int
    left: int
    rows: int
    columns: int

    @property
    def scale(self) -> tuple[float, float]:
        """Figure pixels for each of the panel's own, down and across: a layer's scale in napari."""
        rows, columns = self.panel.pixels.shape
        return self.rows / rows, self.columns / columns


def placed(figure: Figure) -> list[Place]:
    """Lay the panels out as a grid: rows as high as their largest panel, columns as wide, and as their name.

    Returns
    -------
    list of Place
        Row by row. A viewer shows each with ``translate=(top, left)`` and ``scale=place.scale``.
    """
    sizes = [[_size(panel, figure.edge) for panel in row] for row in figure.panels]
    heights = [max(rows for rows, _ in row) for row in sizes]
    widths = [
        max(_width((name,)) - GAP, *(row[index][1] for row in sizes))
        for index, name in enumerate(figure.columns)
    ]
    places = []
    for i, row in enumerate(figure.panels):
        for j, panel in enumerate(row):
            top, left = sum(heights[:i]) + i * GAP, sum(widths[:j]) + j * GAP
            name = ", ".join(filter(None, (figure.rows[i], figure.columns[j])))
            places.append(Place(panel, name, top, left, *sizes[i][j]))
    return places


def comparison(
    names: Sequence[str],
    inputs: Sequence[NDArray[Any]],
    probabilities: Sequence[NDArray[np.float32]],
    truths: Sequence[NDArray[Any]] = (),
    *,
    edge: int = 0,
) -> Figure:
    """Put inputs, heatmaps and, where they are known, truths one under the other (the paper's Figures 6, 7).

    Parameters
    ----------
    names
        One for each input.
    inputs
        ``(rows, columns)``, any real dtype.
    probabilities
        Of the same shapes, in [0, 1].
    truths
        Masks of the same shapes; none leaves their row out.
    edge
        As in `Figure`.

    Raises
    ------
    ValueError
        If there is no input, or not the same number of each.
    """
    rows = [
        tuple(Panel(pixels, "greys") for pixels in inputs),
        tuple(Panel(values, "map") for values in probabilities),
    ]
    titles = ["input", "heatmap"]
    if len(truths):
        rows.append(tuple(Panel(mask, "mask") for mask in truths))
        titles.append("truth")
    return Figure(tuple(rows), tuple(titles), tuple(names), bar="probability", edge=edge)


def stage_figure(
    names: Sequence[str], inputs: Sequence[NDArray[Any]], maps: Sequence[dict[str, NDArray[np.float32]]]
) -> Figure:
    """Put the response of each stage under its input, a row for each stage (the paper's Figure 5).

    Parameters
    ----------
    names
        One for each input.
    inputs
        ``(rows, columns)``, any real dtype.
    maps
        What `feature_maps` gives for each, all of one model. A row has one scale, from 0 to its 99.5th
        percentile, so that inputs can be compared; stages cannot.

    Raises
    ------
    ValueError
        If there is no input, or not the same number of each.
    """
    stages = tuple(maps[0]) if maps else ()
    rows = [tuple(Panel(pixels, "greys") for pixels in inputs)]
    for stage in stages:
        shown = [each[stage] for each in maps]
        high = float(np.quantile(np.concatenate([values.ravel() for values in shown]), 0.995))
        rows.append(tuple(Panel(values, "map", high=high) for values in shown))
    return Figure(tuple(rows), ("input", *stages), tuple(names), bar="response", low="none", high="strong")


def drawn(figure: Figure) -> NDArray[np.uint8]:
    """Draw a figure: ``(rows, columns, 3)`` uint8, dark names on white."""
    page = _Page.of(figure)
    picture = Image.new("RGB", (page.width, page.height), "white")
    for place in page.places:
        part = Image.fromarray(_fitted(place)).convert("RGB")
        picture.paste(part, (page.left + place.left, page.top + place.top))
    if figure.bar:
        picture.paste(Image.fromarray(_bar_picture(page.bar_height)), (page.bar_left, page.top))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(LETTER)
    for text in page.texts:
        pen.text((text.x, text.y), text.words, fill="black", font=font, anchor=text.anchor)
    return np.asarray(picture)


def written_as_svg(figure: Figure) -> str:
    """Return a figure as SVG that needs no other file: panels as they are, names as text."""
    page = _Page.of(figure)
    body = [
        _image(place.panel.picture(), page.left + place.left, page.top + place.top, place.columns, place.rows)
        for place in page.places
    ]
    if figure.bar:
        body.append(
            _image(_bar_picture(SHADES)[:, :1], page.bar_left, page.top, BAR, page.bar_height, smooth=True)
        )
    anchors = {"l": "start", "m": "middle", "r": "end"}
    body += [
        f'<text x="{text.x}" y="{text.y}" text-anchor="{anchors[text.anchor[0]]}" '
        f'dominant-baseline="central">{escape(text.words)}</text>'
        for text in page.texts
    ]
    size = f'width="{page.width}" height="{page.height}" viewBox="0 0 {page.width} {page.height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONT}" font-size="{LETTER}">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>\n"])


def write_figure(path: str | Path, figure: Figure) -> tuple[Path, Path]:
    """Write a figure as PNG and as SVG.

    Parameters
    ----------
    path
        Without a suffix; the folder must exist.

    Returns
    -------
    tuple of Path
        The PNG and the SVG.

    Raises
    ------
    WeldFcnError
        If a file cannot be written.
    """
    stem = Path(path)
    png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    write_png(png, drawn(figure))
    write_text(svg, written_as_svg(figure))
    return png, svg


@dataclass(frozen=True)
class _Text:
    """Words at a point; `anchor` as Pillow has it: l, m or r, then m for the middle of the line."""

    words: str
    x: int
    y: int
    anchor: str


@dataclass(frozen=True)
class _Page:
    """Where panels, names and the colour bar lie on the page, pixels."""

    places: list[Place]
    texts: list[_Text]
    top: int
    left: int
    bar_left: int
    bar_height: int
    width: int
    height: int

    @classmethod
    def of(cls, figure: Figure) -> _Page:
        places = placed(figure)
        top = GAP + (_LINE if any(figure.columns) else 0)
        left = GAP + _width(figure.rows)
        right = left + max(place.left + place.columns for place in places)
        bottom = top + max(place.top + place.rows for place in places)
        bar_height = max(place.top + place.rows for place in places)
        bar_left, across = right + 2 * GAP, len(figure.columns)
        texts = [
            _Text(name, left + place.left + place.columns // 2, top - _LINE // 2, "mm")
            for name, place in zip(figure.columns, places[:across], strict=True)
        ]
        texts += [
            _Text(name, left - GAP, top + place.top + place.rows // 2, "rm")
            for name, place in zip(figure.rows, places[::across], strict=True)
        ]
        width = right + GAP
        if figure.bar:
            beside = bar_left + BAR + GAP
            texts.append(_Text(figure.high, beside, top + LETTER // 2, "lm"))
            texts.append(_Text(figure.bar, beside, top + bar_height // 2, "lm"))
            texts.append(_Text(figure.low, beside, top + bar_height - LETTER // 2, "lm"))
            width = beside + _width((figure.bar, figure.low, figure.high)) + GAP
        return cls(places, texts, top, left, bar_left, bar_height, width, bottom + GAP)


def _width(names: Sequence[str]) -> int:
    """Room for the longest of some names and a gap, pixels."""
    font = ImageFont.load_default(LETTER)
    longest = max((font.getlength(name) for name in names), default=0.0)
    return round(longest) + GAP if longest else 0


def _size(panel: Panel, edge: int) -> tuple[int, int]:
    rows, columns = panel.pixels.shape
    share = min(1.0, edge / max(rows, columns)) if edge else 1.0
    return max(round(rows * share), 1), max(round(columns * share), 1)


def _fitted(place: Place) -> NDArray[np.uint8]:
    picture = place.panel.picture()
    if picture.shape[:2] == (place.rows, place.columns):
        return picture
    smaller = Image.fromarray(picture).resize((place.columns, place.rows), Image.Resampling.BOX)
    return np.asarray(smaller)


def _bar_picture(height: int) -> NDArray[np.uint8]:
    return np.repeat(turbo(np.linspace(1, 0, height))[:, None], BAR, axis=1)


def _image(
    picture: NDArray[np.uint8], left: int, top: int, width: int, height: int, *, smooth: bool = False
) -> str:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, format="PNG")
    data = base64.b64encode(file.getvalue()).decode()
    how = "" if smooth else ' style="image-rendering:pixelated"'
    return (
        f'<image x="{left}" y="{top}" width="{width}" height="{height}" preserveAspectRatio="none"{how} '
        f'href="data:image/png;base64,{data}"/>'
    )

"""Indications as a Labels layer: outlines in one colour, the one looked at in another, and their table.

Filled marks in a colour for each, napari's own way, hide the flaw that they are on. The labels are kept in 16
bits where they fit: napari then draws them straight from memory, ten times faster than 32 bits, which is what
lets them follow the threshold. Their colours are a cycle as long as the numbers: a colour by number costs
napari half a second whenever it changes. What touches napari's insides for all of this stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
from napari import Viewer
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray

from napari_weld_fcn.prediction.indications import label
from napari_weld_fcn.prediction.numbering import Marking, marked, renumbered, taken_over
from napari_weld_fcn.radiograph.lazy import FilmStack
from napari_weld_fcn.viewer.belonging import MARK, MARKED, earlier_output, mark_of
from napari_weld_fcn.viewer.films import films_in
from napari_weld_fcn.viewer.layers import place, placement
from napari_weld_fcn.viewer.preferences import DEFAULT_VIEW, ViewSettings

#: Colours of all indications and of the one looked at, which all eyes tell apart on grey.
MARK_COLOR = (1.0, 0.62, 0.0, 1.0)
CURRENT_COLOR = (0.0, 0.9, 1.0, 1.0)
#: Numbers beyond those there are that have a colour of their own, for what is painted.
_SPARE = 256

#: Key of the metadata of indications: the `Marking` of the program, with the numbers that were ever changed.
_MARKING = "napari-weld-fcn marking"

#: What the features table need not show: the number stands in ``index``, the plane in the picture.
_HIDDEN = ("label",)
#: Columns of a table that another run may leave out; what else it has that is not measured, a person added.
_AT_TIMES = ("area_mm2", "length_mm", "width_mm", "diameter_mm")


def show_indications(
    viewer: Viewer,
    film: Image,
    labels: NDArray[Any],
    table: Mapping[str, Any],
    view: ViewSettings = DEFAULT_VIEW,
) -> Labels:
    """Make or update the layer ``NAME indications`` over `film`, with its table as features.

    Parameters
    ----------
    viewer
        Where to look for it and to add it.
    film
        The layer that was predicted.
    labels
        Integers as `film` has pixels, 0 background.
    table
        Columns of equal length, one row for each number that occurs.
    view
        Outline and opacity; a layer that is there keeps its own.
    """
    present = earlier_output(viewer, film, "indications", labels.shape)
    if isinstance(present, Labels):
        outline, present.contour = present.contour, 0  # each change would draw the outlines anew
        show_marking(present, labels)
        show_table(present, table, film)
        place(present, film)
        present.contour = outline
        return present
    layer: Labels = viewer.add_labels(
        narrow(labels),
        name=f"{film.name} indications",
        features=features(table, film),
        opacity=view.opacity,
        colormap=mark_colors(int(labels.max(initial=0)), 0),
        metadata={MARK: mark_of(film, "indications")},
        **placement(film),
    )
    layer.contour = view.outline
    return layer


def show_marking(layer: Labels, labels: NDArray[Any]) -> None:
    """Replace what a layer shows by another marking, before which nothing can be undone.

    What undo remembers are places and numbers of the marking before; in another one they would be flaws that
    are not there. napari forgets them where a layer can no longer be edited, and a brush with them.
    """
    layer.data = narrow(labels)
    mode = layer.mode
    layer.editable = False
    layer.editable = True
    layer.mode = mode


def show_table(layer: Labels, table: Mapping[str, Any], film: Image | None = None) -> None:
    """Replace the features of a layer, all but what somebody added to them.

    Columns that were added stay, and with them the rows of numbers that are not marked now but may be again.
    """
    before = layer.features.set_index("index") if "index" in layer.features else layer.features
    ours = [*features(table, film).columns, *_AT_TIMES, *(["film"] if _is_series(film) else [])]
    added = before[before.columns.difference(ours)]
    said = added.index[added.notna().any(axis=1)]
    shown = features(table, film, int(said.max()) + 1 if len(said) else 0)
    for name in added.columns:
        shown[name] = added[name].reindex(shown["index"]).to_numpy()
    layer.features = shown


def show_current(layer: Labels, number: int) -> None:
    """Show one indication in another colour; none where `number` is 0."""
    colors = mark_colors(int(np.max(layer.data, initial=0)), number)
    inner = getattr(layer, "__wrapped__", layer)  # napari hands a plugin proxies
    outlining = getattr(inner, "_block_refresh", nullcontext)  # done anew it takes up to half a second
    with outlining(), layer.events.selected_label.blocker():
        layer.colormap = colors


def mark_colors(highest: int, current: int) -> CyclicLabelColormap:
    """One colour for all numbers up to `highest`, another for the `current` one."""
    colors = np.tile(np.asarray(MARK_COLOR, np.float32), (min(max(highest, current) + _SPARE, 2**16), 1))
    colors[0] = 0
    if 0 < current < len(colors):
        colors[current] = CURRENT_COLOR
    return CyclicLabelColormap(colors=colors, background_value=0)


def narrow(labels: NDArray[Any]) -> NDArray[Any]:
    """The same labels, as an array of their own, in the smallest type that napari draws at once."""
    return labels.astype(np.uint16 if labels.max(initial=0) < 2**16 else np.int32)


def features(table: Mapping[str, Any], film: Image | None = None, least: int = 0) -> pd.DataFrame:
    """A table of indications as the features of a Labels layer.

    Parameters
    ----------
    table
        Columns of equal length, in the rising order of a column ``label``.
    film
        The layer that was predicted; of a series it gives each plane's own name.
    least
        Rows that there are in any case.

    Returns
    -------
    pandas.DataFrame
        Row k is label k: row 0, the background, and the rows of numbers that do not occur hold NaN. napari
        finds a label's row by ``index``, and its features table finds it by position; only so do both agree.
    """
    numbers = np.asarray(table["label"], np.int64)
    rows = max(int(numbers.max(initial=0)) + 1, least)
    columns: dict[str, Any] = {"index": np.arange(rows)}
    if film is not None and (names := films_by_row(table, film)):
        columns["film"] = np.full(rows, "", object)
        columns["film"][numbers] = names
    for name, values in table.items():
        if name not in _HIDDEN:
            column = np.full(rows, np.nan)
            column[numbers] = values
            columns[name] = column
    return pd.DataFrame(columns)


def films_by_row(table: Mapping[str, Any], film: Image) -> list[str]:
    """Return the film of each indication of a series; nothing where the layer is no series."""
    if "plane" not in table or not _is_series(film):
        return []
    names = [name for name, _ in films_in(film)]
    return [names[int(plane)] for plane in table["plane"]]


def _is_series(film: Image | None) -> bool:
    return film is not None and isinstance(film.data, FilmStack)


def note_marks(layers: Iterable[Layer], record: Mapping[str, Any]) -> None:
    """Say in the layers how they were marked, for whoever marks anew or compares them with the truth."""
    for layer in layers:
        layer.metadata[MARKED] = dict(record)


def note_marking(indications: Labels, marking: Marking) -> None:
    """Keep with the indications what a form that is closed and opened again must know of hand work."""
    indications.metadata[_MARKING] = marking


def marked_with(layer: Layer) -> dict[str, float]:
    """Return what a layer was marked with besides the network, as far as that is noted."""
    record = layer.metadata.get(MARKED, {})
    return {name: record[name] for name in ("threshold", "min_size_px", "peak_odds") if name in record}


def marking_in_layers(viewer: Viewer, film: Image, shape: tuple[int, ...]) -> Marking | None:
    """The marking of a film that is in the viewer's layers alone, with the hand work on it.

    Parameters
    ----------
    viewer, film
        Whose layers, and which film's.
    shape
        Of the film in its finest resolution.

    Returns
    -------
    Marking or None
        None where the film has no indications. Where it cannot be told how they were marked, each counts as
        changed by hand.
    """
    indications = earlier_output(viewer, film, "indications", shape)
    if not isinstance(indications, Labels):
        return None
    heatmap = earlier_output(viewer, film, "heatmap", shape)
    return taken_over(noted_marking(indications, heatmap), np.array(indications.data, np.int32))


def noted_marking(indications: Labels, heatmap: Layer | None) -> Marking:
    """The marking that was noted in a layer, as the program made it.

    Parameters
    ----------
    indications
        The layer, of one shape with the heatmap.
    heatmap
        What tells it where none was noted, as in results that were saved; None where there is none.
    """
    noted = indications.metadata.get(_MARKING)
    if noted is not None:
        assert isinstance(noted, Marking)
        return noted
    shown, how = np.array(indications.data, np.int32), marked_with(indications)
    if heatmap is None or not how:
        return marked(np.zeros_like(shown))
    return marked(renumbered(label(np.asarray(heatmap.data), **how), shown))

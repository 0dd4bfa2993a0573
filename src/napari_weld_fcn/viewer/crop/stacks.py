"""Crops as layers of napari: a stack of images with a stack of masks, and the windows over their films.

The masks keep the values of `dataset.pair`, so that what is ignored stays apart from what is background; what
else a pair is (its film, its place, its film's normalisation) is kept in the metadata of the images. Both
together give the pairs back, with whatever was painted meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.colormaps import CyclicLabelColormap

from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, Pair
from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.radiograph.normalisation import Normalisation
from napari_weld_fcn.radiograph.radiograph import Box
from napari_weld_fcn.viewer.belonging import MARK, earlier_output, films, mark_of
from napari_weld_fcn.viewer.layers import placement
from napari_weld_fcn.viewer.pixel_sizes import pixel_edge_mm

NAME = "crops"
#: Colours of what is ignored, and of every other number, which is a flaw.
IGNORED_COLOR, FLAW_COLOR = (0.5, 0.5, 0.5, 1), (1, 0.2, 0.2, 1)
#: Between films and crops, as a share of a crop.
GAP = 0.1
WINDOW_COLOR = "#30d0ff"


#: Bytes of pixels and masks that may become layers.
MOST_IN_LAYERS = 250_000_000


@dataclass(frozen=True)
class Stacks:
    """Pairs of one size as two stacks.

    Attributes
    ----------
    pixels, masks
        ``(n, rows, columns)``.
    rows
        What else each pair is, by the names of `Pair`.
    """

    pixels: np.ndarray
    masks: np.ndarray
    rows: tuple[dict[str, Any], ...]


def refuse_too_many(count: int, pair: Pair) -> None:
    """Refuse to keep `count` pairs such as `pair` for layers where they would fill the memory.

    Raises
    ------
    SettingsError
        If they take more than `MOST_IN_LAYERS` bytes.
    """
    size = count * (pair.pixels.nbytes + pair.mask.nbytes)
    if size > MOST_IN_LAYERS:
        raise SettingsError(
            f"{count} pairs would take {size / 1e6:.0f} MB as layers, at most {MOST_IN_LAYERS / 1e6:.0f} "
            "are allowed: write them to a dataset folder alone, or ask for fewer."
        )


def as_stacks(pairs: Sequence[Pair]) -> Stacks:
    """Put pairs of one size into two stacks; their dtypes become the one that holds all.

    Raises
    ------
    SettingsError
        If there are none, or they differ in size.
    """
    if len({pair.pixels.shape for pair in pairs}) != 1:
        raise SettingsError("There are no crops." if not pairs else "The crops differ in size.")
    rows = tuple(_row(pair) for pair in pairs)
    return Stacks(np.stack([pair.pixels for pair in pairs]), np.stack([pair.mask for pair in pairs]), rows)


def show_stacks(viewer: Viewer, stacks: Stacks, name: str = NAME) -> tuple[Image, Labels]:
    """Make or update the layers `name` and `name` masks, below the films so that they hide none.

    Parameters
    ----------
    viewer
        Where to look for them and to add them; one that the user renamed is left alone.
    stacks
        What `as_stacks` gives.
    """
    metadata = {MARK: {"output": name, "pairs": stacks.rows}}
    placed = _placed(viewer, stacks)
    images = _present(viewer, name, name)
    if isinstance(images, Image):
        images.data = stacks.pixels
        images.metadata = metadata
        images.reset_contrast_limits()
    else:
        images = viewer.add_image(stacks.pixels, name=name, metadata=metadata, **placed)
    masks = _present(viewer, f"{name} masks", f"{name} masks")
    if isinstance(masks, Labels):
        masks.data = stacks.masks
        _move(masks, placed)
        _move(images, placed)
    else:
        masks = viewer.add_labels(
            stacks.masks,
            name=f"{name} masks",
            metadata={MARK: {"output": f"{name} masks"}},
            colormap=_mask_colors(),
            opacity=0.5,
            **placed,
        )
        masks.selected_label = FLAW
    return images, masks


def show_pairs(viewer: Viewer, pairs: Sequence[Pair], name: str = NAME) -> tuple[Image, Labels]:
    """Show pairs of one size as layers; see `as_stacks` and `show_stacks`."""
    return show_stacks(viewer, as_stacks(pairs), name)


def is_crops(layer: Layer) -> bool:
    """Whether `layer` is a stack of crops that `pairs_in_layers` can read."""
    return isinstance(layer, Image) and "pairs" in layer.metadata.get(MARK, {})


def pairs_in_layers(crops: Image, masks: Labels | None) -> list[Pair]:
    """Return the pairs that the layers show.

    Parameters
    ----------
    crops
        A layer for which `is_crops` holds.
    masks
        Its masks, painted on or not; None ignores everything.

    Raises
    ------
    SettingsError
        If the layers do not fit each other.
    """
    pixels = np.asarray(crops.data)
    labels = np.full(pixels.shape, IGNORED) if masks is None else np.asarray(masks.data)
    rows = crops.metadata[MARK]["pairs"]
    if labels.shape != pixels.shape or len(rows) != len(pixels):
        raise SettingsError(f"{crops.name}: the stack of crops and the stack of masks do not fit each other.")
    return [pair_of(row, *both) for row, *both in zip(rows, pixels, labels, strict=True)]


def painted_mask(labels: np.ndarray) -> np.ndarray:
    """Return labels of any whole numbers as a mask, uint8: all but background and ignored are flaws."""
    known = (labels == BACKGROUND) | (labels == IGNORED)
    return np.where(known, labels, FLAW).astype(np.uint8)


def show_windows(viewer: Viewer, film: Image, planes: Sequence[Iterable[Box]]) -> Shapes | None:
    """Draw the windows over their film as the layer `NAME windows`.

    Parameters
    ----------
    viewer
        Where to look for it and to add it; nothing is added where there is no window.
    film
        The layer.
    planes
        The windows of each plane, one where the film is no stack.
    """
    corners = [_corners(window, plane, film.ndim) for plane, each in enumerate(planes) for window in each]
    present = earlier_output(viewer, film, "windows")
    if isinstance(present, Shapes):
        if len(present.data) != len(corners) or not np.array_equal(present.data, corners):
            present.data = corners
        return present
    if not corners:
        return None
    return viewer.add_shapes(
        corners,
        shape_type="rectangle",
        name=f"{film.name} windows",
        edge_color=WINDOW_COLOR,
        face_color="transparent",
        edge_width=max(1.0, max(film.extent.data[1][-2:]) / 500),
        metadata={MARK: mark_of(film, "windows")},
        **placement(film),
    )


def _mask_colors() -> CyclicLabelColormap:
    """One colour for each of 256 numbers; a table by number costs napari seconds when it is first shown."""
    colors = np.tile(np.array(FLAW_COLOR, np.float32), (256, 1))
    colors[BACKGROUND] = 0
    colors[IGNORED] = IGNORED_COLOR
    return CyclicLabelColormap(colors=colors, name="mask")


def _corners(window: Box, plane: int, ndim: int) -> np.ndarray:
    top, left, bottom, right = (edge - 0.5 for edge in (window.top, window.left, window.bottom, window.right))
    corners = np.array([(top, left), (top, right), (bottom, right), (bottom, left)])
    return np.insert(corners, 0, plane, axis=1) if ndim > 2 else corners


def _present(viewer: Viewer, output: str, name: str) -> Layer | None:
    for layer in viewer.layers:
        if layer.name == name and layer.metadata.get(MARK, {}).get("output") == output:
            return layer
    return None


def _placed(viewer: Viewer, stacks: Stacks) -> dict[str, Any]:
    """Where a stack lies: under the lowest film, in its pixels."""
    (height, width), units = _pixel_beside(films(viewer), stacks)
    below = max((film.extent.world[1][-2] for film in films(viewer)), default=0.0)
    return {
        "scale": (1, height, width),
        "units": ("pixel", *units),
        "translate": (0, below + GAP * stacks.pixels.shape[1] * height, 0),
        "axis_labels": ("crop", "row", "column"),
    }


def _pixel_beside(present: Sequence[Image], stacks: Stacks) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Scale and units of a pixel: as the films have them, for beside another unit a crop is a speck."""
    pixels = {(tuple(film.scale[-2:]), tuple(map(str, film.units[-2:]))) for film in present}
    if len(pixels) == 1:
        return pixels.pop()
    sizes = {row["pixel_size_mm"] for row in stacks.rows}
    size = sizes.pop() if len(sizes) == 1 else None
    if size and all(pixel_edge_mm(film.scale, film.units) for film in present):
        return (size, size), ("mm", "mm")
    return (1.0, 1.0), ("pixel", "pixel")


def _move(layer: Layer, placed: dict[str, Any]) -> None:
    for name, value in placed.items():
        setattr(layer, name, value)


def _row(pair: Pair) -> dict[str, Any]:
    return {
        "name": pair.name,
        "film": pair.film,
        "row": pair.row,
        "column": pair.column,
        "mean": pair.normalisation.mean,
        "spread": pair.normalisation.spread,
        "low": pair.normalisation.low,
        "high": pair.normalisation.high,
        "full_scale": pair.full_scale,
        "pixel_size_mm": pair.pixel_size_mm,
        "polarity": pair.polarity,
        "variant": pair.variant,
        "parameters": dict(pair.parameters),
    }


def pair_of(row: dict[str, Any], pixels: np.ndarray, labels: np.ndarray) -> Pair:
    """Return the pair that one plane shows.

    Parameters
    ----------
    row
        What else it is, from `Stacks.rows`.
    pixels, labels
        ``(rows, columns)``; the labels as `painted_mask` takes them.
    """
    mask = painted_mask(labels)
    figures = [field.name for field in fields(Normalisation)]
    own = {name: value for name, value in row.items() if name not in figures}
    film = Normalisation(**{name: row[name] for name in figures if name in row})
    return Pair(pixels=pixels, mask=mask, normalisation=film, **own)

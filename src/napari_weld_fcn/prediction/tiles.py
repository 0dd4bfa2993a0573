"""Where tiles are cut, so that nobody can tell.

A convolution sees `halo` pixels around the pixel that it computes. A tile that is read with that halo
and written without it gives the whole image's own values, at once and not on average. Blending
overlapping windows, the usual way, is slower and still wrong by some percent near each seam.
Origins lie on multiples of the network's stride; otherwise its pooling grid would shift between tiles.
Only at the true border does the network pad by itself, as it does for the whole image, so a tile there is
read to the last pixel and no further, whether or not that is a multiple of the stride.
"""

from __future__ import annotations

from collections.abc import Iterator

from napari_weld_fcn.radiograph.radiograph import Box


def extended(size: int, stride: int) -> int:
    """Return the smallest multiple of `stride` that is not under `size`."""
    return -(-size // stride) * stride


def with_halo(box: Box, shape: tuple[int, int], halo: int, stride: int) -> Box:
    """Return what must be read to compute `box`.

    Parameters
    ----------
    box
        What is to be written.
    shape
        Rows and columns of the image.
    halo, stride
        The network's, in pixels.

    Returns
    -------
    Box
        `box` and its halo, widened to the stride, within the image.
    """
    return Box(
        max(box.top - halo, 0) // stride * stride,
        max(box.left - halo, 0) // stride * stride,
        min(extended(box.bottom + halo, stride), shape[0]),
        min(extended(box.right + halo, stride), shape[1]),
    )


def split(box: Box, tile: tuple[int, int], stride: int) -> Iterator[Box]:
    """Cut `box` into parts of at most `tile` (rows, columns), cuts lying on multiples of `stride`.

    An edge shorter than the stride counts as one stride.
    """
    rows, columns = (max(edge // stride, 1) * stride for edge in tile)
    for top, bottom in _cuts(box.top, box.bottom, rows, stride):
        for left, right in _cuts(box.left, box.right, columns, stride):
            yield Box(top, left, bottom, right)


def sensible_tile(asked: int | None, halo: int, stride: int) -> int | None:
    """Return the edge of a tile that was asked for, or the smallest that is not dwarfed by its halo.

    With its halo a tile as large as that is read nine times; of one that is smaller by far, a film takes
    minutes instead of seconds, for the same result.

    Parameters
    ----------
    asked
        None where the program chooses, which stays.
    halo, stride
        The network's, in pixels.
    """
    return max(asked, extended(halo, stride)) if asked else None


def tile_shape(shape: tuple[int, int], halo: int, stride: int, pixels: int) -> tuple[int, int]:
    """Choose rows and columns of a tile: the least work whose windows hold at most `pixels`.

    What is read over all tiles is (rows + 2 halo for each cut) times the same of the columns, so a film
    with few rows is cut into strips of its whole height.

    Parameters
    ----------
    shape
        Rows and columns of the image.
    halo, stride
        The network's, in pixels.
    pixels
        Largest window that one pass of the network may be given.
    """
    candidates = [_strips(shape, cuts, halo, stride, pixels) for cuts in range(1, shape[0] // stride + 2)]
    return min(candidates)[1]


def _strips(
    shape: tuple[int, int], parts: int, halo: int, stride: int, pixels: int
) -> tuple[int, tuple[int, int]]:
    """Return work and edges where the rows are cut into `parts` and the columns as often as needed."""
    rows = min(extended(-(-shape[0] // parts), stride), extended(shape[0], stride))
    margin = 2 * extended(halo, stride)
    height = min(rows + margin, extended(shape[0], stride))
    whole = extended(shape[1], stride)
    widest = whole if height * whole <= pixels else (pixels // height - margin) // stride * stride
    columns = extended(-(-shape[1] // -(-shape[1] // max(widest, stride))), stride)
    across, down = -(-shape[1] // columns), -(-shape[0] // rows)
    too_large = height * min(columns + margin, whole) > pixels
    work = (shape[0] + margin * (down - 1)) * (shape[1] + margin * (across - 1))
    return (work << 40 if too_large else work), (rows, columns)


def _cuts(start: int, stop: int, edge: int, stride: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        following = min((start + edge) // stride * stride, stop)
        yield start, following
        start = following

"""How `screenshots.py` drives a viewer: opens forms, presses buttons, waits, looks, keeps pictures."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PLUGIN = "napari-weld-fcn"
#: Seconds that a job may take.
PATIENCE = 3600
#: Colours of a picture that is kept; grain in more of them is not seen and does not compress.
COLOURS = 192
#: From this difference of red, green and blue on a pixel is coloured.
COLOURED = 70


def live_in(folder: Path) -> None:
    """Have everything that is kept in `folder`, where the forms show paths that could be anybody's."""
    home = folder / "simulated radiographs"
    home.mkdir()
    os.chdir(home)
    places = {"WELD_FCN_MODELS": "models", "WELD_FCN_RUNS": "runs", "WELD_FCN_CONFIG": "config"}
    os.environ.update(places | {"NAPARI_CONFIG": str(folder / "napari.yaml")})


def opened(viewer: Any, widget: str) -> Any:
    """Return a form, as the menu opens it."""
    _, form = viewer.window.add_plugin_dock_widget(PLUGIN, widget)
    settle()
    return form


def simulated(viewer: Any, name: str, seed: int, **settings: Any) -> tuple[Any, Any]:
    """A simulated film with its truth, in mm, as the sample is shown."""
    from napari_weld_fcn import SimulationSettings, simulate

    film = simulate(SimulationSettings(flawless_share=0, harsh_share=0, jpeg_share=0, **settings), seed)
    edge = film.radiograph.pixel_size_mm
    known = {"scale": (edge, edge), "units": ("mm", "mm")}
    limits = np.percentile(film.radiograph.pixels, (0.5, 99.5))
    image = viewer.add_image(film.radiograph.pixels, name=name, contrast_limits=limits, **known)
    labels = viewer.add_labels(film.instances, name=f"{name} truth", visible=False, **known)
    return image, labels


def press(form: Any, button: str) -> None:
    """Press a start button of a form, and wait until its job has ended."""
    form.jobs.starts[button].click()
    until(lambda: form.job is None)


def rest(form: Any) -> None:
    """Wait until what follows the form has come to rest."""
    for _ in range(2):
        settle(1)
        until(lambda: form.following.settled)
    settle()


def show_only(viewer: Any, *names: str) -> None:
    """Show the layers of these names and no others."""
    for layer in viewer.layers:
        layer.visible = layer.name in names


def look_at(viewer: Any, indications: Any, number: int) -> None:
    """Centre an indication, four pixels of the screen for one of the film."""
    from napari_weld_fcn.viewer.showing import centre

    centre(viewer, indications, number)
    viewer.scene.camera.zoom = 4 / float(indications.scale[-1])


def look(viewer: Any, layer: Any, first: int = 0, last: int = 0) -> None:
    """Have a layer, or its columns from `first` to `last`, fill the canvas."""
    low, high = np.array(layer.extent.world[:, -2:])
    if last:
        low[1], high[1] = low[1] + first * layer.scale[-1], low[1] + last * layer.scale[-1]
    camera = viewer.scene.camera
    camera.center = (*camera.center[:-2], *((low + high) / 2))
    camera.zoom = float(0.95 * (np.array(viewer.canvas.size) / (high - low)).min())
    settle()


def scroll_down(form: Any) -> None:
    """Show the end of a form that is longer than its dock."""
    from qtpy.QtWidgets import QScrollArea

    settle()
    bar = form.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(bar.maximum())


def few_colours(pixels: np.ndarray) -> Image.Image:
    """The picture in `COLOURS`, half of them for what is coloured, such as a heatmap on much grey."""
    rgb = pixels[..., :3].reshape(-1, 3)
    coloured = rgb[np.ptp(rgb, axis=1) > COLOURED]
    halves = [part for part in (rgb[::7], coloured) if len(part)]
    shades: list[int] = []
    for part in halves:
        few = Image.fromarray(part[None]).quantize(COLOURS // 2).getpalette() or []
        shades += few[: 3 * (COLOURS // 2)]
    palette = Image.new("P", (1, 1))
    palette.putpalette(shades)
    picture = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def until(done: Callable[[], bool]) -> None:
    """Wait until something is done; TimeoutError after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"a job took longer than {PATIENCE} s")
        settle(0.05)


def settle(seconds: float = 0.4) -> None:
    """Let Qt and napari do what waits."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)

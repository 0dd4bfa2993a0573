"""A session in a real window, run by `test_whole_session`: forms, crops, all deleted, and a film opened."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import napari
import numpy as np
from napari.layers import Shapes
from OpenGL import GL
from qtpy.QtTest import QTest

FORM = "Crop ROIs"


def wait_for(condition: Callable[[], Any]) -> None:
    """Run the event loop until it holds."""
    while not condition():
        QTest.qWait(50)
    QTest.qWait(200)


def drawn(viewer: napari.Viewer) -> None:
    """See to it that what there is now is on the screen."""
    QTest.qWait(100)
    viewer.window._qt_window._qt_viewer.canvas.native.grabFramebuffer()


def arrays_without_buffer(viewer: napari.Viewer) -> list[int]:
    """Vertex arrays that are on and point nowhere."""
    viewer.window._qt_window._qt_viewer.canvas.native.makeCurrent()
    asked = (GL.GL_VERTEX_ATTRIB_ARRAY_ENABLED, GL.GL_VERTEX_ATTRIB_ARRAY_BUFFER_BINDING)
    states = [[int(np.ravel(GL.glGetVertexAttribiv(n, each))[0]) for each in asked] for n in range(16)]
    return [number for number, (enabled, buffer) in enumerate(states) if enabled and not buffer]


def main(film: str) -> None:
    """Do as a person does."""
    viewer = napari.Viewer(show=True)
    viewer.open_sample("napari-weld-fcn", "simulated_weld")
    drawn(viewer)
    predict, _ = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Predict")
    drawn(viewer)
    dock, form = viewer.window.add_plugin_dock_widget("napari-weld-fcn", FORM)
    wait_for(lambda: predict in viewer.window._qt_window.tabifiedDockWidgets(dock))
    print(f"on top: {form.isVisible()}", flush=True)  # noqa: T201
    wait_for(lambda: any(isinstance(layer, Shapes) for layer in viewer.layers))
    drawn(viewer)
    form.run()
    wait_for(lambda: form.job is None)
    assert [layer.name for layer in viewer.layers][-2:] == ["crops", "crops masks"]
    drawn(viewer)
    viewer.layers.select_all()
    viewer.layers.remove_selected()
    drawn(viewer)
    viewer.open(film, plugin="napari")
    wait_for(lambda: not form.following.busy)
    drawn(viewer)
    viewer.layers.clear()  # the new film's windows too
    drawn(viewer)
    print(f"stale: {arrays_without_buffer(viewer)}", flush=True)  # noqa: T201
    viewer.close()


if __name__ == "__main__":
    main(sys.argv[1])

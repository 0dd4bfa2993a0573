"""Layers are removed from a viewer, and what is left is drawn: run by `test_drawing`, for it may crash."""

import napari
import numpy as np
from qtpy.QtTest import QTest

from napari_weld_fcn.viewer.showing import leave_nothing_behind


def drawn(viewer: napari.Viewer) -> None:
    """Move the view, so that all is drawn anew."""
    for _ in range(4):
        viewer.scene.camera.zoom *= 1.1
        QTest.qWait(60)


def main() -> None:
    """Remove each layer below another one, of every kind that the forms make."""
    leave_nothing_behind()
    rng = np.random.default_rng(0)
    viewer = napari.Viewer()
    viewer.window.resize(900, 600)
    for _ in range(2):
        image = viewer.add_image(rng.integers(0, 255, (300, 500)).astype(np.uint8))
        heatmap = viewer.add_image(rng.random((300, 500)).astype(np.float32), blending="additive")
        shapes = viewer.add_shapes([np.array([[20, 20], [60, 90]])], shape_type="rectangle")
        labels = viewer.add_labels((rng.random((300, 500)) > 0.99).astype(np.int32))
        drawn(viewer)
        for layer in (image, shapes, heatmap, labels):
            viewer.layers.remove(layer)
            drawn(viewer)
    viewer.close()


if __name__ == "__main__":
    main()

"""Take the pictures of the tutorials: real forms, pressed by their own buttons, on simulated films.

A picture that somebody once took by hand shows an older program than the page beside it. Here each is taken
from a seed, so that all of them can be taken again after any change. Nothing of the user's own is read or
shown: models, runs, forms and napari's settings are those of an empty folder.

    xvfb-run -a -s "-screen 0 1600x1200x24" python scripts/screenshots.py [--only train] [--output FOLDER]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from driven_viewer import (
    PLUGIN,
    few_colours,
    live_in,
    look,
    look_at,
    opened,
    press,
    rest,
    scroll_down,
    settle,
    show_only,
    simulated,
)

SIZE = (1320, 860)

Take = Callable[[str], None]


def main() -> None:
    """Take the pictures, and say how large each is."""
    parser = argparse.ArgumentParser(description="Take the pictures of the tutorials.")
    parser.add_argument("--only", choices=sorted(SCENES), action="append")
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    options = parser.parse_args()
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        live_in(Path(folder))
        for name in options.only or SCENES:
            _play(name, output)


def _play(name: str, output: Path) -> None:
    import napari
    from napari.settings import get_settings

    get_settings().application.gui_notification_level = "error"
    viewer = napari.Viewer(title="napari", show=True)
    viewer.window.resize(*SIZE)
    settle()

    def take(picture: str) -> None:
        settle()
        pixels = viewer.window.screenshot(flash=False, canvas_only=False)
        path = output / f"{picture}.png"
        few_colours(pixels).save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")

    SCENES[name](viewer, take)
    viewer.close()
    settle()


def predict(viewer: Any, take: Take) -> None:
    """The sample, its heatmap and indications; then one of them, centred, with the table."""
    viewer.open_sample(PLUGIN, "simulated_weld")
    form = opened(viewer, "Predict")
    film = viewer.layers["simulated weld"]
    viewer.layers.selection.active = film
    look(viewer, film, 1400, 2400)
    take("predict-form")
    press(form, "Run")
    look(viewer, film, 1400, 2400)
    take("predict")
    form.results.panel.next.click()
    form.results.panel.next.click()
    form.results.panel.table.click()
    settle(1)
    form.results.panel.previous.click()
    take("predict-table")


def crop(viewer: Any, take: Take) -> None:
    """The windows over the bead, and the crops."""
    viewer.open_sample(PLUGIN, "simulated_weld")
    form = opened(viewer, "Crop ROIs")
    form.inputs.preset.value = "paper"
    form.inputs.folder.value = Path("crops")
    rest(form)
    look(viewer, viewer.layers["simulated weld"])
    take("crop")


def augment(viewer: Any, take: Take) -> None:
    """Crops cut around flaws, and what becomes of one."""
    _cut_flaws(viewer)
    form = opened(viewer, "Augment")
    form.inputs.folder.value = Path("pairs")
    form.inputs.shown.value = 14
    viewer.dims.set_current_step(0, 14)
    rest(form)
    take("augment")


def train(viewer: Any, take: Take) -> None:
    """Labels of one film that were painted, and what was learned from them."""
    film, truth = simulated(viewer, "weld 1", seed=5, rows=360, columns=1000, flaw_density=16)
    truth.name = "weld 1 labels"
    truth.visible = True
    form = opened(viewer, "Train")
    form.inputs.start_from.value = "default"
    form.inputs.form.widgets["epochs"].value = 8
    rest(form)
    look(viewer, film, 0, 400)
    take("train-form")
    press(form, "Train")
    truth.visible = False
    look(viewer, film, 0, 400)
    scroll_down(form)
    take("train")


def evaluate(viewer: Any, take: Take) -> None:
    """Scores of the shipped model on two films, its curves, and crops side by side."""
    films = [
        simulated(viewer, f"weld {number}", seed=number, rows=500, columns=1400, flaw_density=6)[0]
        for number in (1, 2)
    ]
    form = opened(viewer, "Evaluate")
    press(form, "Run")
    films[1].visible = False
    viewer.layers["weld 2 agreement"].visible = False
    look(viewer, films[0], 850, 1350)
    scroll_down(form)
    take("evaluate")
    form.panel.tabs.setCurrentIndex(4)
    take("evaluate-curves")
    form.panel.compare.click()
    take("comparison")


def features(viewer: Any, take: Take) -> None:
    """What a stage responds to, and what drew an indication."""
    viewer.open_sample(PLUGIN, "simulated_weld")
    predicting = opened(viewer, "Predict")
    press(predicting, "Run")
    viewer.window.remove_dock_widget(predicting)
    settle()
    form = opened(viewer, "Feature maps")
    rest(form)
    press(form, "Run")
    show_only(viewer, "simulated weld", "simulated weld encoder.1.1")
    look(viewer, viewer.layers["simulated weld"], 1400, 2400)
    take("features")
    indications = viewer.layers["simulated weld indications"]
    indications.selected_label = 4
    press(form, "What drew this")
    drew = [layer.name for layer in viewer.layers if layer.name.endswith(" drew") and layer.data.any()]
    show_only(viewer, "simulated weld", drew[-1])
    look_at(viewer, indications, 4)
    take("features-drew")


#: By the name of the widget.
SCENES: dict[str, Callable[[Any, Take], None]] = {
    "predict": predict,
    "crop": crop,
    "augment": augment,
    "train": train,
    "evaluate": evaluate,
    "features": features,
}


def _cut_flaws(viewer: Any) -> None:
    viewer.open_sample(PLUGIN, "simulated_weld")
    form = opened(viewer, "Crop ROIs")
    form.inputs.form.widgets["rois"].value = "flaws"
    form.inputs.windows.value = False
    rest(form)
    press(form, "Crop")
    viewer.window.remove_dock_widget(form)
    settle()
    show_only(viewer, "crops", "crops masks")
    look(viewer, viewer.layers["crops"])


if __name__ == "__main__":
    main()

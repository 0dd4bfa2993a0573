"""The Feature maps widget: what each stage of a network responds to, and what drew an indication.

A form and two buttons. Maps come as one layer a stage over the film; all but the first are hidden, because
napari draws what it shows at once, and a dozen large layers hold it up for seconds.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from napari import Viewer
from napari.utils.colormaps import ensure_colormap
from qtpy.QtCore import QEvent

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.viewer.features.inputs import FeaturesInputs
from napari_weld_fcn.viewer.features.job import (
    Maps,
    Plane,
    drawn_by,
    feature_maps_of,
    indication_shown,
    plane_shown,
    stage_names,
)
from napari_weld_fcn.viewer.films import region_of
from napari_weld_fcn.viewer.job_widget import JobWidget, Task
from napari_weld_fcn.viewer.layers import over_film, show_map
from napari_weld_fcn.viewer.preferences import preferences
from napari_weld_fcn.viewer.worker import Outcome, Work

#: Milliseconds between a change of the model and the stages that follow it.
STAGES_DELAY = 100


class FeaturesWidget(JobWidget):
    """Maps of the stages of a network for the films of one viewer.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, {"Run": self.run, "What drew this": self.explain})
        self.inputs = FeaturesInputs(napari_viewer, preferences())
        self.following = self.follow("Stages", STAGES_DELAY, self._stages, self._on_stages)
        self.lay_out(self.inputs, self.jobs)
        self.inputs.model.changed.connect(self._list_stages)
        napari_viewer.mouse_drag_callbacks.append(self._on_click)
        napari_viewer.layers.selection.events.active.connect(self._on_active)
        self._list_stages()

    def reset_choices(self, _: Any = None) -> None:
        """Offer the layers and models that there are now; napari calls it when layers change."""
        self.inputs.refresh()

    def run(self) -> None:
        """Show the maps of the chosen stages."""
        self.begin(self._maps_task)

    def explain(self) -> None:
        """Show what drew the selected indication."""
        self.begin(self._drawn_task)

    def _maps_task(self) -> Task:
        """Everything that the job needs, read off the form and the layers now."""
        film, model, settings = self.inputs.film(), self.inputs.chosen_model(), self.inputs.settings()
        shapes = self.inputs.region.value
        region = region_of(shapes, film) if shapes is not None else None
        plane = plane_shown(self.viewer, film)
        self.inputs.remember(stage=self.inputs.stage())

        return Task(
            lambda job: feature_maps_of(plane, model, settings, region, job),
            lambda maps: self._show_maps(plane, maps, "{}"),
            f"Feature maps {film.name}",
            "preparing the network...",
            "tile",
            subject=film.name,
            layers=(film,),
            imports="napari_weld_fcn.evaluation.feature_maps",
        )

    def _drawn_task(self) -> Task:
        """The same for what drew the selected indication."""
        film, labels, model = self.inputs.film(), self.inputs.labels(), self.inputs.chosen_model()
        settings = self.inputs.settings()
        plane = plane_shown(self.viewer, film)
        indication = indication_shown(plane, labels)
        number = int(labels.selected_label)
        self.inputs.remember(stage=self.inputs.stage())

        return Task(
            lambda job: drawn_by(plane, indication, model, settings, job),
            lambda maps: self._show_maps(plane, maps, "{} drew", f"what drew indication {number} in "),
            f"What drew {number}",
            f"looking for what drew indication {number}...",
            "",
            subject=film.name,
            layers=(film, labels),
            imports="napari_weld_fcn.evaluation.grad_cam",
        )

    def _show_maps(self, plane: Plane, maps: Maps, called: str, of: str = "") -> None:
        active = self.viewer.layers.selection.active
        colormap = preferences().colormap
        for place, (stage, values) in enumerate(maps.values.items()):
            output = called.format(stage) if plane.place is None else f"{plane.place} {called.format(stage)}"
            colors = over_film(colormap) if of else ensure_colormap(colormap)
            show_map(self.viewer, plane.film, output, values, maps.limits[stage], colors, visible=place == 0)
        if active is not None:
            self.viewer.layers.selection.active = active
        silent = [stage for stage, values in maps.values.items() if not values.any()]
        nothing = f" Nothing in {', '.join(silent)}." if of and silent else ""
        count = f"{len(maps.values)} stage{'s' * (len(maps.values) != 1)}"
        self.jobs.show_idle(
            f"{plane.title}: {of}{count}; the eyes in the layer list show the others.{nothing}"
        )

    def _list_stages(self, _: Any = None) -> None:
        self.following.soon()

    def _stages(self) -> Work:
        """Ask the network for its stages."""
        model = self.inputs.chosen_model()

        return lambda _: stage_names(model)

    def _on_stages(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self.inputs.show_stages(())
            if self.job is None:
                self.jobs.show_idle(str(outcome.error) if isinstance(outcome.error, ModelError) else "")
            return
        self.inputs.show_stages(outcome.value)

    def event(self, event: QEvent) -> bool:
        """When the dock is closed, which takes the widget out of its window, hear no more clicks."""
        closed = event.type() == QEvent.Type.ParentChange and self.parent() is None
        if closed and self._on_click in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._on_click)
            self.viewer.layers.selection.events.active.disconnect(self._on_active)
        return super().event(event)

    def _on_active(self, event: Any) -> None:
        """Indications that are selected, by Predict's Next for instance, are those that are meant."""
        self.inputs.choose(event.value)

    def _on_click(self, viewer: Viewer, event: Any) -> Generator[None, None, None]:
        """A click on an indication selects it; a drag moves the view, and a tool does its own work."""
        yield
        dragged = False
        while event.type == "mouse_move":
            dragged = True
            yield
        layer, active = self.inputs.indications.value, viewer.layers.selection.active
        if dragged or layer is None or getattr(active, "mode", "pan_zoom") != "pan_zoom":
            return
        number = layer.get_value(event.position, world=True)
        if number:
            layer.selected_label = int(number)

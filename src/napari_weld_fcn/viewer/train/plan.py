"""What the Train form says now, off its fields and the layers: to be surveyed, or to be trained with."""

from __future__ import annotations

from pathlib import Path

from napari.layers import Image

from napari_weld_fcn.dataset.pair import Convention
from napari_weld_fcn.errors import SettingsError, WeldFcnError
from napari_weld_fcn.training.simulated.clean_films import check_start
from napari_weld_fcn.viewer.train.inputs import NOTHING, TrainInputs
from napari_weld_fcn.viewer.train.labelled import LabelledLayer, Row, WithoutLabels, take
from napari_weld_fcn.viewer.train.run import Plan, check_name
from napari_weld_fcn.viewer.train.survey import NO_FILM, NO_KNOWN, Known, survey, survey_folder, survey_known
from napari_weld_fcn.viewer.worker import Work


def survey_of(inputs: TrainInputs) -> Work:
    """Return the job that says what is labelled, what is known without labels, and what hinders.

    Raises
    ------
    SettingsError
        If no folder is chosen where one is asked for, or a value of the form is refused.
    """
    known = Known(
        inputs.known.kind.value,
        [_taken_or_why(row, None) for row in inputs.known.values()],
        inputs.known.files,
        from_model=inputs.start_from.value != NOTHING,
    )
    if inputs.source.value == "known":
        return lambda job: survey_known(known, job)
    if inputs.source.value == "folder":
        folder = inputs.dataset()
        return lambda job: survey_folder(folder, known, job)
    rows = [_taken_or_why(row, inputs.convention.value) for row in inputs.films.values()]
    settings = inputs.settings()
    return lambda job: survey(rows, known, job, settings)


def plan_of(inputs: TrainInputs) -> tuple[Plan, list[Image]]:
    """Return everything that a run needs, and the layers of its films: those with labels first.

    Raises
    ------
    WeldFcnError
        If something is missing, or the layers do not fit each other.
    """
    name, source = str(inputs.name.value).strip(), inputs.source.value
    rows: list[Row] = []
    data: list[LabelledLayer] | Path | None = None
    if source == "folder":
        data = inputs.dataset()
    elif source == "layers":
        rows = inputs.films.values()
        data = [take(row, inputs.convention.value) for row in rows]
        if not data:
            raise SettingsError(NO_FILM)
    known = _without_labels(inputs, alone=data is None)
    check_name(name)
    plan = Plan(
        data, inputs.run_folder(), name, inputs.settings(), inputs.network_settings(), inputs.start(), known
    )
    return plan, [row.film for row in (*rows, *inputs.known.values())]


def _without_labels(inputs: TrainInputs, *, alone: bool) -> WithoutLabels | None:
    """Take the films without labels; None where there are none and none are needed."""
    known, kind = inputs.known, inputs.known.kind.value
    layers = [take(row, None) for row in known.values()]
    if not layers and not known.files:
        if alone:
            raise SettingsError(NO_KNOWN)
        return None
    check_start(kind, alone=alone, from_model=inputs.start_from.value != NOTHING)
    return WithoutLabels(kind, layers, known.files)


def _taken_or_why(row: Row, convention: Convention | None) -> LabelledLayer | str:
    try:
        return take(row, convention, copied=False)
    except WeldFcnError as fault:
        return str(fault)

"""The Evaluate form as a person uses it: films, truth, Run, tables, curves, files, and what goes wrong."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels
from typer.testing import CliRunner

from napari_weld_fcn.cli.app import app
from napari_weld_fcn.evaluation.evaluate import Evaluation, evaluate
from napari_weld_fcn.evaluation.matches import FALSE, HIT, MISSED
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.film import simulate, write_simulated
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.viewer.belonging import MARK
from napari_weld_fcn.viewer.evaluate.inputs import HEATMAPS, INDICATIONS, NO_FILM, NO_MODEL
from napari_weld_fcn.viewer.evaluate.widget import EvaluateWidget


@pytest.fixture(scope="session")
def welds() -> list[Any]:
    return [simulate(SimulationSettings(rows=96, columns=160, flaw_density=40), seed) for seed in (13, 9, 5)]


@pytest.fixture
def evaluating(viewer: Any) -> EvaluateWidget:
    """The form as the menu opens it, with the small model."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Evaluate")
    widget.inputs.model.value = "tiny"
    return widget


@pytest.fixture
def press(evaluating: EvaluateWidget, finish: Any) -> Any:
    """Press Run, wait, and return what was found."""

    def run() -> Evaluation:
        evaluating.jobs.starts["Run"].click()
        finish(evaluating)
        return evaluating.evaluated.evaluation

    return run


def add(viewer: Any, weld: Any, name: str, **keywords: Any) -> tuple[Image, Labels]:
    film = viewer.add_image(weld.radiograph.pixels, name=name, **keywords)
    return film, viewer.add_labels(weld.instances, name=f"{name} truth", **keywords)


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """All figures, but for what differs between scoring a model and the marks it made."""
    values = evaluation.as_dict()
    for name in ("model", "sha256", "settings", "threshold"):
        del values[name]
    return values


def test_run_gives_what_the_python_call_gives(viewer, evaluating, press, welds, tiny) -> None:
    for name, weld in zip("ab", welds, strict=False):
        add(viewer, weld, name)
    found = press()
    films = [
        (Radiograph(weld.radiograph.pixels, name), weld.instances)
        for name, weld in zip("ab", welds, strict=False)
    ]
    expected = evaluate(tiny, films)
    assert found.flaws and found.as_dict() | {"sha256": ""} == expected.as_dict() | {"sha256": ""}
    assert len(found.intervals) == 6
    assert evaluating.jobs.status.text() == "Done."


def test_a_series_gets_the_scores_and_the_classes_of_the_command(
    viewer, evaluating, press, welds, tmp_path
) -> None:
    write_simulated(welds, tmp_path)
    series = tmp_path / "Welds" / "W0001"
    arguments = ["evaluate", "tiny", str(series), "--json", "--output", str(tmp_path / "by command")]
    by_command = json.loads(CliRunner().invoke(app, arguments).stdout)
    del by_command["files"]
    viewer.open(str(series), plugin="napari-weld-fcn")
    found = press()
    assert json.loads(json.dumps(found.as_dict())) == by_command
    assert any(each["iso6520"] for each in by_command["flaws"]["by_class"])


def test_saved_files_are_those_of_the_command(
    viewer, evaluating, press, finish, welds, tmp_path, messages
) -> None:
    write_simulated(welds[:1], tmp_path)
    series, by_command, by_form = tmp_path / "Welds" / "W0001", tmp_path / "one", tmp_path / "two"
    CliRunner().invoke(app, ["evaluate", "tiny", str(series), "--output", str(by_command)])
    viewer.open(str(series), plugin="napari-weld-fcn")
    press()
    by_form.mkdir()
    evaluating.save(str(by_form))
    finish(evaluating)
    for path in by_command.iterdir():
        assert (by_form / path.name).read_text() == path.read_text()
    assert "5 files" in messages[-1]
    evaluating.save(str(tmp_path / "missing"))
    finish(evaluating)
    assert "missing" in messages[-1]


def test_heatmaps_and_indications_score_as_the_model_that_made_them(
    viewer, evaluating, press, form, finish, welds
) -> None:
    for name, weld in zip("ab", welds, strict=False):
        add(viewer, weld, name)
    form.inputs.form.widgets["min_size"].value = 0
    form.run_all()
    finish(form)
    by_model = press()
    evaluating.inputs.scored.value = HEATMAPS
    assert figures(press()) == figures(by_model)
    evaluating.inputs.scored.value = INDICATIONS
    by_labels = press()
    assert not by_labels.has_curves and not evaluating.panel.tabs.isTabVisible(4)
    assert by_labels.pixels == by_model.pixels and by_labels.flaws == by_model.flaws
    assert by_labels.as_dict()["best_f1"] is None


def test_agreement_lies_over_the_film_in_three_colours(viewer, evaluating, press, welds) -> None:
    film, truth = add(viewer, welds[0], "weld", scale=(0.05, 0.05), translate=(3, -2), units=("mm", "mm"))
    scores = press().pixels
    layer = viewer.layers["weld agreement"]
    counts = np.bincount(layer.data.ravel(), minlength=4)
    assert (counts[HIT], counts[FALSE], counts[MISSED]) == (scores.tp, scores.fp, scores.fn)
    np.testing.assert_allclose(layer.extent.world, film.extent.world)
    colors = layer.colormap.map(np.array([0, HIT, FALSE, MISSED], np.uint8))
    assert colors[0, 3] == 0 and len({tuple(color) for color in colors}) == 4
    truth.data = np.zeros_like(truth.data)
    press()
    assert viewer.layers["weld agreement"] == layer and not np.isin(layer.data, (HIT, MISSED)).any()


def test_planes_of_a_stack_are_films(viewer, evaluating, press, welds) -> None:
    viewer.add_image(np.stack([weld.radiograph.pixels for weld in welds]), name="stack")
    viewer.add_labels(np.stack([weld.instances for weld in welds]), name="stack truth")
    found = press()
    assert [film.film for film in found.films] == ["stack_p000", "stack_p001", "stack_p002"]
    assert viewer.layers["stack agreement"].data.shape == (3, 96, 160)
    row = next(row for row, flaw in enumerate(found.flaws) if flaw.film == "stack_p002")
    evaluating.panel.flaws.selectRow(row)
    assert viewer.dims.point[0] == 2
    flaw = found.flaws[row]
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (flaw.row, flaw.column))


def test_tables_say_what_was_found(viewer, evaluating, press, welds) -> None:
    add(viewer, welds[0], "weld")
    found = press()
    panel = evaluating.panel
    assert panel.summary.text().startswith(f"F1 {found.pixels.f1:.3f}; ")
    scores = {row[0]: row[1] for row in panel.scores.rows()}
    assert scores["Precision"] == f"{found.pixels.precision:.3f}"
    assert len(panel.flaws.rows()) == len(found.flaws)
    assert panel.shares.rows()[0][1] == str(len(found.flaws))
    assert panel.films.rows()[0][0] == "weld"
    assert evaluating.inputs.films.item(0, 4).text() == f"{found.pixels.f1:.3f}"
    assert panel.tabs.isTabVisible(4) and panel.curves.found.curve.getData()[0].size == 49


def test_flaws_are_sorted_by_a_click_on_a_title(viewer, evaluating, press, welds) -> None:
    add(viewer, welds[0], "weld")
    found = press()
    evaluating.panel.flaws.sortByColumn(3, evaluating.panel.flaws.model().sortOrder().DescendingOrder)
    lengths = [float(row[3]) for row in evaluating.panel.flaws.rows()]
    assert lengths == sorted(lengths, reverse=True)
    evaluating.panel.flaws.selectRow(0)
    longest = max(found.flaws, key=lambda flaw: flaw.length_px)
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (longest.row, longest.column))


def test_clean_film_without_marks_scores_1_and_one_with_marks_0(viewer, evaluating, press, film) -> None:
    viewer.add_image(film, name="weld")
    viewer.add_labels(np.zeros(film.shape, np.uint8), name="weld truth")
    assert press().pixels.f1 == 0
    evaluating.inputs.form.widgets["threshold"].value = 0.99
    assert press().pixels.f1 == 1
    assert evaluating.panel.scores.rows()[11][:2] == ["Clean films", "1"]


def test_empty_prediction_misses_all(viewer, evaluating, press, welds) -> None:
    _, truth = add(viewer, welds[0], "weld")
    viewer.add_labels(np.zeros_like(truth.data), name="mine")
    evaluating.inputs.scored.value = INDICATIONS
    evaluating.inputs.films.choose(viewer.layers["weld"], "Marks", viewer.layers["mine"])
    found = press()
    assert (found.pixels.recall, found.pixels.f1) == (0, 0) and not any(f.found for f in found.flaws)
    assert "0 false calls" in evaluating.panel.summary.text()


def test_film_without_truth_is_left_out_and_named(viewer, evaluating, press, welds) -> None:
    add(viewer, welds[0], "a")
    viewer.add_image(welds[1].radiograph.pixels, name="b")
    assert [film.film for film in press().films] == ["a"]
    assert evaluating.panel.notes.text() == "Without truth, so left out: b."


def test_film_that_cannot_be_read_is_told_and_the_others_are_scored(viewer, evaluating, press, welds) -> None:
    add(viewer, welds[0], "a")
    viewer.add_image(np.full((96, 160), np.nan, np.float32), name="bad", contrast_limits=(0, 1))
    viewer.add_labels(welds[0].instances, name="bad truth")
    assert [film.film for film in press().films] == ["a"]
    assert (
        "bad" in evaluating.panel.notes.text()
        and "no pixel that is a finite number" in evaluating.panel.notes.text()
    )


def works(viewer: Any, press: Any, weld: Any) -> bool:
    viewer.layers.clear()
    add(viewer, weld, "again")
    return bool(press().flaws) and "again agreement" in viewer.layers


def test_no_film_no_truth_and_truth_of_another_size_are_told(
    viewer, evaluating, press, welds, messages
) -> None:
    evaluating.jobs.starts["Run"].click()
    assert messages[-1] == NO_FILM
    viewer.add_image(welds[0].radiograph.pixels, name="weld")
    viewer.add_labels(np.zeros((50, 50), np.uint8), name="weld truth")
    evaluating.jobs.starts["Run"].click()
    assert "weld: there is no truth" in messages[-1] and "96 x 160" in messages[-1]
    assert works(viewer, press, welds[0])


def test_no_model_is_told_and_layers_can_still_be_scored(
    viewer, evaluating, press, welds, messages, one_model
) -> None:
    _, truth = add(viewer, welds[0], "weld")
    for path in one_model.iterdir():
        path.unlink()
    evaluating.reset_choices()
    evaluating.jobs.starts["Run"].click()
    assert messages[-1] == NO_MODEL
    evaluating.inputs.scored.value = INDICATIONS
    evaluating.jobs.starts["Run"].click()
    assert "weld: there are no labels of it" in messages[-1]
    evaluating.inputs.films.choose(viewer.layers["weld"], "Marks", truth)
    assert press().pixels.f1 == 1


def test_image_that_is_no_heatmap_is_told(viewer, evaluating, finish, welds, messages) -> None:
    add(viewer, welds[0], "weld")
    other = viewer.add_image(welds[0].radiograph.pixels.astype(np.float32), name="not probable")
    evaluating.inputs.films.tick(other, False)
    evaluating.inputs.scored.value = HEATMAPS
    evaluating.inputs.films.choose(viewer.layers["weld"], "Heatmap", other)
    evaluating.run()
    finish(evaluating)
    assert "a heatmap has values from 0 to 1" in messages[-1]


def test_deleted_layer_stops_the_job_and_its_flaws_are_not_looked_at(
    viewer, evaluating, press, finish, welds, messages
) -> None:
    add(viewer, welds[0], "weld")
    press()
    centre = viewer.scene.camera.center
    evaluating.run()
    viewer.layers.remove("weld truth")
    finish(evaluating)
    assert "weld truth was removed" in messages[-1]
    viewer.layers.remove("weld")
    evaluating.panel.flaws.selectRow(1)
    assert viewer.scene.camera.center == centre
    assert works(viewer, press, welds[0])


def test_stop_ends_it_and_the_form_works_again(viewer, evaluating, press, finish, welds, qtbot) -> None:
    for number in range(6):
        add(viewer, welds[number % 3], f"film {number}")
    evaluating.run()
    qtbot.waitUntil(lambda: "%" in evaluating.jobs.status.text(), timeout=60_000)
    evaluating.jobs.stop.click()
    finish(evaluating)
    assert evaluating.jobs.status.text() == "Stopped." and evaluating.evaluated is None
    assert works(viewer, press, welds[0])


def test_form_remembers_its_fields_and_offers_what_the_marks_need(viewer, evaluating, press, welds) -> None:
    add(viewer, welds[0], "weld")
    evaluating.inputs.form.widgets["min_iou"].value = 0.25
    evaluating.inputs.form.widgets["resamples"].value = 50
    press()
    fresh = EvaluateWidget(viewer)
    viewer.window.add_dock_widget(fresh, name="again")
    assert fresh.inputs.settings() == EvaluationSettings(min_iou=0.25, resamples=50)
    evaluating.inputs.scored.value = INDICATIONS
    assert not evaluating.inputs.form.widgets["threshold"].enabled
    assert not evaluating.inputs.model.enabled
    assert evaluating.inputs.films.isColumnHidden(2) and not evaluating.inputs.films.isColumnHidden(3)


def grid(viewer: Any) -> list[Any]:
    return [layer for layer in viewer.layers if layer.metadata.get(MARK, {}).get("output") == "comparison"]


def test_comparison_is_a_grid_of_layers_below_the_films(viewer, evaluating, press, welds) -> None:
    placed = {"scale": (0.05, 0.05), "units": ("mm", "mm")}
    films = [add(viewer, weld, name, **placed)[0] for name, weld in zip("ab", welds, strict=False)]
    press()
    evaluating.panel.compare.click()
    panels = grid(viewer)
    columns = len(panels) // 3
    assert columns >= 2 and len(panels) == 3 * columns
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    assert [{layer.name.split(",")[0] for layer in row} for row in rows] == [
        {"input"},
        {"heatmap"},
        {"truth"},
    ]
    lowest = max(film.extent.world[1, -2] for film in films)
    assert all(layer.extent.world[0, -2] > lowest and layer.units == films[0].units for layer in panels)
    for top, middle, bottom in zip(*rows, strict=True):
        assert top.data.shape == middle.data.shape == bottom.data.shape
        film, row, column = re.match(r"input, (\w) .* (\d+),(\d+)$", top.name).groups()
        window = np.s_[int(row) : int(row) + top.data.shape[0], int(column) : int(column) + top.data.shape[1]]
        np.testing.assert_array_equal(top.data, viewer.layers[film].data[window])
        np.testing.assert_array_equal(bottom.data > 0, viewer.layers[f"{film} truth"].data[window] > 0)
        assert middle.data.dtype == np.float32 and 0 <= middle.data.min() <= middle.data.max() <= 1
    lefts = [layer.extent.world[:, -1] for layer in rows[0]]
    assert all(one[1] < other[0] for one, other in itertools.pairwise(lefts))


def test_comparison_is_brought_up_to_date_in_place(viewer, evaluating, press, welds) -> None:
    for name, weld in zip("ab", welds, strict=False):
        add(viewer, weld, name)
    press()
    evaluating.panel.compare.click()
    before = grid(viewer)
    evaluating.panel.compare.click()
    assert grid(viewer) == before
    evaluating.inputs.films.tick(viewer.layers["b"], False)
    press()
    evaluating.panel.compare.click()
    after = grid(viewer)
    assert len(after) < len(before) and set(after) <= set(before)
    assert all(", a " in layer.name for layer in after)


def test_comparison_of_labels_shows_marks_and_no_heatmap(viewer, evaluating, press, welds) -> None:
    _, truth = add(viewer, welds[0], "weld")
    evaluating.inputs.scored.value = INDICATIONS
    evaluating.inputs.films.choose(viewer.layers["weld"], "Marks", truth)
    press()
    evaluating.panel.compare.click()
    assert {layer.name.split(",")[0] for layer in grid(viewer)} == {"input", "marks", "truth"}


def test_nothing_to_compare_is_told(viewer, evaluating, press, film, messages) -> None:
    viewer.add_image(film, name="weld")
    viewer.add_labels(np.zeros(film.shape, np.uint8), name="weld truth")
    evaluating.inputs.form.widgets["threshold"].value = 0.99
    press()
    evaluating.panel.compare.click()
    assert "nothing to compare" in messages[-1] and not grid(viewer)


def test_comparison_lies_below_the_films_whatever_empty_layers_there_are(
    viewer, evaluating, press, welds
) -> None:
    film_layer, _ = add(viewer, welds[0], "weld")
    press()
    viewer.add_shapes()
    viewer.layers.move(len(viewer.layers) - 1, 0)
    evaluating.panel.compare.click()
    panels = grid(viewer)
    bottom = film_layer.extent.world[1, -2]
    assert panels and all(np.isfinite(layer.translate).all() for layer in panels)
    assert all(layer.extent.world[0, -2] > bottom for layer in panels)


def test_what_was_found_waits_while_a_job_runs(viewer, evaluating, press, finish, welds) -> None:
    add(viewer, welds[0], "weld")
    press()
    evaluating.run()
    assert not evaluating.panel.compare.isEnabled() and not evaluating.panel.save.isEnabled()
    evaluating.compare()
    assert evaluating.job is not None and not grid(viewer)
    finish(evaluating)
    assert evaluating.panel.compare.isEnabled() and evaluating.panel.save.isEnabled()

"""`weld-fcn simulate` and `weld-fcn demo`: films with their truth, and the whole way of one of them."""

import csv
import sys

import numpy as np
import pytest

from napari_weld_fcn.cli.commands.demo import fill
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings


def test_series_is_laid_out_as_gdxray_with_its_truth(weld_fcn, tmp_path):
    result = weld_fcn("simulate", tmp_path, "--films", "2", "--size", "400x300", "--json")
    assert result.exit_code == 0, result.stderr
    series = tmp_path / "Welds" / "W0001"
    assert result.json["films"] == [str(series / "W0001_0001.png"), str(series / "W0001_0002.png")]
    for film, mask in zip(result.json["films"], result.json["masks"], strict=True):
        assert read(film).pixels.shape == read(mask).pixels.shape == (300, 400)
        assert read(mask).pixels.dtype == np.bool_
    with (series / "flaws.csv").open() as file:
        assert "iso6520" in next(csv.reader(file))
    assert (series / "ground_truth.txt").is_file()


def test_the_same_seed_gives_the_same_films(weld_fcn, tmp_path):
    for folder in "ab":
        weld_fcn("simulate", tmp_path / folder, "--films", "1", "--size", "300x200", "--seed", "7")
    weld_fcn("simulate", tmp_path / "c", "--films", "1", "--size", "300x200", "--seed", "8")
    a, b, c = ((tmp_path / folder / "Welds/W0001/W0001_0001.png").read_bytes() for folder in "abc")
    assert a == b
    assert a != c


def test_settings_are_options(weld_fcn, tmp_path):
    weld_fcn("simulate", tmp_path, "--films", "1", "--size", "300x200", "--depth-bits", "16")
    assert read(tmp_path / "Welds/W0001/W0001_0001.png").pixels.dtype == np.uint16


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (["--size", "big"], "--size big: give columns and rows"),
        (["--size", "3x200"], "--size 3: input should be greater than or equal to 32."),
        (["--flaw-density", "-1"], "--flaw-density -1.0: input should be"),
        (["--depth-bits", "12"], "--depth-bits 12: input should be 8 or 16."),
    ],
)
def test_wrong_settings_are_a_sentence(weld_fcn, tmp_path, option, text):
    result = weld_fcn("simulate", tmp_path / "out", *option)
    assert result.exit_code == 2
    assert result.stderr.startswith(text)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def demo(weld_fcn, tiny, tmp_path):
    """Run the demo on a small film, without a screen."""

    def run(*arguments):
        return weld_fcn("demo", tmp_path / "demo", "--size", "400x300", "--model", tiny, *arguments)

    return run


def test_demo_simulates_predicts_scores_and_writes_everything(demo, tmp_path):
    result = demo("--json")
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "demo"
    assert (folder / "Welds/W0002/W0002_0001.png").is_file()
    for name in ("heatmap.tif", "labels.tif", "indications.csv", "overlay.png"):
        assert (folder / f"W0001_0001_{name}").is_file()
    assert (folder / "record.json").is_file()
    assert 0 <= result.json["score"]["f1"] <= 1
    assert result.json["outputs"][0]["labels"] == str(folder / "W0001_0001_labels.tif")


def test_readmes_demo_has_flaws_to_find(weld_fcn, tiny, tmp_path):
    result = weld_fcn("demo", tmp_path / "demo", "--model", tiny, "--json")
    assert result.exit_code == 0, result.stderr
    assert read(tmp_path / "demo" / "Welds/W0002/W0002_0001.png").pixels.any()


def test_demos_score_is_that_of_its_files(demo, weld_fcn, tmp_path):
    folder = tmp_path / "demo"
    shown = demo("--json").json["score"]
    scored = weld_fcn(
        "score", folder / "W0001_0001_labels.tif", folder / "Welds/W0002/W0002_0001.png", "--json"
    )
    assert {name: scored.json[name] for name in shown} == shown


def test_demo_shows_its_table_and_f1_and_opens_no_viewer_unless_there_is_a_screen(demo, monkeypatch):
    def opened(*arguments):
        raise AssertionError("a viewer was opened")

    monkeypatch.setattr("napari_weld_fcn.cli.commands.demo._open_viewer", opened)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    result = demo()
    assert result.exit_code == 0, result.stderr
    assert "pixel F1" in result.stdout
    monkeypatch.setenv("DISPLAY", ":0")
    assert demo("--no-viewer").exit_code == 0
    assert demo("--json").exit_code == 0


def test_demo_opens_the_viewer_with_film_and_prediction_where_there_is_a_screen(demo, monkeypatch):
    shown = []
    monkeypatch.setattr("napari_weld_fcn.cli.commands.demo._open_viewer", lambda *given: shown.append(given))
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    assert demo().exit_code == 0
    ((_, film, prediction),) = shown
    assert film.pixels.shape == prediction.labels.shape == (300, 400)


def test_demo_without_qt_says_so_after_its_result(demo, monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setitem(sys.modules, "qtpy.QtWidgets", None)
    result = demo()
    assert result.exit_code == 0, result.stderr
    assert "pixel F1" in result.stdout
    assert "napari opens no window without Qt" in result.stderr


def test_demos_viewer_holds_film_and_outputs_in_mm_and_the_widget(make_napari_viewer, tiny):
    film = simulate(SimulationSettings(rows=96, columns=160), 9).radiograph
    viewer = make_napari_viewer()
    fill(viewer, film, predict(film, tiny))
    names = [layer.name for layer in viewer.layers]
    assert names == [film.name, f"{film.name} heatmap", f"{film.name} indications"]
    for layer in viewer.layers:
        assert np.allclose(layer.scale, film.pixel_size_mm)
        assert [str(unit) for unit in layer.units] == ["millimeter", "millimeter"]
    assert any("Predict" in name for name in viewer.window.dock_widgets)


@pytest.mark.skipif(sys.platform != "linux", reason="a screen is named by DISPLAY on Linux only")
def test_demo_says_a_sentence_where_the_screen_that_is_named_cannot_be_reached(demo, monkeypatch):
    pytest.importorskip("qtpy.QtWidgets")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setenv("DISPLAY", ":987")
    result = demo()
    assert result.exit_code == 0, result.stderr
    assert "pixel F1" in result.stdout
    assert "the screen that is named here cannot be reached" in result.stderr

"""`weld-fcn features`: one float32 TIFF of the image's size for each stage, named by it."""

import numpy as np
import pytest
import tifffile

from napari_weld_fcn.evaluation.feature_maps import feature_maps
from napari_weld_fcn.evaluation.grad_cam import grad_cam
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.files import read


def test_each_stage_is_a_float32_tiff_of_the_images_size(weld_fcn, tiny, films, tmp_path):
    result = weld_fcn("features", films / "a.png", "--output", tmp_path / "out", "--model", tiny, "--json")
    assert result.exit_code == 0, result.stderr
    (output,) = result.json["outputs"]
    assert output["stages"] == {
        stage: str(tmp_path / "out" / f"a_{stage}.tif") for stage in ("stages.0", "stages.1")
    }
    expected = feature_maps(read(films / "a.png"), tiny)
    for stage, file in output["stages"].items():
        values = tifffile.imread(file)
        assert values.dtype == np.float32 and values.shape == (96, 128)
        np.testing.assert_array_equal(values, expected[stage])
        assert read(file).pixel_size_mm == pytest.approx(0.04)


def test_one_stage_and_one_channel_can_be_chosen(weld_fcn, tiny, films, tmp_path):
    asked = ("--stage", "stages.1", "--show", "channel", "--channel", 2)
    result = weld_fcn("features", films, "--output", tmp_path / "out", "--model", tiny, *asked)
    assert result.exit_code == 0, result.stderr
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["a_stages.1.tif", "b_stages.1.tif"]
    assert "a.png: stages.1" in result.stdout


def test_a_stage_that_is_not_there_is_exit_code_2_and_one_sentence(weld_fcn, tiny, films, tmp_path):
    result = weld_fcn("features", films, "--output", tmp_path, "--model", tiny, "--stage", "middle")
    assert result.exit_code == 2
    assert result.stderr.strip() == "Stage middle: the network has none; it has stages.0, stages.1."


def test_a_bad_file_is_told_and_the_others_are_done(weld_fcn, tiny, films, tmp_path):
    (films / "c.png").write_bytes(b"no picture")
    result = weld_fcn("features", films, "--output", tmp_path / "out", "--model", tiny, "--json")
    assert result.exit_code == 2
    assert len(result.json["outputs"]) == 2
    assert [error["input"] for error in result.json["errors"]] == [str(films / "c.png")]


def test_two_inputs_of_one_name_are_refused_before_anything_is_done(weld_fcn, tiny, films, tmp_path):
    (films / "a.tif").write_bytes((films / "a.png").read_bytes())
    result = weld_fcn("features", films, "--output", tmp_path / "out", "--model", tiny)
    assert result.exit_code == 2
    assert "both would write a_STAGE.tif" in result.stderr
    assert not (tmp_path / "out").exists()


def test_what_drew_an_indication_is_written_instead(weld_fcn, tiny, films, tmp_path):
    found = predict(read(films / "a.png"), tiny)
    row, column = np.argwhere(found.labels == 1)[0].tolist()
    asked = ("--output", tmp_path / "out", "--model", tiny, "--indication", f"{row},{column}")
    result = weld_fcn("features", films / "a.png", *asked)
    assert result.exit_code == 0, result.stderr
    expected = grad_cam(read(films / "a.png"), found.labels == 1, tiny)
    for stage, values in expected.items():
        written = tifffile.imread(tmp_path / "out" / f"a_{stage}_drew.tif")
        np.testing.assert_allclose(written, values, atol=1e-5)


def test_a_pixel_without_an_indication_is_told(weld_fcn, tiny, films, tmp_path):
    row, column = np.argwhere(predict(read(films / "a.png"), tiny).labels == 0)[0].tolist()
    expected = {
        "1": "give row and column",
        f"{row},{column}": f"no indication at row {row}, column {column}",
        "900,3": "no indication at row 900",
    }
    for place, sentence in expected.items():
        asked = ("--output", tmp_path / "out", "--model", tiny, "--indication", place)
        result = weld_fcn("features", films / "a.png", *asked)
        assert result.exit_code == 2 and sentence in result.stderr

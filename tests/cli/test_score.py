"""`weld-fcn score`: the figures of two label images, whatever form they have."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_weld_fcn.radiograph.output import write_png, write_tiff


@pytest.fixture
def truth():
    """Two flaws of 40 and 12 pixels."""
    labels = np.zeros((30, 40), np.int32)
    labels[5:9, 5:15] = 1
    labels[20:22, 30:36] = 2
    return labels


def test_figures_are_those_of_the_pixels(weld_fcn, tmp_path, truth):
    prediction = np.zeros_like(truth)
    prediction[5:9, 5:13] = 1
    prediction[25:27, 2:6] = 2
    write_tiff(tmp_path / "p.tif", prediction)
    write_png(tmp_path / "t.png", truth > 0)
    result = weld_fcn("score", tmp_path / "p.tif", tmp_path / "t.png", "--json")
    assert result.exit_code == 0, result.stderr
    assert (result.json["tp"], result.json["fp"], result.json["fn"]) == (32, 8, 20)
    assert result.json["precision"] == pytest.approx(0.8)
    assert result.json["recall"] == pytest.approx(32 / 52)
    assert result.json["f1"] == pytest.approx(64 / 92)
    assert result.json["iou"] == pytest.approx(32 / 60)
    flaws = result.json["flaws"]
    assert (flaws["flaws"], flaws["found"], flaws["missed"], flaws["false_calls"]) == (2, 1, 1, 1)


@pytest.mark.parametrize("form", ["1 bit", "0 and 255", "labels", "16-bit labels"])
def test_a_mask_scores_the_same_in_any_form(weld_fcn, tmp_path, truth, form):
    if form == "1 bit":
        write_png(tmp_path / "t.png", truth > 0)
    elif form == "0 and 255":
        write_png(tmp_path / "t.png", (truth > 0).astype(np.uint8) * 255)
    elif form == "labels":
        write_tiff(tmp_path / "t.png", truth)
    else:
        write_png(tmp_path / "t.png", truth.astype(np.uint16))
    write_png(tmp_path / "p.png", truth > 0)
    result = weld_fcn("score", tmp_path / "p.png", tmp_path / "t.png", "--json")
    assert result.json["f1"] == 1
    assert (result.json["flaws"]["flaws"], result.json["flaws"]["found"]) == (2, 2)


def test_an_outline_that_is_one_pixel_off_costs_nothing_within_the_tolerance(weld_fcn, tmp_path, truth):
    write_png(tmp_path / "p.png", np.roll(truth > 0, 1, axis=1))
    write_png(tmp_path / "t.png", truth > 0)
    result = weld_fcn("score", tmp_path / "p.png", tmp_path / "t.png", "--json")
    assert result.json["f1"] < 0.95
    assert result.json["tolerant"]["f1"] == 1


def test_empty_images_agree(weld_fcn, tmp_path):
    write_png(tmp_path / "p.png", np.zeros((9, 9), bool))
    result = weld_fcn("score", tmp_path / "p.png", tmp_path / "p.png", "--json")
    assert (result.json["f1"], result.json["flaws"]["flaws"]) == (1, 0)


def test_stacks_are_scored_by_pixels(weld_fcn, tmp_path, truth):
    write_tiff(tmp_path / "p.tif", np.stack([truth] * 3))
    result = weld_fcn("score", tmp_path / "p.tif", tmp_path / "p.tif", "--json")
    assert result.json["tp"] == 3 * 52
    assert "flaws" not in result.json


def test_images_of_two_sizes_are_refused_with_both(weld_fcn, tmp_path):
    write_png(tmp_path / "p.png", np.zeros((9, 8), bool))
    write_png(tmp_path / "t.png", np.zeros((9, 7), bool))
    result = weld_fcn("score", tmp_path / "p.png", tmp_path / "t.png")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"{tmp_path / 'p.png'} is 8 x 9 pixels, but {tmp_path / 't.png'} is 7 x 9" in result.stderr


def test_a_heatmap_is_no_label_image(weld_fcn, tmp_path):
    write_tiff(tmp_path / "p.tif", np.full((9, 8), 0.25, np.float32))
    result = weld_fcn("score", tmp_path / "p.tif", tmp_path / "p.tif")
    assert result.exit_code == 2
    assert "give a label image or a mask, not a heatmap" in result.stderr


def test_tables_are_for_people(weld_fcn, tmp_path, truth):
    write_tiff(tmp_path / "p.tif", truth)
    shown = weld_fcn("score", tmp_path / "p.tif", tmp_path / "p.tif").stdout
    assert "1.000" in shown
    assert "2 of 2 flaws found, 0 of 2 indications are false calls." in shown
    assert "an IoU of at least 0.1" in shown


def test_a_label_of_two_billion_is_a_label(weld_fcn, tmp_path, truth):
    labels = truth.astype(np.int32)
    labels[labels == 2] = 2_000_000_000
    write_tiff(tmp_path / "p.tif", labels)
    result = weld_fcn("score", tmp_path / "p.tif", tmp_path / "p.tif", "--json")
    assert result.exit_code == 0, result.stderr
    assert (result.json["flaws"]["flaws"], result.json["flaws"]["found"]) == (2, 2)


def test_a_radiograph_is_no_truth_but_touching_flaws_of_many_numbers_are(weld_fcn, tmp_path, truth):
    write_png(tmp_path / "p.png", truth > 0)
    grey = np.random.default_rng(1).normal(120, 4, truth.shape).astype(np.uint8)
    write_png(tmp_path / "film.png", grey)
    for order in (("p.png", "film.png"), ("film.png", "p.png")):
        result = weld_fcn("score", *(tmp_path / name for name in order))
        assert result.exit_code == 2
        assert "film.png: looks like a radiograph" in result.stderr
    rows, columns = np.indices(truth.shape)
    write_tiff(tmp_path / "dense.tif", (1 + rows // 5 * 8 + columns // 5).astype(np.int32))
    result = weld_fcn("score", tmp_path / "p.png", tmp_path / "dense.tif", "--json")
    assert (result.exit_code, result.json["flaws"]["flaws"]) == (0, 48)


@pytest.fixture
def scored(weld_fcn, tmp_path, truth):
    """Score the plain mask, one pixel off, against a truth in some form; return figures and warnings."""
    write_png(tmp_path / "p.png", np.roll(truth > 0, 1, axis=1))

    def figures(path):
        result = weld_fcn("score", tmp_path / "p.png", path, "--json")
        assert result.exit_code == 0, result.stderr
        warnings = result.json.pop("warnings")
        assert all(f"Warning: {each}" in result.stderr for each in warnings)
        return result.json, warnings

    return figures


@pytest.mark.parametrize("form", ["class 1 in red", "transparent layer", "inverting table", "float"])
def test_the_scores_are_those_of_the_plain_mask(scored, tmp_path, truth, form):
    white, nothing = (truth > 0).astype(np.uint8) * 255, np.zeros(truth.shape, np.uint8)
    write_png(tmp_path / "plain.png", truth > 0)
    path = tmp_path / "t"
    if form == "class 1 in red":
        write_png(path, np.dstack([white // 255, nothing, nothing]))
    elif form == "transparent layer":
        write_png(path, np.dstack([white, white, white, white]))
    elif form == "inverting table":
        tifffile.imwrite(path, white, photometric="miniswhite", metadata=None)
    else:
        write_tiff(path, (truth > 0).astype(np.float32))
    assert scored(path) == scored(tmp_path / "plain.png")


def test_a_jpeg_of_a_mask_has_its_scores_and_flaws_and_a_warning(scored, tmp_path, truth):
    write_png(tmp_path / "plain.png", truth > 0)
    Image.fromarray((truth > 0).astype(np.uint8) * 255).save(tmp_path / "t.jpg", quality=75)
    figures, warnings = scored(tmp_path / "t.jpg")
    assert (figures, []) == scored(tmp_path / "plain.png")
    assert len(warnings) == 1 and "grey levels" in warnings[0]


def test_a_mask_drawn_black_on_white_is_refused_with_what_to_do(weld_fcn, tmp_path, truth):
    write_png(tmp_path / "p.png", truth > 0)
    write_png(tmp_path / "t.png", truth == 0)
    result = weld_fcn("score", tmp_path / "p.png", tmp_path / "t.png")
    assert result.exit_code == 2
    assert f"{tmp_path / 't.png'}: 95.7% of it is flaw, its edge too" in result.stderr
    assert "invert it" in result.stderr


def test_a_map_of_classes_has_a_flaw_for_each_part_of_a_class(weld_fcn, tmp_path, truth):
    classes = np.minimum(truth, 1).astype(np.uint8)
    classes[9:12, 5:15] = 2  # touches the first flaw of class 1; the other one lies apart
    write_png(tmp_path / "t.png", classes)
    result = weld_fcn("score", tmp_path / "t.png", tmp_path / "t.png", "--json")
    assert (result.json["flaws"]["flaws"], result.json["flaws"]["found"]) == (3, 3)

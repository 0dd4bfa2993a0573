"""`weld-fcn crop`: films with their masks become a dataset, and what cannot be cropped is told."""

import numpy as np
import pytest

from napari_weld_fcn.dataset.crops import crop
from napari_weld_fcn.dataset.pair import FLAW, IGNORED
from napari_weld_fcn.dataset.settings import CropSettings
from napari_weld_fcn.dataset.store import read_dataset
from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.radiograph.simulation.film import simulate_series, write_simulated
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A simulated GDXray of three films of 300 x 400 pixels."""
    folder = tmp_path_factory.mktemp("gdxray")
    settings = SimulationSettings(rows=300, columns=400, flawless_share=0, flaw_density=50)
    write_simulated(simulate_series(settings, 3, 1), folder)
    return folder


def test_the_paper_preset_writes_36_pairs_of_each_film(weld_fcn, simulated, tmp_path):
    result = weld_fcn("crop", simulated, tmp_path / "out", "--preset", "paper", "--json")
    assert result.exit_code == 0, result.stderr
    assert result.json["dataset"] == str(tmp_path / "out")
    assert result.json["pairs"] == 108
    dataset = read_dataset(tmp_path / "out")
    assert len(dataset) == 108
    assert dataset.films == ("W0001_0001", "W0001_0002", "W0001_0003")
    assert all(pair.pixels.shape == (256, 256) for pair in dataset)


@pytest.mark.parametrize("given", ["", "Welds", "Welds/W0001", "Welds/W0001/W0001_0002.png"])
def test_root_group_series_and_film_are_cropped_as_in_python(weld_fcn, simulated, tmp_path, given):
    weld_fcn("crop", simulated / given, tmp_path, "--rois", "grid", "--size", "128", "--overlap", "0.25")
    settings = CropSettings(rois="grid", size=128, overlap=0.25)
    expected = [
        pair
        for film in open_series(simulated / given)
        for pair in crop(film.radiograph(), film.mask(), settings)
    ]
    found = list(read_dataset(tmp_path))
    assert [pair.name for pair in found] == [pair.name for pair in expected]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)
        np.testing.assert_array_equal(ours.mask, theirs.mask)
        assert (ours.row, ours.column, ours.film) == (theirs.row, theirs.column, theirs.film)


def test_every_crop_around_a_flaw_shows_one(weld_fcn, simulated, tmp_path):
    result = weld_fcn("crop", simulated, tmp_path, "--rois", "flaws", "--size", "64", "--json")
    assert result.json["with_flaw"] == result.json["pairs"] > 3
    assert all((pair.mask == FLAW).any() for pair in read_dataset(tmp_path))


def test_rectangles_of_a_file_hold_for_every_film(weld_fcn, simulated, tmp_path):
    path = tmp_path / "shapes.csv"
    rows = ["index,shape-type,vertex-index,axis-0,axis-1"]
    rows += [
        f"0,rectangle,{k},{row},{column}" for k, (row, column) in enumerate([(60, 90), (69, 90), (69, 99)])
    ]
    path.write_text("\n".join(rows))
    weld_fcn("crop", simulated, tmp_path / "out", "--rois", path, "--size", "32")
    places = [(pair.film, pair.row, pair.column) for pair in read_dataset(tmp_path / "out")]
    assert places == [(f"W0001_000{k}", 49, 79) for k in (1, 2, 3)]


def test_boxes_of_gdxray_are_rectangles_of_their_own_film(weld_fcn, simulated, tmp_path):
    path = tmp_path / "ground_truth.txt"
    path.write_text("2 100 109 50 59\n")
    result = weld_fcn("crop", simulated, tmp_path / "out", "--rois", path, "--size", "32")
    (pair,) = read_dataset(tmp_path / "out")
    assert (pair.film, pair.row, pair.column) == ("W0001_0002", 38, 88)
    assert "W0001_0001: None of the rectangles lies on it." in result.stderr


def test_the_same_seed_jitters_alike(weld_fcn, simulated, tmp_path):
    def places(seed, name):
        weld_fcn("crop", simulated, tmp_path / name, "--jitter", "20", "--size", "64", "--seed", seed)
        return [(pair.row, pair.column) for pair in read_dataset(tmp_path / name)]

    assert places(1, "a") == places(1, "b") != places(2, "c")


def test_a_preset_can_be_changed(weld_fcn, simulated, tmp_path):
    arguments = ("--preset", "paper", "--size", "64", "--rois", "grid")
    assert weld_fcn("crop", simulated, tmp_path, *arguments, "--json").json["pairs"] == 108
    assert read_dataset(tmp_path)[0].pixels.shape == (64, 64)


def test_films_without_masks_are_told_and_ignored(weld_fcn, simulated, tmp_path):
    series = tmp_path / "Welds" / "W0001"
    series.mkdir(parents=True)
    (series / "W0001_0001.png").write_bytes((simulated / "Welds/W0001/W0001_0001.png").read_bytes())
    result = weld_fcn("crop", series, tmp_path / "out")
    assert result.exit_code == 0
    assert "there are no masks for it" in result.stderr
    assert "W0001_0001: There is no truth; the masks are ignored everywhere." in result.stderr
    assert all((pair.mask == IGNORED).all() for pair in read_dataset(tmp_path / "out"))


def copied(simulated, tmp_path):
    for path in simulated.rglob("W000*.png"):
        target = tmp_path / path.relative_to(simulated)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tmp_path / "Welds"


@pytest.mark.parametrize("damaged", ["W0001/W0001_0002.png", "W0002/W0002_0002.png"])
def test_a_damaged_file_costs_only_its_film(weld_fcn, simulated, tmp_path, damaged):
    welds = copied(simulated, tmp_path)
    content = (welds / damaged).read_bytes()
    (welds / damaged).write_bytes(content[: len(content) // 2])
    result = weld_fcn("crop", welds, tmp_path / "out", "--json")
    assert result.exit_code == 2
    assert len(result.json["errors"]) == 1 and damaged.split("/")[1] in result.stderr
    assert "Traceback" not in result.stderr
    assert read_dataset(tmp_path / "out").films == ("W0001_0001", "W0001_0003")


def test_an_image_that_is_none_is_left_out_and_counted(weld_fcn, simulated, tmp_path):
    welds = copied(simulated, tmp_path)
    (welds / "W0001/W0001_0002.png").write_text("no image")
    result = weld_fcn("crop", welds, tmp_path / "out", "--json")
    assert result.exit_code == 2
    assert "1 of its 3 images are left out" in result.json["errors"][0]["error"]
    assert read_dataset(tmp_path / "out").films == ("W0001_0001", "W0001_0003")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--preset", "mine"], "--preset mine: there is no such preset; give paper."),
        (["--rois", "nowhere.csv"], "nowhere.csv: no such file; give grid, bead, flaws"),
        (["--size", "3"], "--size 3: input should be greater than or equal to 16."),
        (["--overlap", "1"], "--overlap 1.0: input should be less than"),
        (["--preset", "paper", "--rois", "flaws"], "36 crops of each film can be spread over"),
    ],
)
def test_wrong_options_are_a_sentence(weld_fcn, simulated, tmp_path, arguments, text):
    result = weld_fcn("crop", simulated, tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(text)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", ["nowhere", "Welds/W0002"])
def test_what_is_no_series_of_films_is_a_sentence(weld_fcn, simulated, tmp_path, given):
    result = weld_fcn("crop", simulated / given, tmp_path / "out")
    assert result.exit_code == 2
    assert str(simulated / given) in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_flat_folder_is_told_what_tells_films_from_masks(weld_fcn, simulated, tmp_path):
    (tmp_path / "flat").mkdir()
    result = weld_fcn("crop", tmp_path / "flat", tmp_path / "out")
    assert result.exit_code == 2
    assert "flat: holds no images called as in GDXray" in result.stderr
    assert "with masks W0002/W0002_0001.png beside it" in result.stderr

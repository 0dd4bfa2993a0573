"""`weld-fcn predict`: the files and keys that scripts rely on, and what a bad input costs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_weld_fcn.errors import ModelError, RadiographError, Stopped
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.output import write_png, write_tiff


def test_one_film_gives_its_four_files_a_record_and_the_keys_of_the_contract(weld_fcn, films, tiny, tmp_path):
    out = tmp_path / "new" / "out"
    result = weld_fcn("predict", films / "a.png", "--output", out, "--model", tiny, "--json")
    assert result.exit_code == 0, result.stderr
    written = {"a_heatmap.tif", "a_labels.tif", "a_indications.csv", "a_overlay.png", "record.json"}
    assert {path.name for path in out.iterdir()} == written
    (output,) = result.json["outputs"]
    assert result.json["model"] == tiny
    assert output["input"] == str(films / "a.png")
    assert output["heatmap"] == str(out / "a_heatmap.tif")
    labels = tifffile.imread(output["labels"])
    assert output["indications"] == labels.max() > 0
    assert output["flaw_fraction"] == pytest.approx((labels > 0).mean())
    assert output["seconds"] > 0


def test_command_gives_the_arrays_of_the_python_call(weld_fcn, films, tiny, tmp_path):
    options = ["--threshold", "0.03", "--polarity", "bright", "--min-size", "0.2mm", "--precision", "float32"]
    weld_fcn("predict", films / "a.png", "--output", tmp_path, "--model", tiny, *options)
    settings = PredictionSettings(
        threshold=0.03, polarity="bright", min_size=0.2, min_size_unit="mm", precision="float32"
    )
    expected = predict(read(films / "a.png"), Model.load(tiny), settings)
    assert np.array_equal(tifffile.imread(tmp_path / "a_heatmap.tif"), expected.probability)
    assert np.array_equal(tifffile.imread(tmp_path / "a_labels.tif"), expected.labels)


def test_either_polarity_says_what_counts_and_is_recorded(weld_fcn, films, tiny, tmp_path):
    options = ("--model", tiny, "--polarity", "either", "--json")
    result = weld_fcn("predict", films / "a.png", "--output", tmp_path, *options)
    assert result.exit_code == 0 and "bright wires, letters and inclusions count" in result.stderr
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["polarity"] == "either"
    assert any("bright wires" in text for text in record["inputs"][0]["warnings"])


def test_options_that_are_no_more_are_told_once_and_have_no_effect(weld_fcn, films, tiny, tmp_path):
    told = "Warning: quality and oversampled are no settings any more and are ignored"
    options = ("--model", tiny, "--json", "--polarity", "dark")
    old = weld_fcn(
        "predict", films, "--output", tmp_path, *options, "--quality", "careful", "--oversampled", "keep"
    )
    assert old.exit_code == 0 and len(old.json["outputs"]) > 1
    assert old.stderr.count(told) == 1
    record = json.loads((tmp_path / "record.json").read_text())
    assert not {"quality", "oversampled"} & record["settings"].keys()
    plain = weld_fcn("predict", films, "--output", tmp_path, *options)
    assert "no settings any more" not in plain.stderr
    counts = [[output["indications"] for output in each.json["outputs"]] for each in (old, plain)]
    assert counts[0] == counts[1]


def test_a_folder_gives_every_film_in_it_and_a_second_run_takes_no_output_for_one(weld_fcn, films, tiny):
    for _ in range(2):
        result = weld_fcn("predict", films, "--output", films, "--model", tiny, "--json")
        assert [output["input"] for output in result.json["outputs"]] == [
            str(films / "a.png"),
            str(films / "b.png"),
        ]
    record = json.loads((films / "record.json").read_text())
    assert [each["input"]["name"] for each in record["inputs"]] == ["a", "b"]


def test_other_files_in_the_output_folder_are_left_alone(weld_fcn, films, tiny, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    weld_fcn("predict", films, "--output", tmp_path, "--model", tiny)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_bad_file_is_reported_and_the_others_are_done(weld_fcn, films, tiny, tmp_path):
    (films / "aa.png").write_bytes((films / "a.png").read_bytes()[:200])
    result = weld_fcn("predict", films, "--output", tmp_path, "--model", tiny, "--json")
    assert result.exit_code == 2
    done = [output["input"] for output in result.json["outputs"]]
    assert done == [str(films / "a.png"), str(films / "b.png")]
    (error,) = result.json["errors"]
    assert error["input"] == str(films / "aa.png")
    assert f"{films / 'aa.png'}: is a damaged or truncated PNG" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_without_an_image_is_reported_and_the_others_are_done(weld_fcn, films, tiny, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    out = tmp_path / "out"
    result = weld_fcn("predict", films / "a.png", empty, "--output", out, "--model", tiny, "--json")
    assert result.exit_code == 2
    assert [output["input"] for output in result.json["outputs"]] == [str(films / "a.png")]
    assert result.json["errors"][0]["input"] == str(empty)
    assert f"{empty}: there is no BMP, JPEG, PNG or TIFF image" in result.stderr
    alone = weld_fcn("predict", empty, "--output", tmp_path / "none", "--model", tiny)
    assert alone.exit_code == 2 and not (tmp_path / "none").exists()


def test_the_root_that_simulate_wrote_is_refused_with_the_series_below_it(weld_fcn, films, tiny, tmp_path):
    series = tmp_path / "root" / "Welds" / "W0001"
    series.mkdir(parents=True)
    (films / "a.png").rename(series / "W0001_0001.png")
    result = weld_fcn("predict", tmp_path / "root", "--output", tmp_path / "out", "--model", tiny)
    assert result.exit_code == 2
    assert f"give a series below it, such as {series}" in result.stderr


def test_a_fault_of_one_film_names_its_file(weld_fcn, films, tiny, tmp_path):
    write_png(films / "c.png", np.zeros((40, 50), np.uint8))
    result = weld_fcn(
        "predict", films, "--output", tmp_path, "--model", tiny, "--min-size", "0.2mm", "--json"
    )
    assert len(result.json["outputs"]) == 2
    assert result.json["errors"][0]["error"].startswith(f"{films / 'c.png'}: The minimum size is 0.2 mm, but")


def test_only_bad_files_give_no_output_and_no_record(weld_fcn, tiny, tmp_path):
    result = weld_fcn("predict", tmp_path / "no.png", "--output", tmp_path / "out", "--model", tiny, "--json")
    assert (result.exit_code, result.json["outputs"], result.json["record"]) == (2, [], None)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("other", ["a.tif", "A.tif"])
def test_two_inputs_of_one_name_are_refused_before_anything_is_done(weld_fcn, films, tiny, tmp_path, other):
    write_tiff(films / other, np.zeros((9, 9), np.uint8))
    result = weld_fcn("predict", films, "--output", tmp_path / "out", "--model", tiny)
    assert result.exit_code == 2
    assert str(films / "a.png") in result.stderr
    assert str(films / other) in result.stderr
    assert not (tmp_path / "out").exists()


def test_one_file_named_twice_is_done_once(weld_fcn, films, tiny, tmp_path):
    result = weld_fcn(
        "predict", films / "a.png", films, "--output", tmp_path / "out", "--model", tiny, "--json"
    )
    assert len(result.json["outputs"]) == 2


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (["--threshold", "1.5"], "--threshold 1.5: input should be less than 1."),
        (["--min-size", "4cm"], "--min-size 4cm: give a length as in 0.3mm or 4px."),
        (["--pixel-size", "-1"], "--pixel-size -1.0: input should be greater than or equal to 0."),
        (["--model", "nothing"], "nothing: neither a model's name nor a file"),
    ],
)
def test_wrong_options_are_a_sentence_before_anything_is_done(weld_fcn, films, tiny, tmp_path, option, text):
    result = weld_fcn("predict", films, "--output", tmp_path / "out", "--model", tiny, *option, "--json")
    assert result.exit_code == 2
    assert result.json["error"].startswith(text)
    assert result.stderr.startswith(text)
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_the_output_folder_is_a_sentence(weld_fcn, films, tiny):
    result = weld_fcn("predict", films / "a.png", "--output", films / "b.png", "--model", tiny)
    assert result.exit_code == 2
    assert "b.png: cannot be made a folder" in result.stderr


def test_films_of_any_kind_go_in_one_call(weld_fcn, films, tiny, tmp_path):
    write_tiff(films / "stack.tif", np.zeros((3, 40, 50), np.uint16) + np.arange(50, dtype=np.uint16))
    write_png(films / "mask.png", np.eye(64, dtype=bool))
    Image.fromarray(np.zeros((40, 50, 3), np.uint8) + np.uint8(9)).save(films / "colour.jpg")
    result = weld_fcn("predict", films, "--output", tmp_path / "out", "--model", tiny, "--json")
    assert result.exit_code == 0, result.stderr
    assert tifffile.imread(tmp_path / "out" / "stack_heatmap.tif").shape == (3, 40, 50)


def test_ctrl_c_keeps_what_was_finished_and_leaves_nothing_half_written(
    weld_fcn, films, tiny, tmp_path, monkeypatch
):
    def interrupted(path):
        if path.stem == "b":
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr("napari_weld_fcn.radiograph.files.read", interrupted)
    result = weld_fcn("predict", films, "--output", tmp_path / "out", "--model", tiny, "--polarity", "dark")
    assert result.exit_code == 1
    assert result.stderr == "Stopped; what was finished is there, nothing is half written.\n"
    names = {"a_heatmap.tif", "a_labels.tif", "a_indications.csv", "a_overlay.png", "record.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_request_to_end_is_taken_as_ctrl_c(tiny, films, tmp_path):
    out = tmp_path / "out"
    write_png(films / "z.png", np.zeros((3000, 4000), np.uint8))
    command = [
        sys.executable,
        "-m",
        "napari_weld_fcn.cli",
        "predict",
        films,
        "--output",
        out,
        "--model",
        tiny,
        "--polarity",
        "dark",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (out / "b_overlay.png").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors == "Stopped; what was finished is there, nothing is half written.\n"
    assert not [path for path in out.iterdir() if path.name.startswith((".", "z_"))]
    assert len(json.loads((out / "record.json").read_text())["inputs"]) == 2


def test_what_was_marked_is_called_an_indication_and_nothing_more(weld_fcn, films, tiny, tmp_path):
    none = weld_fcn("predict", films / "a.png", "--output", tmp_path, "--model", tiny, "--threshold", "0.999")
    assert "no indication above the threshold" in none.stdout
    many = weld_fcn("predict", films / "a.png", "--output", tmp_path, "--model", tiny, "--threshold", "0.001")
    assert "1 indication" in many.stdout
    assert "defect" not in (none.stdout + many.stdout).lower()


def test_warnings_go_to_standard_error(weld_fcn, tiny, tmp_path):
    write_png(tmp_path / "clipped.png", np.full((64, 64), 255, np.uint8))
    result = weld_fcn("predict", tmp_path / "clipped.png", "--output", tmp_path, "--model", tiny, "--json")
    assert result.json["outputs"][0]["warnings"]
    assert "Warning: clipped: 100% of the film" in result.stderr


def test_an_own_fault_of_a_film_does_not_stop_the_others(weld_fcn, films, tiny, tmp_path, monkeypatch):
    def refused(path):
        if path.stem == "a":
            raise RadiographError(f"{path}: is strange.")
        return read(path)

    monkeypatch.setattr("napari_weld_fcn.radiograph.files.read", refused)
    result = weld_fcn("predict", films, "--output", tmp_path / "out", "--model", tiny, "--json")
    assert (len(result.json["outputs"]), len(result.json["errors"]), result.exit_code) == (1, 1, 2)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (
            ModelError("Device cpu has no memory for a tile of 64 x 64 pixels."),
            "a.png: Device cpu has no memory",
        ),
        (MemoryError(), "a.png: is too large for this computer's memory"),
    ],
    ids=["no memory for a tile", "no memory at all"],
)
def test_a_film_without_memory_does_not_stop_the_others(
    weld_fcn, films, tiny, tmp_path, monkeypatch, fault, text
):
    def lacking(radiograph, *arguments, **options):
        if radiograph.name == "a":
            raise fault
        return predict(radiograph, *arguments, **options)

    monkeypatch.setattr("napari_weld_fcn.prediction.predict.predict", lacking)
    result = weld_fcn("predict", films, "--output", tmp_path / "out", "--model", tiny, "--json")
    assert result.exit_code == 2
    assert [output["input"] for output in result.json["outputs"]] == [str(films / "b.png")]
    assert text in result.json["errors"][0]["error"]
    assert "Traceback" not in result.stderr


def test_a_fault_of_the_program_costs_one_film_and_is_code_1(weld_fcn, films, tiny, tmp_path, monkeypatch):
    def broken(path):
        if path.stem == "a":
            raise ZeroDivisionError("division by zero")
        return read(path)

    monkeypatch.setattr("napari_weld_fcn.radiograph.files.read", broken)
    result = weld_fcn("predict", films, "--output", tmp_path / "out", "--model", tiny, "--json")
    assert result.exit_code == 1
    assert [output["input"] for output in result.json["outputs"]] == [str(films / "b.png")]
    (error,) = result.json["errors"]
    assert error["error"].startswith(f"{films / 'a.png'}: a fault of this program (ZeroDivisionError")


def test_a_request_to_stop_is_no_fault_of_a_film(weld_fcn, films, tiny, tmp_path, monkeypatch):
    def stopped(path):
        raise Stopped

    monkeypatch.setattr("napari_weld_fcn.radiograph.files.read", stopped)
    result = weld_fcn("predict", films, "--output", tmp_path / "out", "--model", tiny)
    assert result.exit_code == 1 and "Stopped" in result.stderr and "fault" not in result.stderr


def test_every_film_of_a_folder_is_done_and_what_is_none_is_named(weld_fcn, films, tiny, tmp_path):
    for name in ("weld_overlay.png", "seam_labels.tif", "plain"):
        shutil.copy(films / "a.png", films / name)
    (films / "notes.txt").write_text("x")
    result = weld_fcn("predict", films, "--model", tiny, "--output", films, "--json")
    assert result.exit_code == 0, result.stderr
    done = ["a", "b", "plain", "seam_labels", "weld_overlay"]
    assert [Path(each["input"]).stem for each in result.json["outputs"]] == done
    assert [Path(each["input"]).name for each in result.json["left_out"]] == ["notes.txt"]
    assert f"{films}: left out as no images: notes.txt." in result.stderr
    (films / "record.json").unlink()
    again = weld_fcn("predict", films, "--model", tiny, "--output", tmp_path / "out", "--json")
    assert [Path(each["input"]).stem for each in again.json["outputs"]] == done
    ours = [each for each in again.json["left_out"] if each["reason"] == "written by this program"]
    assert len(ours) == 3 * len(done)


def test_a_film_that_a_result_would_overwrite_is_kept(weld_fcn, films, tiny):
    shutil.copy(films / "b.png", films / "a_overlay.png")
    before = (films / "a_overlay.png").read_bytes()
    result = weld_fcn("predict", films, "--model", tiny, "--output", films)
    assert result.exit_code == 2
    assert "a_overlay.png: is an input, but a file of a.png would take its place" in result.stderr
    assert sorted(path.name for path in films.iterdir()) == ["a.png", "a_overlay.png", "b.png"]
    assert (films / "a_overlay.png").read_bytes() == before


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_a_name_that_is_too_long_for_a_file_is_told_and_leaves_nothing(
    weld_fcn, films, tiny, tmp_path, letter
):
    name = letter * (240 // len(letter.encode()))
    shutil.copy(films / "a.png", films / f"{name}.png")
    result = weld_fcn("predict", films, "--model", tiny, "--output", tmp_path / "out", "--json")
    assert result.exit_code == 2
    assert len(result.json["errors"]) == 1
    assert "its name is too long by 1 bytes" in result.json["errors"][0]["error"]
    assert [Path(each["input"]).stem for each in result.json["outputs"]] == ["a", "b"]
    assert not list((tmp_path / "out").glob(f"{letter}*"))

"""What is written is read back; whatever happens, a folder holds one whole dataset or says what is wrong."""

from __future__ import annotations

import csv
import json
import os
import random
import string
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.splits import split_places
from napari_weld_fcn.dataset.store import Dataset, read_dataset, write_dataset
from napari_weld_fcn.dataset.table import COLUMNS
from napari_weld_fcn.errors import DatasetError, Stopped
from napari_weld_fcn.events import JobControl, TileDone
from napari_weld_fcn.radiograph.normalisation import Normalisation, measure

KILLED_WRITER = Path(__file__).with_name("killed_writer.py")
DTYPES = ["?", "u1", "u2", ">u2", "i1", "i2", "u4", "i4", ">i4", "f4", "f8", ">f4"]


def pair(name: str = "W0001_0001_000", grey: int = 100, **changes: object) -> Pair:
    mask = np.zeros((12, 9), np.uint8)
    mask[2:4, 3:6] = FLAW
    mask[:, 8] = IGNORED
    base = Pair(
        name,
        np.full((12, 9), grey, np.uint8),
        mask,
        "W0001_0001",
        5,
        -3,
        Normalisation(99.5, 12.25),
        255.0,
        0.0403,
    )
    return replace(base, **changes)


def crops(count: int = 4) -> list[Pair]:
    return [pair(f"crop_{k}", 10 * k % 250, column=k, film=f"film {k % 2}") for k in range(count)]


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def assert_equal(one: Pair, other: Pair) -> None:
    assert one.pixels.dtype == other.pixels.dtype.newbyteorder("=")
    assert np.array_equal(one.pixels, other.pixels)
    assert one.mask.dtype == np.uint8 and np.array_equal(one.mask, other.mask)
    for name in {field.name for field in fields(Pair)} - {"pixels", "mask"}:
        assert getattr(one, name) == getattr(other, name), name


# What is written is read back


FINITE = st.floats(-1e9, 1e9)


@st.composite
def any_pairs(draw: st.DrawFn) -> list[Pair]:
    chance = np.random.default_rng(draw(st.integers(0, 99)))
    names = draw(
        st.lists(
            st.text(string.ascii_letters + string.digits + "_-. éß", min_size=1, max_size=12).filter(
                lambda name: name[0] != "."
            ),
            min_size=1,
            max_size=4,
            unique_by=str.casefold,
        )
    )
    pairs = []
    for name in names:
        shape = (draw(st.integers(1, 30)), draw(st.integers(1, 30)))
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        pixels = (chance.random(shape) * (2 if dtype.kind == "b" else 120)).astype(dtype)
        pairs.append(
            Pair(
                name,
                pixels,
                chance.choice(np.array([0, 128, 255], np.uint8), shape),
                draw(st.sampled_from(["W0001_0001", "0007", 'a, "b"; c', "Schweißnaht 3", "NA"])),
                draw(st.integers(-500, 99_999)),
                draw(st.integers(-500, 99_999)),
                Normalisation(draw(FINITE), draw(st.floats(1e-6, 1e9))),
                draw(st.floats(1, 1e9)),
                draw(st.none() | st.floats(1e-4, 10)),
                draw(st.integers(0, 99)),
                draw(st.dictionaries(st.sampled_from(["angle", "shift_row", "negated", "x, y"]), FINITE)),
                polarity=draw(st.sampled_from(["dark", "bright"])),
            )
        )
    return pairs


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(any_pairs())
def test_a_dataset_gives_back_its_pairs(tmp_path_factory: pytest.TempPathFactory, pairs: list[Pair]) -> None:
    folder = tmp_path_factory.mktemp("dataset")
    assert write_dataset(pairs, folder) == len(pairs)
    dataset = read_dataset(folder)
    assert len(dataset) == len(pairs)
    for one, other in zip(dataset, pairs, strict=True):
        assert_equal(one, other)


def test_files_have_equal_names_and_the_depth_of_the_film(tmp_path: Path) -> None:
    shape = (12, 9)
    write_dataset(
        [
            pair("eight"),
            pair("sixteen", pixels=np.full(shape, 4000, np.uint16)),
            pair("float", pixels=np.full(shape, 0.25, np.float32)),
            pair("long", pixels=np.full(shape, -7, np.int32)),
        ],
        tmp_path,
    )
    assert files_in(tmp_path) == [
        "dataset.csv",
        *(f"images/{name}" for name in ("eight.png", "float.tif", "long.tif", "sixteen.png")),
        *(f"masks/{name}.png" for name in ("eight", "float", "long", "sixteen")),
    ]
    for name, mode in (("images/eight", "L"), ("images/sixteen", "I;16"), ("masks/float", "L")):
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.mode == mode
    assert tifffile.imread(tmp_path / "images" / "float.tif").dtype == np.float32
    assert set(np.unique(Image.open(tmp_path / "masks" / "eight.png"))) == {0, 128, 255}


def test_pandas_reads_the_table_with_the_right_types(tmp_path: Path) -> None:
    varied = replace(pair("v1"), variant=1, parameters={"angle": 12.5, "negated": 1.0}, pixel_size_mm=None)
    write_dataset([pair(), varied], tmp_path)
    table = pd.read_csv(tmp_path / "dataset.csv")
    assert list(table.columns) == [*COLUMNS, "angle", "negated"]
    whole = ["row", "column", "rows", "columns", "variant", "flaw_pixels"]
    real = ["film_mean", "film_spread", "film_white", "pixel_size_mm", "angle", "negated"]
    assert all(pd.api.types.is_integer_dtype(table[name]) for name in whole)
    assert all(pd.api.types.is_float_dtype(table[name]) for name in real)
    assert all(pd.api.types.is_string_dtype(table[name]) for name in ("image", "mask", "film"))
    assert table.image[0] == "images/W0001_0001_000.png"
    assert table.loc[0, ["row", "column", "rows", "columns"]].tolist() == [5, -3, 12, 9]
    assert (table.film_mean[0], table.film_spread[0], table.flaw_pixels[0]) == (99.5, 12.25, 6)
    assert np.isnan(table.angle[0]) and table.angle[1] == 12.5 and np.isnan(table.pixel_size_mm[1])


def test_a_table_of_an_earlier_version_has_its_full_scale_guessed(tmp_path: Path) -> None:
    deep = np.full((12, 9), 900, np.uint16)
    normalisation = Normalisation(2500, 100)
    write_dataset(
        [pair("a"), pair("b", pixels=deep, normalisation=normalisation, full_scale=65535.0)], tmp_path
    )
    assert [each.full_scale for each in read_dataset(tmp_path)] == [255, 65535]
    table = pd.read_csv(tmp_path / "dataset.csv")
    table.drop(columns="film_white").to_csv(tmp_path / "dataset.csv", index=False)
    assert [each.full_scale for each in read_dataset(tmp_path)] == [255, 4095]


def test_pandas_may_write_the_table_and_add_a_column(tmp_path: Path) -> None:
    write_dataset([pair("a"), pair("b", variant=1, parameters={"angle": 3.0})], tmp_path)
    table = pd.read_csv(tmp_path / "dataset.csv")
    table["remark"] = ["good", ""]
    table.to_csv(tmp_path / "dataset.csv")  # with its index, and whole numbers as it likes
    a, b = read_dataset(tmp_path)
    assert (a.parameters, b.parameters) == ({}, {"angle": 3.0})


def test_rows_and_films_are_known_without_reading_a_file(tmp_path: Path) -> None:
    write_dataset(crops(), tmp_path)
    dataset = read_dataset(tmp_path)
    for file in tmp_path.glob("*/*.png"):
        file.unlink()
    assert dataset.films == ("film 0", "film 1")
    assert [row.name for row in dataset.rows] == [f"crop_{k}" for k in range(4)]
    assert [place.flaw_pixels for place in dataset.places()] == [6] * 4
    assert isinstance(dataset[1:3], Dataset) and dataset[1:3].rows == dataset.rows[1:3]
    with pytest.raises(DatasetError, match=r"crop_2\.png: no such file"):
        dataset[2]


def test_a_dataset_is_split_by_its_places(tmp_path: Path) -> None:
    write_dataset(crops(), tmp_path)
    dataset = read_dataset(tmp_path)
    result = split_places(dataset.places(), SplitSettings(kind="films", films=("film 1",)))
    assert {dataset.rows[i].film for i in result.validation} == {"film 1"}
    assert {dataset.rows[i].film for i in result.training} == {"film 0"}


# A folder without a table


def plain_folder(folder: Path) -> Path:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    grey = np.arange(20 * 30).reshape(20, 30)
    Image.fromarray((grey % 251).astype(np.uint8)).save(folder / "images" / "a.png")
    tifffile.imwrite(folder / "images" / "b.tif", grey.astype(np.uint16))
    mask = np.zeros((20, 30), np.uint8)
    mask[:2, :3] = [1, 128, 255]
    Image.fromarray(mask).save(folder / "masks" / "a.png")
    Image.fromarray(mask > 0).save(folder / "masks" / "b.png")
    (folder / "images" / "Thumbs.db").write_text("no image")
    (folder / "images" / ".hidden.png").write_text("no image")
    return folder


def test_a_folder_of_images_and_masks_is_a_dataset_of_films(tmp_path: Path) -> None:
    dataset = read_dataset(plain_folder(tmp_path))
    assert dataset.films == ("a", "b")
    for crop in dataset:
        assert (crop.film, crop.row, crop.column, crop.variant) == (crop.name, 0, 0, 0)
        assert crop.normalisation == measure(crop.pixels)
        assert np.array_equal(np.unique(crop.mask), [0, 255])
        assert np.count_nonzero(crop.mask == FLAW) == 6
    assert dataset[1].pixels.dtype == np.uint16
    assert [(place.rows, place.columns, place.flaw_pixels) for place in dataset.places()] == [(20, 30, 6)] * 2


def test_a_folder_without_a_table_that_is_written_into_keeps_its_images(tmp_path: Path) -> None:
    before = files_in(plain_folder(tmp_path))
    with pytest.raises(DatasetError, match=r"images.a\.png: is in the way and not of an earlier dataset"):
        write_dataset(iter(read_dataset(tmp_path)), tmp_path)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (
            lambda f: (f / "masks" / "a.png").unlink(),
            r"images.a\.png: there is no image of this name in masks",
        ),
        (
            lambda f: (f / "images" / "a.png").unlink(),
            r"masks.a\.png: there is no image of this name in images",
        ),
        (
            lambda f: Image.new("L", (30, 20)).save(f / "images" / "a.bmp"),
            r"images.a\.png: has the same name as a\.bmp",
        ),
        (lambda f: (f / "images").rename(f / "pictures"), "is no dataset"),
        (
            lambda f: Image.new("L", (20, 30)).save(f / "masks" / "a.png"),
            r"a\.png: is 20 x 30 pixels, but its image is 30 x 20",
        ),
        (
            lambda f: tifffile.imwrite(f / "images" / "b.tif", np.zeros((2, 20, 30), "u1")),
            "stack of 2 planes",
        ),
    ],
)
def test_what_is_wrong_with_a_folder_without_a_table_is_named(tmp_path: Path, harm, reason: str) -> None:
    harm(plain_folder(tmp_path))
    with pytest.raises(DatasetError, match=reason):
        list(read_dataset(tmp_path))


# Whole or not at all


def test_a_dataset_takes_the_place_of_an_older_one_and_of_nothing_else(tmp_path: Path) -> None:
    write_dataset(crops(6), tmp_path)
    (tmp_path / "images" / "mine.png").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    write_dataset([pair("crop_0", 77), pair("other")], tmp_path)
    assert files_in(tmp_path) == [
        "dataset.csv",
        "images/crop_0.png",
        "images/mine.png",
        "images/other.png",
        "masks/crop_0.png",
        "masks/other.png",
        "notes.txt",
    ]
    assert [crop.pixels[0, 0] for crop in read_dataset(tmp_path)] == [77, 100]


def test_an_old_table_cannot_make_a_dataset_delete_other_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_dataset(crops(2), out)
    (tmp_path / "mine.png").write_text("mine")
    (out / "mine.png").write_text("mine")
    with (out / "dataset.csv").open("a") as table:
        for name in ("../mine.png", "mine.png", "images/../mine.png", str(tmp_path / "mine.png"), "images"):
            table.write(f"{name},{name},x,0,0,1,1,0,1,1,,0\n")
    write_dataset(crops(1), out)
    assert (tmp_path / "mine.png").exists() and (out / "mine.png").exists()
    assert len(read_dataset(out)) == 1


def test_a_dataset_may_grow_in_its_own_folder(tmp_path: Path) -> None:
    write_dataset(crops(), tmp_path)

    def varied() -> Iterator[Pair]:
        for crop in read_dataset(tmp_path):
            yield crop
            yield replace(crop, name=f"{crop.name}_v001", variant=1, pixels=255 - crop.pixels)

    assert write_dataset(varied(), tmp_path) == 8
    assert [crop.pixels[0, 0] for crop in read_dataset(tmp_path)] == [0, 255, 10, 245, 20, 235, 30, 225]


def test_stopping_leaves_the_pairs_so_far(tmp_path: Path) -> None:
    write_dataset(crops(6), tmp_path)
    seen: list[TileDone] = []
    with pytest.raises(Stopped):
        write_dataset(
            (replace(crop, pixels=crop.pixels + 1) for crop in crops(6)),
            tmp_path,
            total=6,
            job=JobControl(seen.append, lambda: len(seen) == 3),
        )
    assert seen == [TileDone(k, 6) for k in (1, 2, 3)]
    assert [crop.pixels[0, 0] for crop in read_dataset(tmp_path)] == [1, 11, 21]
    assert len(files_in(tmp_path)) == 7


@pytest.mark.parametrize("request_", [Stopped, KeyboardInterrupt])
def test_stopping_before_the_first_pair_leaves_what_was(
    tmp_path: Path, request_: type[BaseException]
) -> None:
    def none() -> Iterator[Pair]:
        raise request_
        yield

    write_dataset(crops(2), tmp_path)
    before = files_in(tmp_path)
    with pytest.raises(request_):
        write_dataset(none(), tmp_path)
    assert files_in(tmp_path) == before


def test_a_fault_while_pairs_are_made_leaves_what_was(tmp_path: Path) -> None:
    def failing() -> Iterator[Pair]:
        yield pair("new")
        raise RuntimeError("a film was damaged")

    write_dataset(crops(2), tmp_path)
    before = files_in(tmp_path)
    with pytest.raises(RuntimeError, match="a film was damaged"):
        write_dataset(failing(), tmp_path)
    assert files_in(tmp_path) == before
    assert [crop.name for crop in read_dataset(tmp_path)] == ["crop_0", "crop_1"]


def test_a_full_disk_is_a_sentence_and_leaves_what_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(crops(2), tmp_path)
    before = files_in(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_weld_fcn.dataset.writing.save_png", full)
    with pytest.raises(DatasetError, match=r"cannot hold a dataset \(No space left on device\)"):
        write_dataset(crops(500), tmp_path)
    assert files_in(tmp_path) == before


def lines_of(*arguments: str) -> list[dict]:
    done = subprocess.run(
        [sys.executable, str(KILLED_WRITER), *arguments], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forks")
def test_killed_before_any_change_of_the_folder_it_holds_the_old_or_the_new_dataset(tmp_path: Path) -> None:
    *kills, last = lines_of(str(tmp_path), "30", "step")
    assert len(kills) == 30
    assert kills[0] == {"before": 0, "after": 0, "killed": True}  # before the commit
    assert all(kill["after"] == kill["before"] + 1 for kill in kills[1:])  # after it
    assert sum(kill["killed"] for kill in kills) > 10  # every change, and some runs to the end
    assert not kills[-1]["killed"]
    assert last == {"left": ["dataset.csv", "images", "masks"]}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forks")
def test_killed_while_the_first_dataset_is_written_the_folder_holds_it_or_none(tmp_path: Path) -> None:
    *kills, last = lines_of(str(tmp_path / "out"), "10", "first")
    assert [kill["after"] for kill in kills] == [-1, *9 * [0]]
    assert sum(kill["killed"] for kill in kills) > 3 and not kills[-1]["killed"]
    assert last == {"left": ["dataset.csv", "images", "masks"]}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forks")
@pytest.mark.parametrize("kills", [25, pytest.param(1500, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_holds_the_old_or_the_new_dataset(tmp_path: Path, kills: int) -> None:
    *results, last = lines_of(str(tmp_path), str(kills), "moment")
    assert len(results) == kills
    assert all(result["after"] - result["before"] in (0, 1) for result in results)
    assert last == {"left": ["dataset.csv", "images", "masks"]}


# What cannot be written


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([], "there is no pair to write"),
        ([pair("a"), pair("b"), pair("A")], "two pairs are called A"),
        ([pair("../a")], "'../a' cannot be the name of a pair's files"),
        ([pair(".a")], "cannot be the name"),
        ([pair("")], "cannot be the name"),
        ([pair("a\n")], "cannot be the name"),
        ([pair("a\udcff")], "cannot be the name"),
        ([pair("a", film="")], "'' cannot be the name of a film"),
    ],
)
def test_pairs_that_make_no_dataset_are_told(tmp_path: Path, pairs: list[Pair], reason: str) -> None:
    write_dataset(crops(1), tmp_path)
    before = files_in(tmp_path)
    with pytest.raises(DatasetError, match=reason):
        write_dataset(pairs, tmp_path)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"mask": np.zeros((12, 9), bool)},
        {"mask": np.zeros((9, 12), np.uint8)},
        {"mask": np.full((12, 9), 1, np.uint8)},
        {"parameters": {"row": 1.0}},
        {"parameters": {"angle": float("nan")}},
    ],
)
def test_a_pair_that_is_none_is_a_fault_of_the_program(tmp_path: Path, changes: dict) -> None:
    with pytest.raises(ValueError, match="W0001_0001_000"):
        write_dataset([pair(**changes)], tmp_path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("images", "images: is a file where the dataset's folder should be"),
        ("dataset.csv", "dataset.csv: is no table of a dataset, since it has no column image, mask"),
    ],
)
def test_a_file_in_the_way_is_kept_and_told(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match=reason):
        write_dataset(crops(1), tmp_path)
    assert files_in(tmp_path) == [name]


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(DatasetError, match="out: is a file; give a folder"):
        write_dataset(crops(1), tmp_path / "out")
    with pytest.raises(DatasetError, match="is no dataset folder"):
        read_dataset(tmp_path / "out")


# What cannot be read


def set_cell(folder: Path, column: str, value: str, row: int = 1) -> None:
    with (folder / "dataset.csv").open(newline="") as file:
        table = list(csv.reader(file))
    table[row + 1][table[0].index(column)] = value
    with (folder / "dataset.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)


def drop_column(folder: Path, column: str) -> None:
    table = pd.read_csv(folder / "dataset.csv").drop(columns=column)
    table.to_csv(folder / "dataset.csv", index=False)


def save_mask(folder: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(folder / "masks" / "crop_1.png")


HARMS = {
    "image missing": (
        lambda f: (f / "images/crop_1.png").unlink(),
        r"crop_1\.png: is missing, but dataset\.csv",
    ),
    "mask missing": (
        lambda f: (f / "masks/crop_1.png").unlink(),
        r"crop_1\.png: is missing, but dataset\.csv",
    ),
    "folder missing": (lambda f: (f / "masks").rename(f / "m"), r"masks.crop_0\.png: is missing"),
    "image empty": (lambda f: (f / "images/crop_1.png").write_bytes(b""), r"crop_1\.png: is empty"),
    "image no image": (lambda f: (f / "images/crop_1.png").write_text("x"), r"crop_1\.png: is no image"),
    "image of another size": (
        lambda f: [Image.new("L", (5, 5)).save(f / name / "crop_1.png") for name in ("images", "masks")],
        r"images.crop_1\.png: is 5 x 5 pixels, but dataset\.csv says 9 x 12",
    ),
    "mask of another size": (
        lambda f: save_mask(f, np.zeros((5, 5), "u1")),
        r"masks.crop_1\.png: is 5 x 5 pixels, but its image is 9 x 12",
    ),
    "mask of other values": (
        lambda f: save_mask(f, np.full((12, 9), 1, "u1")),
        r"masks.crop_1\.png: has values other than 0, 128 and 255",
    ),
    "another film's column": (lambda f: drop_column(f, "film"), r"dataset\.csv: .* no column film"),
    "no rows": (lambda f: (f / "dataset.csv").write_text(",".join(COLUMNS)), r"dataset\.csv: has no rows"),
    "empty table": (lambda f: (f / "dataset.csv").write_text(""), "no column image, mask"),
    "binary table": (lambda f: (f / "dataset.csv").write_bytes(bytes(range(256))), "can be read"),
    "quote without end": (
        lambda f: (f / "dataset.csv").write_text((f / "dataset.csv").read_text() + '"'),
        "no table that can be read",
    ),
    "two columns of a name": (
        lambda f: (f / "dataset.csv").write_text(
            (f / "dataset.csv").read_text().replace("flaw_pixels", "row")
        ),
        "no column flaw_pixels",
    ),
    "short row": (
        lambda f: (f / "dataset.csv").write_text((f / "dataset.csv").read_text()[:-45]),
        r"dataset\.csv, line 5: has no film_",
    ),
    "same pair twice": (lambda f: set_cell(f, "image", "images/crop_0.png"), "two rows for the pair crop_0"),
    "table is a folder": (
        lambda f: (f / "dataset.csv").unlink() or (f / "dataset.csv").mkdir(),
        r"dataset\.csv: cannot be read",
    ),
    **{
        f"{column} is {value!r}": (
            lambda f, column=column, value=value: set_cell(f, column, value),
            rf"dataset\.csv, line 3: (has no {column}|{column} is )",
        )
        for column, values in {
            "image": ["", "../crop.png", "images/../../crop.png", "/etc/passwd", "C:\\x.png", "..\\x", "a\0"],
            "mask": ["", "../crop.png", "/dev/zero"],
            "film": [""],
            "row": ["", "x", "1.5", "nan", "inf", "1e999"],
            "rows": ["", "0", "-4", "x"],
            "variant": ["", "-1", "x"],
            "film_mean": ["", "x", "nan"],
            "film_spread": ["", "0", "-1", "inf"],
            "film_white": ["x", "0", "-255", "inf"],
            "pixel_size_mm": ["x", "0", "-0.04", "inf"],
            "flaw_pixels": ["x", "-1", "2.5"],
        }.items()
        for value in values
    },
}


@pytest.mark.parametrize("case", HARMS)
def test_what_is_wrong_with_a_dataset_is_named(tmp_path: Path, case: str) -> None:
    harm, reason = HARMS[case]
    write_dataset(crops(), tmp_path)
    harm(tmp_path)
    with pytest.raises(DatasetError, match=reason) as told:
        list(read_dataset(tmp_path))
    assert str(told.value).count("\n") == 0 and str(told.value).endswith(".")


def test_a_file_outside_is_never_opened(tmp_path: Path) -> None:
    write_dataset(crops(2), tmp_path / "a")
    write_dataset(crops(2), tmp_path / "b")
    set_cell(tmp_path / "a", "image", "../b/images/crop_1.png")
    with pytest.raises(DatasetError, match="should be the path of a file inside the dataset folder"):
        read_dataset(tmp_path / "a")


def damage(data: bytes, chance: random.Random) -> bytes:
    kind = chance.choice(["cut", "flip", "flip", "zeros", "repeat", "insert", "empty"])
    at = chance.randrange(len(data))
    length = chance.randrange(1, 12)
    if kind == "cut":
        return data[:at]
    if kind == "empty":
        return b""
    if kind == "flip":
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if kind == "zeros":
        return data[:at] + bytes(length) + data[at + length :]
    if kind == "insert":
        return data[:at] + chance.randbytes(length) + data[at:]
    return data[:at] + data[at : at + length] + data[at:]


def test_three_hundred_damaged_files_give_a_sentence_or_the_right_pair(tmp_path: Path) -> None:
    """A table may be damaged so that it says something else; pixels and masks may not."""
    chance, grain = random.Random(0), np.random.default_rng(0)
    originals = {}
    for k, dtype in enumerate(("u1", "u2", "f4", "i4")):
        pixels = grain.normal(120, 9, (24, 30)).astype(dtype)
        mask = grain.choice(np.array([0, 0, 128, 255], np.uint8), (24, 30))
        originals[f"c{k}"] = pair(f"c{k}", pixels=pixels, mask=mask)
    write_dataset(originals.values(), tmp_path)
    files = [tmp_path / name for name in files_in(tmp_path)]
    refused = 0
    for number in range(300):
        file = tmp_path / "dataset.csv" if number % 3 == 0 else chance.choice(files)
        whole = file.read_bytes()
        file.write_bytes(damage(whole, chance))
        try:
            for read in read_dataset(tmp_path):
                original = originals[read.name]
                assert read.pixels.dtype == original.pixels.dtype, file
                assert np.array_equal(read.pixels, original.pixels), file
                assert np.array_equal(read.mask, original.mask), file
        except DatasetError as fault:
            refused += 1
            assert str(tmp_path) in str(fault) and "\n" not in str(fault)
            if file.name != "dataset.csv":
                assert str(file) in str(fault)
        file.write_bytes(whole)
    assert refused > 200

"""Labels as they are stored, in whatever form; the plain mask is the right value of them all."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_weld_fcn.errors import LabelError, RadiographError
from napari_weld_fcn.radiograph.labels import read_exact, read_labels, whole_numbers

MASK = np.zeros((60, 90), bool)
MASK[10:20, 10:30], MASK[30:34, 50:80], MASK[50:55, 5:9] = True, True, True
WHITE = MASK.astype(np.uint8) * 255
CLASSES = np.where(MASK & (np.arange(90) >= 20), 2, MASK.astype(np.uint8)).astype(np.uint8)
NONE, FULL = np.zeros_like(WHITE), np.full_like(WHITE, 255)


def png(path: Path, array: np.ndarray, palette: list | None = None, **more) -> None:
    image = Image.fromarray(array, mode="P") if palette else Image.fromarray(array)
    if palette:
        image.putpalette([part for colour in palette for part in colour])
    image.save(path, format="PNG", **more)


BLACK, RED, GREEN, PAPER = (0, 0, 0), (255, 0, 0), (0, 255, 0), (255, 255, 255)
MINISWHITE = {"photometric": "miniswhite", "metadata": None}
INVERTED = np.tile((65535 - np.arange(256) * 257).astype(np.uint16), (3, 1))

#: How a mask is written, and what its flaws then are.
FORMS = {
    "1 bit": (lambda p: png(p, MASK), 1),
    "8 bits": (lambda p: png(p, WHITE), 255),
    "16 bits": (lambda p: png(p, MASK.astype(np.uint16) * 300), 300),
    "4 bits": (lambda p: png(p, MASK.astype(np.uint8), [BLACK, RED], bits=4), 1),
    "RGB": (lambda p: png(p, np.dstack([WHITE] * 3)), 255),
    "class 1 in red": (lambda p: png(p, np.dstack([MASK.astype(np.uint8), NONE, NONE])), 1),
    "RGBA": (lambda p: png(p, np.dstack([WHITE, WHITE, WHITE, FULL])), 255),
    "grey with alpha": (lambda p: png(p, np.dstack([WHITE, FULL])), 255),
    "red on a transparent layer": (lambda p: png(p, np.dstack([FULL, NONE, NONE, WHITE])), 255),
    "white on a transparent layer": (lambda p: png(p, np.dstack([FULL, FULL, FULL, WHITE])), 255),
    "black on a transparent layer": (lambda p: png(p, np.dstack([NONE, NONE, NONE, WHITE])), 255),
    "palette": (lambda p: png(p, MASK.astype(np.uint8) * 2, [BLACK, GREEN, RED]), 2),
    "palette with black behind": (lambda p: png(p, (~MASK).astype(np.uint8), [PAPER, BLACK]), 255),
    "BMP": (lambda p: Image.fromarray(WHITE).save(p, format="BMP"), 255),
    "TIFF": (lambda p: tifffile.imwrite(p, WHITE), 255),
    "bool TIFF": (lambda p: tifffile.imwrite(p, MASK), 1),
    "float TIFF": (lambda p: tifffile.imwrite(p, MASK.astype(np.float32) * 3), 3),
    "signed TIFF": (lambda p: tifffile.imwrite(p, MASK.astype(np.int16)), 1),
    "big-endian TIFF": (lambda p: tifffile.imwrite(p, MASK.astype(np.uint16), byteorder=">"), 1),
    "deflated TIFF": (lambda p: tifffile.imwrite(p, WHITE, compression="zlib", predictor=True), 255),
    "inverting TIFF": (lambda p: tifffile.imwrite(p, WHITE, **MINISWHITE), 255),
    "TIFF negated when saved": (lambda p: tifffile.imwrite(p, 255 - WHITE, **MINISWHITE), 255),
    "inverting palette TIFF": (
        lambda p: tifffile.imwrite(p, WHITE, photometric="palette", colormap=INVERTED),
        255,
    ),
    "1 bit seen white on black": (
        lambda p: Image.fromarray(MASK).save(p, format="TIFF", tiffinfo={262: 0}),
        1,
    ),
    "shades of one colour": (lambda p: png(p, np.dstack([WHITE, WHITE // 2, NONE])), 255),
    "a glaze": (lambda p: png(p, np.dstack([FULL, NONE, NONE, WHITE // 2])), 255),
    "a thin glaze in grey": (lambda p: png(p, np.dstack([FULL, WHITE // 255])), 255),
    "planes of colour": (
        lambda p: tifffile.imwrite(
            p, np.stack([WHITE, NONE, NONE]), photometric="rgb", planarconfig="separate"
        ),
        255,
    ),
    "RGBA TIFF": (
        lambda p: tifffile.imwrite(
            p,
            np.dstack([FULL, FULL, FULL, WHITE]),
            photometric="rgb",
            extrasamples=["unassalpha"],
        ),
        255,
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_mask_is_the_same_in_any_form(tmp_path, form):
    write, value = FORMS[form]
    write(tmp_path / "mask")
    labels = read_labels(tmp_path / "mask")
    np.testing.assert_array_equal(labels.values, MASK * value)
    assert labels.exact and not labels.cautions


@pytest.mark.parametrize("form", ["numbers", "palette", "colours"])
def test_classes_stay_apart(tmp_path, form):
    if form == "colours":
        png(tmp_path / "m.png", np.array([BLACK, GREEN, RED], np.uint8)[CLASSES])
    else:
        png(tmp_path / "m.png", CLASSES, [BLACK, RED, GREEN] if form == "palette" else None)
    np.testing.assert_array_equal(read_labels(tmp_path / "m.png").values, CLASSES)


def test_a_stack_and_pages_appended_one_by_one_are_planes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([WHITE, NONE]), photometric="minisblack")
    for plane in (WHITE, NONE):
        tifffile.imwrite(tmp_path / "b.tif", plane, append=True, metadata=None)
    for name in ("a.tif", "b.tif"):
        np.testing.assert_array_equal(read_labels(tmp_path / name).values, np.stack([WHITE, NONE]))


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("again", [False, True])
def test_a_mask_that_was_a_jpeg_has_its_own_flaws_and_that_is_told(tmp_path, quality, again):
    Image.fromarray(WHITE).save(tmp_path / "m.jpg", quality=quality)
    path = tmp_path / "m.jpg"
    if again:
        path = tmp_path / "again.png"
        Image.open(tmp_path / "m.jpg").save(path)
    labels = read_labels(path)
    np.testing.assert_array_equal(labels.values, WHITE)
    assert not labels.exact
    assert len(labels.cautions) == 1 and f"{path}: has " in labels.cautions[0]
    assert "grey levels" in labels.cautions[0]


NUMBERS = np.kron(np.arange(24, dtype=np.uint8).reshape(4, 6) % 23, np.ones((16, 16), np.uint8))
NUMBERS[::16] = NUMBERS[:, ::16] = 0


@pytest.mark.parametrize(
    ("packing", "loss"),
    [
        ("jpeg2000", {"level": 60}),
        ("jpegxl", {"level": 60, "lossless": False}),
        ("jpegxr", {"level": 60}),
        ("webp", {"level": 60, "lossless": False}),
    ],
)
def test_a_lossless_packing_keeps_numbers_and_a_lossy_one_is_refused(tmp_path, packing, loss):
    path, shown = tmp_path / "m.tif", np.dstack([NUMBERS] * 3) if packing == "webp" else NUMBERS
    tifffile.imwrite(path, shown, compression=packing)
    np.testing.assert_array_equal(read_labels(path).values, NUMBERS)
    tifffile.imwrite(path, shown, compression=packing, compressionargs=loss)
    with pytest.raises(LabelError, match="a JPEG of labels"):
        read_labels(path)


@pytest.mark.parametrize("scale", [0.5, 2, 3, 5, 1.3])
@pytest.mark.parametrize("smoothing", ["BOX", "BILINEAR", "LANCZOS"])
@pytest.mark.parametrize("colour", [(1, 1, 1), (1, 0.5, 0)])
def test_a_resized_mask_is_flaw_above_half_of_its_white(tmp_path, scale, smoothing, colour):
    large = Image.fromarray(WHITE).resize((180, 120), Image.Resampling.NEAREST)
    size = (round(180 * scale), round(120 * scale))
    resized = np.asarray(large.resize(size, Image.Resampling[smoothing]))
    png(tmp_path / "m.png", np.dstack([np.rint(resized * part).astype(np.uint8) for part in colour]))
    labels = read_labels(tmp_path / "m.png")
    assert set(np.unique(labels.values)) == {0, 255}
    np.testing.assert_array_equal(labels.values > 0, resized > 127.5)
    assert labels.exact == (set(np.unique(resized)) == {0, 255})


def test_soft_edges_of_several_colours_are_refused(tmp_path):
    colours = np.array([BLACK, RED, GREEN], np.uint8)[CLASSES]
    Image.fromarray(colours).resize((180, 120), Image.Resampling.BILINEAR).save(tmp_path / "m.png")
    with pytest.raises(LabelError, match="save it without smoothing"):
        read_labels(tmp_path / "m.png")


def test_many_numbers_of_flaws_are_no_grey_levels(tmp_path):
    rows, columns = np.indices((80, 80)) // 8
    labels = np.where((rows + columns) % 3 == 0, 1 + rows * 10 + columns, 0).astype(np.uint8)
    png(tmp_path / "m.png", labels)
    found = read_labels(tmp_path / "m.png")
    np.testing.assert_array_equal(found.values, labels)
    assert found.exact and not found.cautions


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda p: tifffile.imwrite(p, np.where(MASK, -1, 0).astype(np.int16)), r"values below 0 \(-1\)"),
        (lambda p: tifffile.imwrite(p, MASK * np.float32(0.4)), "not a heatmap"),
        (lambda p: tifffile.imwrite(p, np.where(MASK, np.nan, 0).astype(np.float32)), "not whole"),
        (lambda p: png(p, 255 - WHITE), "drawn black on white; invert it"),
        (lambda p: png(p, ~MASK), "drawn black on white; invert it"),
        (lambda p: Image.fromarray(255 - WHITE).save(p, format="JPEG"), "drawn black on white; invert it"),
        (lambda p: png(p, np.array([PAPER, RED], np.uint8)[MASK.astype(int)]), "black on white; invert"),
        (lambda p: png(p, np.random.default_rng(0).normal(120, 20, (60, 90)).astype("u1")), "a radiograph"),
        (lambda p: png(p, np.random.default_rng(0).normal(220, 3, (60, 90)).astype("u1")), "a radiograph"),
        (lambda p: png(p, np.random.default_rng(0).integers(0, 255, (9, 9, 3), np.uint8)), "colours, which"),
        (lambda p: Image.fromarray(CLASSES * 12).save(p, format="JPEG"), "JPEG of labels"),
        (lambda p: tifffile.imwrite(p, np.zeros((9, 8, 5), np.uint8), planarconfig="contig",
                                    photometric="minisblack", extrasamples=[0] * 4), "5 samples"),
        (lambda p: p.write_text("no image"), "is no image"),
        (lambda p: p.write_bytes(b"GIF89a" + bytes(50)), "is a GIF image"),
    ],
)  # fmt: skip
def test_what_cannot_be_labels_is_a_sentence_that_names_the_file(tmp_path, write, sentence):
    path = tmp_path / "mask"
    write(path)
    with pytest.raises(RadiographError, match=sentence) as fault:
        read_labels(path)
    assert str(fault.value).startswith(f"{path}: ")


def test_more_than_half_flaw_is_told(tmp_path):
    much = np.zeros((60, 90), np.uint8)
    much[5:-5, 5:-5] = 1
    png(tmp_path / "m.png", much)
    labels = read_labels(tmp_path / "m.png")
    np.testing.assert_array_equal(labels.values, much)
    assert labels.cautions == (f"{tmp_path / 'm.png'}: 74.1% of it is flaw; check that 0 is the background.",)


def test_labels_whose_meaning_is_known_are_believed(tmp_path):
    png(tmp_path / "m.png", np.where(MASK, 0, 128).astype(np.uint8))
    np.testing.assert_array_equal(read_exact(tmp_path / "m.png"), np.where(MASK, 0, 128))


@pytest.mark.parametrize("orientation", [1, 3])
def test_an_orientation_turns_nothing_and_is_told(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    png(tmp_path / "m.png", WHITE, exif=exif)
    labels = read_labels(tmp_path / "m.png")
    np.testing.assert_array_equal(labels.values, WHITE)
    assert [("to be turned" in each) for each in labels.cautions] == [True] * (orientation != 1)


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_a_damaged_mask_is_refused_and_never_taken_for_background(tmp_path, kind):
    labels = np.random.default_rng(0).integers(0, 2, (60, 90)).astype(np.uint8)
    path = tmp_path / f"m.{kind}"
    if kind == "png":
        png(path, labels)
    else:
        tifffile.imwrite(path, labels, compression="zlib")
    whole = path.read_bytes()
    for at in range(40, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        try:
            found = read_labels(path)
        except RadiographError as fault:
            assert str(fault).startswith(f"{path}: ") and "\n" not in str(fault)
        else:
            np.testing.assert_array_equal(found.values, labels)
        path.write_bytes(whole[:at])
        with pytest.raises(RadiographError):
            read_labels(path)


def test_whole_numbers_of_any_type_are_labels():
    assert whole_numbers(np.array([[0.0, 2.0]]), "x").dtype == np.int64
    with pytest.raises(LabelError, match="x: holds complex128"):
        whole_numbers(np.zeros((2, 2), complex), "x")

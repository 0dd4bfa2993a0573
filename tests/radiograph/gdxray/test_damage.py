"""300 damaged series, from one seed: each gives sentences, and no film gets a truth that is not its own.

A series is opened, and everything in it is read, after one or two of its files were cut, filled with junk,
exchanged, resized or emptied. What may come of it: the same as before, a sentence of the series, or a
RadiographError with the name of a file. What may not: another exception, or the mask of another film.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.gdxray.film import GDXrayFilm
from napari_weld_fcn.radiograph.gdxray.folders import list_series
from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.radiograph.output import write_png, write_tiff

ROUNDS, PER_ROUND = 10, 30
SHAPE = (24, 32)

Rng = np.random.Generator


def cut(path: Path, rng: Rng) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.integers(0, len(content) + 1)])


def flip(path: Path, rng: Rng) -> None:
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    if content.size:
        places = rng.integers(0, content.size, rng.integers(1, 9))
        places[: rng.integers(0, 9)] %= 200  # most of the structure stands in the first bytes
        content[places % content.size] ^= rng.integers(1, 256, places.size).astype(np.uint8)
    path.write_bytes(content.tobytes())


def junk(path: Path, rng: Rng) -> None:
    path.write_bytes(rng.bytes(int(rng.integers(0, 300))))


def resize(path: Path, rng: Rng) -> None:
    if path.suffix == ".png":
        shape = tuple(int(edge) for edge in rng.integers(1, 40, 2))
        write_png(path, rng.integers(0, 2, shape).astype(bool))


def become_a_stack(path: Path, rng: Rng) -> None:
    if path.suffix == ".png":
        write_tiff(path, np.zeros((2, *SHAPE), np.uint8))


def vanish(path: Path, rng: Rng) -> None:
    path.unlink()


def become_a_folder(path: Path, rng: Rng) -> None:
    path.unlink()
    path.mkdir()


WORDS = [
    "1",
    "2",
    "3.4",
    "-5",
    "1e308",
    "nan",
    "inf",
    "x",
    "0",
    "99999999999",
    "1,5",
    "\0",
    "\u00e9",
    "1_0",
    "",
]


def scribble(path: Path, rng: Rng) -> None:
    lines = (" ".join(rng.choice(WORDS, rng.integers(0, 12))) for _ in range(rng.integers(0, 20)))
    (path.parent / "ground_truth.txt").write_text("\n".join(lines), encoding="utf-8")


def other_variable(path: Path, rng: Rng) -> None:
    values = [{"a": 1}, "text", np.zeros((0, 5)), np.ones((3, 5)) * np.nan, np.ones((2, 3, 4)), 1 + 2j]
    name = str(rng.choice(["bb", "cc"]))
    (path.parent / "ground_truth.txt").unlink(missing_ok=True)
    savemat(path.parent / "BoundingBox.mat", {name: values[rng.integers(len(values))]})


DAMAGES: list[Callable[[Path, Rng], None]] = [
    *[cut, flip] * 3,
    junk,
    resize,
    become_a_stack,
    vanish,
    become_a_folder,
    scribble,
    other_variable,
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two welds, each with the mask that has its own number of pixels, and a casting with single flaws."""
    root = tmp_path_factory.mktemp("sound") / "GDXray"
    for name in ("Welds/W0001", "Welds/W0002", "Castings/C0001/masks"):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in (1, 2):
        write_png(root / f"Welds/W0001/W0001_{number:04d}.png", rng.integers(0, 250, SHAPE).astype(np.uint8))
        write_png(root / f"Welds/W0002/W0002_{number:04d}.png", marked(number))
        write_png(root / f"Castings/C0001/masks/C0001_0001_{number}.png", marked(number))
    write_png(root / "Castings/C0001/C0001_0001.png", rng.integers(0, 250, SHAPE).astype(np.uint8))
    (root / "Welds/W0001/ground_truth.txt").write_text("1 2 4 3 5\n2 3 3 3 3\n")
    savemat(root / "Castings/C0001/BoundingBox.mat", {"bb": [[1, 2, 4, 3, 5]]})
    return root


def marked(number: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[: 4 * number, :number] = True
    return mask


def read_all(film: GDXrayFilm) -> None:
    """Read what belongs to a film; its mask, if it has one, is a mask of its size."""
    film.radiograph()
    for truth in (film.mask(), film.instances()):
        assert truth is None or truth.shape == film.shape
    assert np.isfinite(film.boxes).all() and np.isfinite(film.points).all()


def sentence(text: str, root: Path) -> None:
    assert text.startswith(str(root)) and text.endswith(".") and "\n" not in text and len(text) < 600, text


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_damaged_series_gives_sentences(sound: Path, tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng([seed, 8])
    for number in range(PER_ROUND):
        root = tmp_path / str(number)
        shutil.copytree(sound, root)
        files = sorted(path for path in root.rglob("*") if path.is_file())
        for place in rng.choice(len(files), rng.integers(1, 3), replace=False):
            if files[place].is_file():
                DAMAGES[rng.integers(len(DAMAGES))](files[place], rng)
        for folder in list_series(root):
            try:
                series = open_series(folder)
            except RadiographError as fault:
                sentence(str(fault), root)
                continue
            for problem in series.problems:
                sentence(problem, root)
            for film in series:
                try:
                    read_all(film)
                except RadiographError as fault:
                    sentence(str(fault), root)


@pytest.mark.parametrize("seed", range(20))
def test_a_mask_is_its_own_films_or_none(sound: Path, tmp_path: Path, seed: int) -> None:
    """Whatever else is damaged, a mask that was not touched stays with its film."""
    rng = np.random.default_rng([seed, 9])
    root = tmp_path / "GDXray"
    shutil.copytree(sound, root)
    others = [path for path in root.rglob("W000[12]*.png") if path.name != "W0002_0002.png"]
    for path in others:
        if path.name != "W0001_0002.png":
            DAMAGES[rng.integers(len(DAMAGES))](path, rng)
    series = open_series(root / "Welds" / "W0001")
    film = next(film for film in series if film.number == 2)
    np.testing.assert_array_equal(film.mask(), marked(2))

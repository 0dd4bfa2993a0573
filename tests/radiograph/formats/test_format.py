"""A format is one function; everything that reads files then knows it by its content."""

import numpy as np
import pytest

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.files import pixel_size_of, read, shape_of
from napari_weld_fcn.radiograph.formats import format as registry
from napari_weld_fcn.radiograph.formats.format import Header, kind_of, register
from napari_weld_fcn.radiograph.image_paths import image_paths
from napari_weld_fcn.radiograph.labels import read_labels


def read_toy(path):
    rows, columns, *pixels = path.read_bytes()[3:]
    return np.array(pixels, np.uint8).reshape(rows, columns), Header((rows, columns), np.dtype("u1"), 0.1)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    registry.known_formats()
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    register("Toy", (b"TOY",))(read_toy)
    path = tmp_path / "film.of_any_name"
    path.write_bytes(b"TOY" + bytes([2, 3, 0, 0, 7, 0, 0, 0]))
    return path


def test_a_registered_format_is_read_as_film_and_as_mask(toy):
    assert kind_of(toy) == "Toy"
    assert read(toy).pixels.tolist() == [[0, 0, 7], [0, 0, 0]]
    assert pixel_size_of(toy) == (0.1, "file")
    assert shape_of(toy) == ((2, 3), np.uint8)
    assert image_paths(toy.parent) == [toy]
    assert read_labels(toy).values.tolist() == [[0, 0, 7], [0, 0, 0]]


def test_damage_in_it_is_a_sentence_with_its_name(toy):
    toy.write_bytes(b"TOY" + bytes([2, 3, 0]))
    with pytest.raises(RadiographError, match=r"film\.of_any_name: is a damaged or truncated Toy"):
        read(toy)


def test_what_is_not_registered_names_what_is(toy):
    toy.write_bytes(b"GIF89a" + bytes(9))
    with pytest.raises(RadiographError, match="is a GIF image; BMP, JPEG, PNG, TIFF and Toy are read"):
        read(toy)

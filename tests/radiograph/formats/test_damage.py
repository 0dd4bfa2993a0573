"""A file that is cut anywhere is one sentence for whoever sent it, in which no decoder speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.files import read, shape_of
from napari_weld_fcn.radiograph.labels import read_labels
from napari_weld_fcn.radiograph.output import is_output

#: Words of decoders and of Python, none of which a user can act on.
INNER = ("unpack", "buffer", "chunk", "driver", "offset", "b'", "Error", "NoneType")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "BMP"])
def test_a_cut_file_is_told_in_a_users_words(tmp_path: Path, kind: str, capfd: pytest.CaptureFixture) -> None:
    path = tmp_path / "film"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90), np.uint8)).save(path, format=kind)
    whole = path.read_bytes()
    for size in (8, 10, 14, 20, 33, 60, 150, 400):
        path.write_bytes(whole[:size])
        assert not is_output(path)
        for reader in (read, read_labels, shape_of):
            try:
                reader(path)
            except RadiographError as fault:
                told = str(fault).removeprefix(f"{path}: ")
                assert told != str(fault) and not [word for word in INNER if word in told], told
            else:
                assert reader is shape_of
    assert capfd.readouterr().err == ""


def test_a_png_of_eight_bytes_ends_too_early(tmp_path: Path) -> None:
    (tmp_path / "film.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for reader in (read, read_labels):
        with pytest.raises(RadiographError, match=r"is a damaged or truncated PNG \(it ends too early\)"):
            reader(tmp_path / "film.png")

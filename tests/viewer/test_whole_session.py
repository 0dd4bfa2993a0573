"""A whole session in a real window: napari outlives the layers that the plugin draws."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from napari_weld_fcn.radiograph.output import write_png

SESSION = Path(__file__).with_name("session_with_windows.py")


def test_sample_crops_everything_deleted_and_a_film_opened(tmp_path: Path, film: np.ndarray) -> None:
    write_png(tmp_path / "weld.png", film)
    done = subprocess.run(
        [sys.executable, str(SESSION), str(tmp_path / "weld.png")],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "stale: []" in done.stdout
    assert "on top: True" in done.stdout

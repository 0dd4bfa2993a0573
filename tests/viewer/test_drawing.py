"""Layers may be removed in any order, and what is left is drawn."""

import subprocess
import sys
from pathlib import Path


def test_a_viewer_outlives_the_removal_of_each_kind_of_layer() -> None:
    run = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "removing.py")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]

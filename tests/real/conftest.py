"""The real radiographs, whose licence keeps them outside the repository.

They are looked for in `WELD_FCN_REAL_DATA` or in `shared/data` beside the repository; without them every test
of this folder is skipped, with the reason.
"""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("WELD_FCN_REAL_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real radiographs."""
    if not FOLDER.is_dir():
        pytest.skip(f"the real radiographs (see CONTRIBUTING.md) are not in {FOLDER}")
    return FOLDER

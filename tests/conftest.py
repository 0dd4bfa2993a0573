"""What every test stands on: no user's own models or napari settings, the same examples on every run."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# A widget that outlives its test is a fault; layers are touched on the main thread alone.
os.environ.setdefault("NAPARI_STRICT_QT", "raise")
os.environ.setdefault("NAPARI_ENSURE_PLUGIN_MAIN_THREAD", "1")

settings.register_profile("steady", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side, give a file to one process, and all that open windows to the same one."""
    for item in items:
        shown = {"qtbot", "make_napari_viewer"} & set(getattr(item, "fixturenames", ()))
        group = "screen" if shown or "viewer" in item.path.parts else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def own_models(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty folder in place of the user's own models."""
    folder = tmp_path_factory.mktemp("models")
    monkeypatch.setenv("WELD_FCN_MODELS", str(folder))
    return folder


#: Seconds that `_work` takes on the quiet machine on which limits of time in tests were set.
_REFERENCE = 0.011


def _work() -> None:
    for _ in range(10):
        sorted(str(number) for number in range(5_000))


@pytest.fixture(scope="session")
def slowness() -> Callable[[], float]:
    """Return what says how many times longer work takes now than where limits were set; 1 at least.

    A limit in seconds fails on a machine that is slow, or has other work, whatever the program does; so what
    a test has measured is divided by this, asked for at once.
    """

    def measured() -> float:
        taken = []
        for _ in range(9):
            start = time.perf_counter()
            _work()
            taken.append(time.perf_counter() - start)
        return max(1.0, statistics.median(taken) / _REFERENCE)

    return measured

"""The tiny experiment, done once for all tests, and its script."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from napari_weld_fcn.events import Event, JobControl
from napari_weld_fcn.reproduction.experiment import Reproduction, reproduce

SCRIPT = Path(__file__).with_name("tiny.py")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums in one order, as in the process that is killed."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tiny", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def events() -> list[Event]:
    """What the experiment told."""
    return []


@pytest.fixture(scope="session")
def unbroken(tiny: ModuleType, events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Reproduction:
    """The tiny experiment that nothing disturbed."""
    out = tmp_path_factory.mktemp("unbroken") / "out"
    return reproduce(out, tiny.SETTINGS, plan=tiny.PLAN, job=JobControl(events.append))

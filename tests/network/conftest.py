from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings

SMALL = NetworkSettings(kind="autoencoder", width=4, depth=1)


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Networks of four channels spend longer waiting for a second thread than computing."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def model() -> Model:
    return Model.create(Card(name="small", network=SMALL, threshold=0.4, scores={"f1": 0.7}), seed=3)


@pytest.fixture
def saved(model: Model, tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    model.save(path)
    return path

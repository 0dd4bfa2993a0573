"""Small untrained models, whose probabilities nevertheless spread over 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.network.settings import NetworkSettings


def make_lively(kind: str, width: int = 8, activation: str = "selu", **card: object) -> Model:
    """Return an untrained model whose batch normalisation and head make its probabilities vary."""
    settings = NetworkSettings(kind=kind, width=width, activation=activation)
    model = Model.create(Card(name=f"test {kind}", network=settings, **card), seed=1)
    draw = torch.Generator().manual_seed(2)
    for layer in model.network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.2, generator=draw)
            layer.running_var.uniform_(0.5, 1.5, generator=draw)
    with torch.no_grad():
        model.network.head.weight.mul_(3)
        model.network.head.bias.zero_()
    model.network.eval()
    return model


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Small windows gain nothing from threads, and lose much on a machine that has other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def models() -> dict[str, Model]:
    return {kind: make_lively(kind) for kind in ("fcn", "autoencoder")}


@pytest.fixture(scope="session")
def lively() -> Callable[..., Model]:
    return make_lively


@pytest.fixture(scope="session")
def whole() -> Callable[..., np.ndarray]:
    """The network on the whole image at once, unfolded, in float32: what tiles must reproduce."""

    def run(model: Model, pixels: np.ndarray) -> np.ndarray:
        from napari_weld_fcn.radiograph.normalisation import measure

        image = torch.from_numpy(measure(pixels).apply(pixels))
        with torch.inference_mode():
            return model.network(image[None, None]).sigmoid()[0, 0].numpy()

    return run


def grain(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Return a noisy 8-bit film with some dark spots."""
    draw = np.random.default_rng(seed)
    film = draw.normal(140, 12, (rows, columns))
    for _ in range(max(1, rows * columns // 4000)):
        row, column, radius = draw.integers(rows), draw.integers(columns), draw.integers(2, 6)
        y, x = np.ogrid[:rows, :columns]
        film -= 60 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / radius**2)
    return np.clip(film, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def film() -> Callable[..., np.ndarray]:
    return grain

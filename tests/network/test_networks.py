"""Claims that hold for every network of the registry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.registry import build, register_network
from napari_weld_fcn.network.settings import FILES, NetworkSettings, own_settings
from napari_weld_fcn.network.stage import PRIOR_LOGIT, ScaledELU, Stage
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.settings import setting

KINDS = FILES


@pytest.mark.parametrize("kind", KINDS)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40))
@settings(max_examples=8, deadline=None)
def test_logits_have_the_size_of_any_input(kind: str, rows: int, columns: int) -> None:
    network = build(NetworkSettings(kind=kind, width=4)).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 1, rows, columns)).shape == (2, 1, rows, columns)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["selu", "elu", "relu"])
@pytest.mark.parametrize("normalisation", ["batch", "none"])
def test_every_weight_learns(kind: str, activation: str, normalisation: str) -> None:
    torch.manual_seed(0)
    network = build(NetworkSettings(kind=kind, width=4, activation=activation, normalisation=normalisation))
    loss = network(torch.randn(2, 1, 32, 32)).square().mean()
    loss.backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert bool(torch.isfinite(weight.grad).all()), name
        assert float(weight.grad.abs().max()) > 0, name


@pytest.mark.parametrize("kind", KINDS)
def test_an_untrained_network_believes_in_the_prior(kind: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 1, 64, 64)
    logits = build(NetworkSettings(kind=kind))(x)
    assert float(logits.detach().mean()) == pytest.approx(PRIOR_LOGIT, abs=0.3)
    other = build(NetworkSettings(kind=kind), prior_logit=1.0)(x)
    assert float(other.detach().mean()) == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize("kind", KINDS)
def test_selu_without_normalisation_keeps_the_variance_through_the_network(kind: str) -> None:
    torch.manual_seed(0)
    network = build(NetworkSettings(kind=kind, width=32, normalisation="none", dropout=0.05)).train()
    variances: dict[str, float] = {}
    for name, stage in network.named_modules():
        if isinstance(stage, Stage):
            stage.register_forward_hook(
                lambda _stage, _inputs, output, name=name: variances.update(
                    {name: float(output.detach().var())}
                )
            )
    with torch.no_grad():
        network(torch.randn(2, 1, 192, 192))  # so large that the padding of the coarse level counts little
    assert len(variances) >= 6
    assert all(0.6 < variance < 1.5 for variance in variances.values()), variances


@pytest.mark.parametrize("kind", KINDS)
def test_relu_without_normalisation_would_lose_it_from_the_same_weights(kind: str) -> None:
    torch.manual_seed(0)
    selu = build(NetworkSettings(kind=kind, normalisation="none"))
    relu = build(NetworkSettings(kind=kind, normalisation="none", activation="relu"))
    first = next(stage for stage in relu.modules() if isinstance(stage, Stage)).convolution.weight
    lecun = next(stage for stage in selu.modules() if isinstance(stage, Stage)).convolution.weight
    assert float(first.detach().var() / lecun.detach().var()) == pytest.approx(2, rel=0.5)


def test_dropout_is_alpha_dropout_beside_selu_and_absent_beside_batch_normalisation() -> None:
    def kinds(**values: object) -> set[type[nn.Module]]:
        network = build(NetworkSettings.model_validate({"kind": "fcn", "width": 4, "dropout": 0.1, **values}))
        return {type(layer) for layer in network.modules()}

    assert nn.AlphaDropout in kinds(normalisation="none", activation="selu")
    assert nn.Dropout in kinds(normalisation="none", activation="relu")
    assert not {nn.AlphaDropout, nn.Dropout} & kinds(normalisation="batch")


def test_scaled_elu_with_the_usual_constants_is_selu() -> None:
    defaults = NetworkSettings()
    x = torch.linspace(-5, 5, 101)
    assert torch.allclose(ScaledELU(defaults.alpha, defaults.scale)(x), nn.functional.selu(x))


def test_other_constants_of_selu_reach_the_network() -> None:
    network = build(NetworkSettings(kind="fcn", width=4, alpha=1.0, scale=2.0))
    activations = [layer for layer in network.modules() if isinstance(layer, ScaledELU)]
    assert len(activations) == 6
    assert float(activations[0](torch.tensor(3.0))) == 6.0


def test_the_fcn_is_the_papers() -> None:
    network = build(NetworkSettings(kind="fcn"))
    stages = [layer for layer in network.modules() if isinstance(layer, Stage)]
    assert [stage.convolution.dilation[0] for stage in stages] == [1, 1, 2, 4, 8, 1]
    assert [[type(layer) for layer in stage] for stage in stages] == [
        [nn.Conv2d, nn.BatchNorm2d, nn.SELU]
    ] * 6
    assert {stage.convolution.out_channels for stage in stages} == {24}


def test_the_autoencoder_is_no_larger_than_its_budget() -> None:
    network = build(NetworkSettings(kind="autoencoder"))
    assert 200_000 < sum(weight.numel() for weight in network.parameters()) < 500_000


def test_names_of_the_tensors_stay_as_they_are() -> None:
    fcn = build(NetworkSettings(kind="fcn", width=4)).state_dict()
    autoencoder = build(NetworkSettings(kind="autoencoder", width=4)).state_dict()
    assert {"stages.0.convolution.weight", "stages.5.norm.running_var", "head.bias"} <= fcn.keys()
    assert {
        "encoder.0.0.convolution.weight",
        "encoder.1.1.norm.weight",
        "coarse.3.convolution.weight",
        "expand.1.bias",
        "merge.0.norm.bias",
        "head.weight",
    } <= autoencoder.keys()


def test_a_new_network_is_one_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(own_settings, "line", NetworkSettings)

    class LineSettings(NetworkSettings):
        kind: str = setting("line", "A single convolution")
        reach: int = setting(2, "Pixels to either side", ge=1)

    @register_network("line", LineSettings)
    class Line(nn.Module):
        def __init__(self, settings: LineSettings, prior_logit: float) -> None:
            super().__init__()
            self.only = nn.Conv2d(1, 1, 2 * settings.reach + 1, padding=settings.reach)
            nn.init.constant_(self.only.bias, prior_logit)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.only(x)

    made = Model.create(Card(name="line", network=LineSettings(reach=3)))
    made.save(tmp_path / "line.safetensors")
    read = Model.load(tmp_path / "line.safetensors")
    assert isinstance(read.network, Line)
    assert read.card.network == LineSettings(reach=3)
    assert (read.halo, read.stride) == (3, 1)
    pixels = np.random.default_rng(0).normal(100, 9, (50, 70)).astype(np.float32)
    whole, tiled = (predict(pixels, read, PredictionSettings(tile=tile)).probability for tile in (0, 16))
    assert np.allclose(whole, tiled, atol=1e-5)


def test_a_name_without_a_network_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValidationError, match="autoencoder, fcn or unet"):
        NetworkSettings(kind="other")

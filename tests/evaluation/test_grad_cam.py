"""What drew an indication: near it, nothing beyond the reach, whatever the window."""

import numpy as np
import pytest
import torch

from napari_weld_fcn.errors import RadiographError, SettingsError, Stopped
from napari_weld_fcn.evaluation import grad_cam as module
from napari_weld_fcn.evaluation.feature_maps import stages_of, view_of
from napari_weld_fcn.evaluation.grad_cam import grad_cam
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.events import ALONE, JobControl
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.radiograph import Box, Radiograph

KINDS = {
    "fcn": NetworkSettings(kind="fcn", width=6, dilations=(1, 2, 4)),
    "autoencoder": NetworkSettings(kind="autoencoder", width=4, depth=2),
    "relu": NetworkSettings(kind="fcn", width=6, dilations=(1, 2), activation="relu"),
}
PLACE = np.s_[120:126, 190:198]


@pytest.fixture(scope="module", params=sorted(KINDS))
def model(request):
    made = Model.create(Card(name=request.param, network=KINDS[request.param], threshold=0.5), seed=1)
    draw = torch.Generator().manual_seed(2)
    for layer in made.network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.2, generator=draw)
            layer.running_var.uniform_(0.5, 1.5, generator=draw)
    made.network.eval()
    return made


@pytest.fixture(scope="module")
def pixels():
    made = np.random.default_rng(0).normal(130, 6, (300, 420))
    made[PLACE] -= 80
    return made.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def indication(pixels):
    marked = np.zeros(pixels.shape, bool)
    marked[PLACE] = True
    return marked


def test_every_stage_has_a_map_on_the_films_own_pixels(model, pixels, indication):
    found = grad_cam(pixels, indication, model)
    assert sorted(found) == sorted(stages_of(model.network))
    for values in found.values():
        assert values.shape == pixels.shape and values.dtype == np.float32
        assert values.min() == 0 and values.max() in (0, 1)
    assert max(values.max() for values in found.values()) == 1


def test_nothing_beyond_the_reach_drew_it(model, pixels, indication):
    found = grad_cam(pixels, indication, model)
    (top, bottom), (left, right) = ((s.start, s.stop) for s in PLACE)
    halo, stride = model.halo, model.stride
    beyond = np.ones(pixels.shape, bool)
    beyond[
        max(top - halo - stride, 0) : bottom + halo + stride,
        max(left - halo - stride, 0) : right + halo + stride,
    ] = False
    assert beyond.any()
    assert not any(values[beyond].any() for values in found.values())


def test_last_stage_drew_it_nowhere_but_there(model, pixels, indication):
    """The head looks at one sample, and a sample of the coarser grid is two pixels wide."""
    last = list(grad_cam(pixels, indication, model).values())[-1]
    assert not last[~indication].any()


@pytest.mark.parametrize("name", ["default", "fcn"])
def test_map_of_a_shipped_model_is_larger_near_the_indication_than_far_from_it(name):
    rows, columns = np.indices((300, 420))
    pore = np.hypot(rows - 123, columns - 194) < 5
    pixels = np.random.default_rng(0).normal(130, 6, pore.shape) - 40 * pore
    labels = predict(pixels.astype(np.uint8), name).labels
    found = grad_cam(pixels.astype(np.uint8), labels == labels[123, 194], name)
    distance = np.maximum(np.abs(rows - 123), np.abs(columns - 194))
    near, far = distance < 8, (distance > 20) & (distance < 60)
    summed = sum(found.values())
    assert labels[123, 194] and summed[near].mean() > 4 * summed[far].mean()
    assert all(values[near].mean() > values[far].mean() for values in list(found.values())[-3:])


def test_window_of_any_size_gives_the_same(model, pixels, indication):
    found = grad_cam(pixels, indication, model)
    view = view_of(Radiograph(pixels), model, FeatureSettings())
    whole = Box(0, 0, *pixels.shape)
    for stage, values in module._maps(view, indication, model, FeatureSettings(), whole, ALONE).items():
        np.testing.assert_allclose(found[stage], values, atol=1e-4)


def test_indication_at_the_border_of_a_film_of_odd_size_is_drawn(model, pixels):
    odd = pixels[:121, :199]
    marked = np.zeros(odd.shape, bool)
    marked[119:, 196:] = True
    assert all(values.shape == odd.shape for values in grad_cam(odd, marked, model).values())


def test_each_sample_is_weighed_by_its_own_gradient(model, pixels, indication):
    """By the definition on the whole film, with the network as it is trained: not folded."""
    network, name = model.network, stages_of(model.network)[-1]
    kept = []
    hook = network.get_submodule(name).register_forward_hook(lambda *called: kept.append(called[-1]))
    values = measure(pixels).apply(pixels)
    logits = network(torch.from_numpy(values)[None, None].requires_grad_())[0, 0]
    hook.remove()
    (gradient,) = torch.autograd.grad(logits[torch.from_numpy(indication)].sum(), kept)
    reached = torch.relu(torch.einsum("crk,crk->rk", gradient[0], kept[0][0].detach()))
    step = -(-pixels.shape[0] // reached.shape[0])
    expected = (reached / reached.max()).numpy().repeat(step, 0)[:300].repeat(step, 1)[:, :420]
    found = grad_cam(pixels, indication, model, FeatureSettings(stage=name))
    assert list(found) == [name]
    np.testing.assert_allclose(found[name], expected, atol=1e-4)


def test_bright_flaws_are_drawn_from_the_negative(model, pixels, indication):
    dark = grad_cam(pixels, indication, model)
    bright = grad_cam(255 - pixels, indication, model, FeatureSettings(polarity="bright"))
    for stage, values in dark.items():
        np.testing.assert_allclose(bright[stage], values, atol=1e-3)


def test_what_cannot_be_drawn_is_told(model, pixels, indication, monkeypatch):
    with pytest.raises(SettingsError, match="No pixel"):
        grad_cam(pixels, np.zeros(pixels.shape, bool), model)
    with pytest.raises(RadiographError, match=r"\(5, 5\)"):
        grad_cam(pixels, np.ones((5, 5), bool), model)
    with pytest.raises(SettingsError, match="nowhere"):
        grad_cam(pixels, indication, model, FeatureSettings(stage="nowhere"))
    with pytest.raises(Stopped):
        grad_cam(pixels, indication, model, job=JobControl(should_stop=lambda: True))
    monkeypatch.setattr(module, "MOST_PIXELS", 100)
    with pytest.raises(SettingsError, match="choose a smaller one"):
        grad_cam(pixels, indication, model)

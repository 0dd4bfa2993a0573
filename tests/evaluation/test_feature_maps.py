"""What stages respond to: the same by tiles as whole, in the image's place, as large as the image."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_weld_fcn.errors import RadiographError, SettingsError, Stopped
from napari_weld_fcn.evaluation.feature_maps import feature_maps, stages_of
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.events import JobControl, TileDone
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.radiograph import Box

KINDS = {
    "fcn": NetworkSettings(kind="fcn", width=6, dilations=(1, 2, 4)),
    "autoencoder": NetworkSettings(kind="autoencoder", width=4, depth=2),
}


@pytest.fixture(scope="module")
def models():
    made = {}
    draw = torch.Generator().manual_seed(2)
    for kind, network in KINDS.items():
        made[kind] = Model.create(Card(name=kind, network=network, threshold=0.5), seed=1)
        for layer in made[kind].network.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.2, generator=draw)
                layer.running_var.uniform_(0.5, 1.5, generator=draw)
        made[kind].network.eval()
    return made


def film(rows, columns, seed=0):
    draw = np.random.default_rng(seed)
    pixels = draw.normal(130, 15, (rows, columns))
    pixels[rows // 3 : rows // 3 + 4, columns // 4 : columns // 4 + 6] -= 80
    return pixels.clip(0, 255).astype(np.uint8)


@given(
    kind=st.sampled_from(sorted(KINDS)),
    rows=st.integers(9, 90),
    columns=st.integers(9, 90),
    tile=st.integers(1, 70),
    show=st.sampled_from(["mean", "strongest", "channel"]),
)
@settings(max_examples=15)
def test_tiles_equal_the_whole_film_for_any_size(models, kind, rows, columns, tile, show):
    if rows * columns > 20 * tile**2:
        tile = 24
    pixels = film(rows, columns)
    whole = feature_maps(pixels, models[kind], FeatureSettings(show=show, channel=2, tile=8192))
    tiled = feature_maps(pixels, models[kind], FeatureSettings(show=show, channel=2, tile=tile))
    assert whole.keys() == tiled.keys()
    for stage, values in whole.items():
        assert values.shape == pixels.shape and values.dtype == np.float32
        np.testing.assert_allclose(tiled[stage], values, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_stages_are_called_as_the_networks_modules(models, kind):
    names = stages_of(models[kind].network)
    modules = dict(models[kind].network.named_modules())
    assert len(names) == len(set(names)) and set(names) <= modules.keys()
    found = list(feature_maps(film(40, 50), models[kind]))
    assert sorted(found) == sorted(names)
    first, last = {"fcn": ("stages.0", "stages.2"), "autoencoder": ("encoder.0.0", "merge.0")}[kind]
    assert (found[0], found[-1]) == (first, last)


def test_values_are_magnitudes_over_their_root_mean_square(models):
    """From the definition, with the network as it is trained: not folded, the whole film at once."""
    model, pixels = models["fcn"], film(50, 60)
    responses = {}

    def hook(layer, inputs, result):
        responses["stages.1"] = result[0].double().numpy().copy()

    handle = model.network.stages[1].register_forward_hook(hook)
    with torch.inference_mode():
        model.network(torch.from_numpy(measure(pixels).apply(pixels))[None, None])
    handle.remove()
    found = np.abs(responses["stages.1"])
    relative = found / np.sqrt(np.mean(found**2, axis=(1, 2), keepdims=True))
    for show, expected in {
        "mean": relative.mean(0),
        "strongest": relative.max(0),
        "channel": relative[3],
    }.items():
        maps = feature_maps(pixels, model, FeatureSettings(show=show, channel=3, stage="stages.1"))
        assert list(maps) == ["stages.1"]
        np.testing.assert_allclose(maps["stages.1"], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_response_lies_where_its_cause_is(models, kind):
    """What a single pixel changes is around that pixel, on whatever grid the stage works."""
    blank = np.full((96, 128), 120, np.uint8)
    dotted = blank.copy()
    dotted[40, 72] = 10
    for stage in ("stages.0", "encoder.0.0"):
        if stage not in stages_of(models[kind].network):
            continue
        values = feature_maps(dotted, models[kind], FeatureSettings(stage=stage))[stage]
        inside = values[24:72, 40:104]  # away from the padded border
        away = np.abs(inside - np.median(inside))
        rows, columns = np.nonzero(away > 0.5 * away.max())
        assert abs(rows.mean() + 24 - 40) < 3 and abs(columns.mean() + 40 - 72) < 3


def test_bright_polarity_sees_the_negated_film(models):
    pixels = film(40, 50)
    bright = feature_maps(pixels, models["fcn"], FeatureSettings(polarity="bright"))
    negated = feature_maps(255.0 - pixels, models["fcn"])
    assert bright["stages.0"] == pytest.approx(negated["stages.0"], abs=1e-2)


def test_what_is_not_there_is_refused_with_what_is(models):
    with pytest.raises(SettingsError, match=r"Stage stages\.9: the network has none; it has stages\.0, "):
        feature_maps(film(20, 20), models["fcn"], FeatureSettings(stage="stages.9"))
    with pytest.raises(SettingsError, match=r"Channel 6: stage stages\.0 has 6 channels, 0 to 5"):
        feature_maps(film(20, 20), models["fcn"], FeatureSettings(show="channel", channel=6))
    with pytest.raises(RadiographError, match="is a stack of 2 planes"):
        feature_maps(np.zeros((2, 9, 9), np.uint16), models["fcn"])


def test_it_tells_its_tiles_and_stops_when_asked(models):
    events = []
    feature_maps(film(40, 90), models["fcn"], FeatureSettings(tile=32), job=JobControl(events.append))
    assert events == [TileDone(done, 12) for done in range(1, 13)]
    asked = iter([False] * 5 + [True] * 100)
    with pytest.raises(Stopped):
        feature_maps(film(40, 90), models["fcn"], job=JobControl(should_stop=lambda: next(asked)))


def test_the_model_is_left_as_it_is(models):
    before = models["autoencoder"].sha256
    feature_maps(film(40, 50), models["autoencoder"])
    assert models["autoencoder"].sha256 == before
    assert not any(layer._forward_hooks for layer in models["autoencoder"].network.modules())


MEMORY = """
import resource
import numpy as np
from napari_weld_fcn import Model, feature_maps
film = np.random.default_rng(0).normal(120, 10, (1500, 4000)).astype(np.uint8)
model = Model.load("{model}")
feature_maps(film[:64, :64], model)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
maps = feature_maps(film, model)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, sum(each.nbytes for each in maps.values()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("model", ["default", "fcn"])
def test_a_large_film_takes_under_a_gigabyte_besides_its_maps(model):
    pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", MEMORY.format(model=model)], capture_output=True, text=True, check=True
    )
    kilobytes, maps = map(int, done.stdout.split())
    assert kilobytes * 1024 - maps < 1e9


@pytest.mark.parametrize("kind", KINDS)
def test_channel_in_a_region_is_that_of_the_film_but_for_its_scale(models, kind):
    pixels, region = film(90, 110), Box(30, 41, 62, 80)
    one = FeatureSettings(show="channel", channel=1)
    whole = feature_maps(pixels, models[kind], one)
    for stage, values in feature_maps(pixels, models[kind], one, region=region).items():
        inside, there = values[region.slices], whole[stage][region.slices]
        assert inside.any() and np.count_nonzero(values) == np.count_nonzero(inside)
        np.testing.assert_allclose(inside * there.max(), there * inside.max(), rtol=1e-3, atol=1e-4)


def test_several_stages_are_named_with_commas_and_come_in_the_networks_order(models):
    found = feature_maps(film(20, 20), models["fcn"], FeatureSettings(stage="stages.2, stages.0"))
    assert list(found) == ["stages.0", "stages.2"]

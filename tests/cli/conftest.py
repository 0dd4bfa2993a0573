"""A small untrained model, small films, and the command in this process."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_weld_fcn.cli.app import app
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.output import write_png


@pytest.fixture
def weld_fcn():
    """Run `weld-fcn ARGUMENTS`; return its result, with the JSON object as `json` where there is one."""

    def run(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        result.json = json.loads(result.stdout) if "--json" in arguments and result.stdout else None
        return result

    return run


@pytest.fixture
def tiny(own_models):
    """An own model called `tiny`, by its name."""
    card = Card(name="tiny", network=NetworkSettings(kind="fcn", width=4, dilations=(1, 1)), threshold=0.02)
    Model.create(card).save(own_models / "tiny.safetensors")
    return "tiny"


def film(rows=96, columns=128, seed=0):
    return np.random.default_rng(seed).normal(120, 8, (rows, columns)).astype(np.uint8)


@pytest.fixture
def films(tmp_path):
    """A folder with the films a.png and b.png."""
    folder = tmp_path / "films"
    folder.mkdir()
    for seed, name in enumerate("ab"):
        write_png(folder / f"{name}.png", film(seed=seed), 0.04)
    return folder

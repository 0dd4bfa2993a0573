"""The script that makes the shipped models, with a fit of a few steps."""

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_shipped.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_shipped", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["default", "fcn"])
def test_a_model_is_made_and_a_finished_fit_gives_it_again(
    script: ModuleType, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = script.RECIPES[name]
    short = script.Recipe(
        recipe.network.model_copy(update={"width": 8}),
        recipe.fit.model_copy(
            update={"steps": 80, "batch": 8, "validate_every": 40, "warm_up": 2, "averaging": 0.5}
        ),
        recipe.patches.model_copy(update={"rows": 64, "columns": 64}),
        recipe.seen,
    )
    monkeypatch.setattr(script, "batches", _here(script))
    first = script.make(name, short, tmp_path, seed=3, validations=6)
    assert first.card.seed == 3
    assert set(first.card.thresholds) == {"f1", "false_calls"}
    assert first.card.recipe["fit"]["steps"] == 80
    again = script.make(name, short, tmp_path, seed=3, validations=6)
    assert again.sha256 == first.sha256
    kept = sorted((tmp_path / name / "phase_1").glob("step_*.safetensors"))
    assert [Model.load(path).card.network for path in kept] == [short.network] * 2


def test_the_mean_of_phases_is_that_of_their_weights(script: ModuleType) -> None:
    settings = NetworkSettings(kind="unet", width=8, depth=3)
    recipe = dataclasses.replace(script.RECIPES["default"], network=settings)
    phases = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        card = Card(name="phase", network=settings, threshold=0.5)
        phases.append(Model.create(card, build(settings)))
    mean = script.averaged("default", recipe, phases, seed=0, validations=4)
    first, second = (phase.network.state_dict() for phase in phases)
    for key, value in mean.network.state_dict().items():
        if value.dtype.is_floating_point:
            assert torch.allclose(value, (first[key] + second[key]) / 2)
    (said,) = script.phases_of(mean)
    assert said["mean_of_phases"] == [0, 0]
    assert script.steps_before(script.phases_of(mean), 10) == 0


def test_the_next_phase_begins_after_the_patches_that_were_shown(script: ModuleType) -> None:
    scores = script.Validated(step=7, f1=0.5, precision=0.5, recall=0.5, threshold=0.5, flaw_share=0.1)
    recipe = script.RECIPES["default"]
    phases = [script.phase_of(scores, recipe)] * 2
    shown = 2 * 7 * recipe.fit.batch
    assert script.steps_before([], 16) == 0
    for batch in (1, 3, recipe.fit.batch, 16):
        first = script.steps_before(phases, batch)
        assert first * batch >= shown > (first - 1) * batch


def test_a_phase_goes_on_from_the_weights_of_the_one_before(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = script.RECIPES["default"]
    short = script.Recipe(
        recipe.network.model_copy(update={"width": 8}),
        recipe.fit.model_copy(
            update={"steps": 80, "batch": 8, "validate_every": 40, "warm_up": 2, "averaging": 0.5}
        ),
        recipe.patches.model_copy(update={"rows": 64, "columns": 64}),
        recipe.seen,
    )
    asked: list[int] = []

    def batches(start, stop, size, **others):
        for step, batch in enumerate(_here(script)(start, stop, size, **others), start):
            asked.append(step)
            yield batch

    monkeypatch.setattr(script, "batches", batches)
    first = script.make("default", short, tmp_path, seed=3, validations=6)
    still = script.Recipe(
        short.network,
        short.fit.model_copy(update={"steps": 1, "learning_rate": 1e-9}),
        short.patches,
        short.seen,
    )
    second = script.make("default", still, tmp_path, seed=3, validations=6, start=first)
    assert asked[-1] == first.card.recipe["phases"][0]["patches_shown"] // still.fit.batch
    assert len(second.card.recipe["phases"]) == 2
    before, after = first.network.state_dict(), second.network.state_dict()
    weights = [name for name in before if name.endswith("convolution.weight")]
    assert weights and all(float((before[name] - after[name]).abs().max()) < 1e-4 for name in weights)


def test_a_phase_of_pairs_stays_near_the_model_shows_new_patches_and_says_what_it_taught(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = script.RECIPES["default"]
    start = Model.load("default")
    short = dataclasses.replace(
        recipe,
        fit=script.PAIRS.model_copy(update={"steps": 4, "batch": 4, "validate_every": 4, "averaging": 0.5}),
        patches=recipe.patches.model_copy(update={"rows": 64, "columns": 64}),
    )
    here, asked = _here(script), []

    def batches(start, stop, size, **more):
        asked.append(start * size)
        return here(start, stop, size, **more)

    monkeypatch.setattr(script, "batches", batches)
    after = script.make("default", short, tmp_path, seed=3, validations=4, start=start, pairs=True)
    assert asked[0] >= sum(phase["patches_shown"] for phase in start.card.recipe["phases"])
    assert "without letters" in after.card.recipe["phases"][-1]["target"]
    before, now = start.network.state_dict(), after.network.state_dict()
    moved = [name for name in before if not torch.equal(before[name], now[name])]
    assert moved and not any("running" in name for name in moved)
    assert all(float((before[name] - now[name]).abs().max()) < 0.01 for name in moved)


def _here(script: ModuleType):
    """The same batches, made in this process: starting workers is tested with the patches."""

    def batches(start, stop, size, *, seed, simulation, settings, make):
        for step in range(start, stop):
            yield make(range(step * size, (step + 1) * size), simulation, settings)

    return batches

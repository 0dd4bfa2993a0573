"""The script that makes the shipped models, with a fit of a few steps."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from napari_weld_fcn.network.model import Model

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
            update={"steps": 40, "batch": 4, "validate_every": 20, "warm_up": 2, "averaging": 0.5}
        ),
        recipe.patches.model_copy(update={"rows": 64, "columns": 64}),
    )
    monkeypatch.setattr(script, "batches", _here(script))
    first = script.make(name, short, tmp_path, seed=3, validations=6)
    assert first.card.seed == 3
    assert set(first.card.thresholds) == {"f1", "false_calls"}
    assert first.card.recipe["fit"]["steps"] == 40
    again = script.make(name, short, tmp_path, seed=3, validations=6)
    assert again.sha256 == first.sha256
    kept = sorted((tmp_path / name).glob("step_*.safetensors"))
    assert [Model.load(path).card.network for path in kept] == [short.network] * 2


def _here(script: ModuleType):
    """The same batches, made in this process: starting workers is tested with the patches."""
    from napari_weld_fcn.training.patches import batch_of

    def batches(start, stop, size, *, seed, simulation):
        for step in range(start, stop):
            yield batch_of(range(step * size, (step + 1) * size), simulation, script.PatchSettings())

    return batches

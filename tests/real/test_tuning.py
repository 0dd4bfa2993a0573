"""A film's own convention is learned from a strip of it, and what the shipped model knows of others stays.

Steps and not seconds end these runs, so that a busy machine changes nothing; `benchmarks/tuning.py`, whose
functions these are, takes the time. The bounds are figures that were reached, rounded down.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from napari_weld_fcn.network.model import Model
from napari_weld_fcn.training.settings import TrainSettings

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tuning.py"


@pytest.fixture(scope="module")
def tuning() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tuning", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tuning"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_strip_is_learned_with_every_seed_and_other_films_are_kept(
    tuning: ModuleType, real_data: Path, tmp_path: Path
) -> None:
    before = tuning.found(real_data, Model.load("default"))
    after = [
        tuning.found(
            real_data,
            tuning.tuned(real_data, tmp_path / str(seed), TrainSettings(epochs=26, patience=0, seed=seed)),
        )
        for seed in range(5)
    ]
    half, others = ([getattr(each, name) for each in after] for name in ("half", "others"))
    assert np.mean(half) >= 0.91 and min(half) >= 0.89, half
    assert np.mean(others) >= before.others - 0.05, others
    assert all(each.clean <= 1 for each in after)


@pytest.mark.timeout(600)
def test_eight_epochs_learn_something_of_the_strip_and_forget_little(
    tuning: ModuleType, real_data: Path, tmp_path: Path
) -> None:
    before = tuning.found(real_data, Model.load("default"))
    settings = TrainSettings(epochs=8, patience=0, refit_on_all=False)
    after = tuning.found(real_data, tuning.tuned(real_data, tmp_path / "run", settings))
    assert after.half >= before.half + 0.02
    assert after.others >= before.others - 0.06
    assert after.clean <= 1


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_learning_the_whole_strip_makes_the_papers_network_better_and_ruins_it_never(
    tuning: ModuleType, real_data: Path, tmp_path: Path
) -> None:
    settings = TrainSettings(preset="paper", epochs=8, patience=0)
    halves = []
    for again in (False, True):
        asked = settings.model_copy(update={"refit_on_all": again})
        model = tuning.tuned(real_data, tmp_path / str(again) / "run", asked, "nothing")
        halves.append(tuning.found(real_data, model).half)
    assert halves[1] >= halves[0] >= 0.6, halves

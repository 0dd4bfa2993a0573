"""The benchmark of the training step trains with the program's own loop, and compares it as it says."""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.training.settings import PRESETS, RunSettings, TrainSettings

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "training.py"


def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("training_benchmark", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def printed(*options: str) -> dict[str, Any]:
    """Run the benchmark; its figures, each of which can be read in its sentences too."""
    run = subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=True)
    *sentences, figures = run.stdout.splitlines()
    found: dict[str, Any] = json.loads(figures)
    for preset in found["presets"]:
        assert any(f"ours is {preset['ratio']:.2f} x as fast" in line for line in sentences)
    return found


def test_turns_of_the_programs_own_loop_go_on_where_the_last_one_ended(dataset: Path, tmp_path: Path) -> None:
    script, preset = benchmark(), PRESETS["recommended"]
    about = RunSettings(
        train=TrainSettings(batch=4, device="cpu").chosen(from_model=False),
        network=preset.network,
        augmentation=preset.augmentation,
        split=SplitSettings(),
        pairs=12,
        pairs_sha256="",
    )
    network = Model.create(Card(name="new", network=about.network)).network
    in_turns = script.Ours(time.perf_counter, network, about, dataset, tmp_path / "turns", 9)
    at_once = script.Ours(time.perf_counter, network, about, dataset, tmp_path / "once", 9)
    for steps in (2, 3):
        in_turns.turn(steps)
    at_once.turn(5)
    assert [len(turn) for turn in in_turns.turns] == [1, 2]
    assert in_turns.losses == at_once.losses
    assert len(in_turns.losses) == 5


@pytest.mark.slow
def test_the_quick_benchmark_prints_a_ratio_for_each_preset() -> None:
    pytest.importorskip("kornia")
    found = printed("--quick", "--once")
    assert [preset["network"] for preset in found["presets"]] == ["fcn", "autoencoder"]
    for preset in found["presets"]:
        assert preset["ratio"] == pytest.approx(statistics.median(preset["ratios"]))
        assert min(preset["ours"], preset["plain"]) > 0


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_step_is_twice_as_fast_as_a_plain_loop_and_both_learn() -> None:
    pytest.importorskip("kornia")
    found = printed("--processor-time", "--steps", "4", "--rounds", "3")
    for preset in found["presets"]:
        assert preset["ratio"] >= 2, preset
        for first, last in preset["losses"].values():
            assert last < first

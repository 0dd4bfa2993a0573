from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "prediction.py"


def printed(*options: str) -> tuple[str, dict[str, Any]]:
    """The benchmark's sentences, and its figures."""
    run = subprocess.run(
        [sys.executable, str(BENCHMARK), *options], capture_output=True, text=True, check=True
    )
    *sentences, figures = run.stdout.splitlines()
    return "\n".join(sentences), json.loads(figures)


def check_ratios(text: str, found: dict[str, Any]) -> None:
    """Every ratio is that of the seconds beside it, and can be read in the sentences."""
    fcn = found["fcn"]
    ratios = {
        fcn["default_is_faster_by"]: found["default"]["total"],
        fcn["bfloat16"]["ratio"]: fcn["bfloat16"]["seconds"],
        fcn["float32"]["ratio"]: fcn["float32"]["seconds"],
    }
    for ratio, seconds in ratios.items():
        assert math.isfinite(ratio)
        assert ratio == pytest.approx(fcn["monai"] / seconds)
        assert f"{ratio:.1f} x faster" in text


def test_the_default_is_timed_and_compared_with_the_whole_image(models):
    sys.path.insert(0, str(BENCHMARK.parent))
    try:
        benchmark = importlib.import_module(BENCHMARK.stem)
    finally:
        sys.path.pop(0)
    pixels = benchmark.example(benchmark.QUICK)
    found = benchmark._whole_prediction(pixels, models["autoencoder"], 1)["default"]
    assert found["precision"] == "float32"
    assert found["difference"] < 1e-5
    assert min(found[span] for span in ("network", "labels", "table", "total")) > 0
    assert found["indications"] > 0


@pytest.mark.slow
def test_the_quick_benchmark_prints_ratios_and_is_exact():
    pytest.importorskip("monai")
    text, found = printed("--quick", "--once")
    assert found["shape"] == [160, 240]
    assert found["fcn"]["float32"]["difference"] < 1e-5
    check_ratios(text, found)


@pytest.mark.slow
def test_a_whole_film_takes_under_a_gigabyte_over_image_and_outputs_and_is_faster_than_monai():
    pytest.importorskip("monai")
    text, found = printed("--once")
    assert found["shape"] == [1500, 4000]
    assert found["fcn"]["float32"]["difference"] < 1e-5
    check_ratios(text, found)
    assert found["fcn"]["default_is_faster_by"] > 1
    over = found["memory"]["over_image_and_outputs_MB"]
    assert found["memory"]["outputs_MB"] == pytest.approx(48)
    assert 10 < over < 1000
    assert f"{over:.0f} MB" in text

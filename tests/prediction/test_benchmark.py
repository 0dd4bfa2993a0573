from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "prediction.py"


@pytest.mark.slow
def test_the_benchmark_prints_seconds_ratios_differences_and_memory():
    pytest.importorskip("monai")
    run = subprocess.run(
        [sys.executable, str(BENCHMARK), "--quick", "--once"], capture_output=True, text=True, check=True
    )
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["default"]["total"] > 0
    assert found["fcn"]["float32"]["difference"] < 1e-5
    assert found["fcn"]["float32"]["ratio"] > 0
    assert found["memory"]["over_image_and_outputs_MB"] < 1000

"""The page on the experiment tells what it does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from napari_weld_fcn.reproduction.plan import Plan
from napari_weld_fcn.reproduction.settings import PAIRS

PAGE = (Path(__file__).parents[2] / "docs" / "reproduction.md").read_text(encoding="utf-8")


def test_the_example_runs_and_shows_the_leak(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    exec(compile(example, "reproduction.md", "exec"), {"__name__": "__main__"})
    *by_film, at_random = capsys.readouterr().out.splitlines()
    assert len(by_film) == 3 and all(line.endswith(" 0% seen in training") for line in by_film)
    assert at_random.startswith("random-crops") and not at_random.endswith(" 0% seen in training")


def test_the_page_has_the_numbers_of_the_plan() -> None:
    plan = Plan()
    assert f"each of {len(plan.trainings)} trainings" in PAGE
    assert f"{plan.films * plan.crops.crops_per_film} crops" in PAGE
    assert f"{PAIRS:,} pairs".replace(",", " ") in PAGE

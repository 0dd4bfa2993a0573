"""The page on datasets tells what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.table import COLUMNS

PAGE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")


def test_the_example_runs_and_the_page_names_every_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    exec(compile(example, "datasets.md", "exec"), {"__name__": "__main__"})
    pairs, note, first = capsys.readouterr().out.splitlines()
    assert "pairs of (" in pairs and first
    assert "is alone and was cut in two" in note
    columns = pd.read_csv(tmp_path / "pairs" / "dataset.csv").columns
    named = {"gaussian_sigma", "poisson_sigma"} | set(re.findall(r"`(\w+)`", PAGE))
    assert set(columns) <= named
    assert set(COLUMNS) <= set(columns)


def test_the_page_has_the_defaults_and_kinds_of_the_split() -> None:
    fields = SplitSettings.model_fields
    assert f"`validation_share` ({fields['validation_share'].default})" in PAGE
    assert f"a `gap` of {fields['gap'].default} pixels" in PAGE
    for kind in fields["kind"].annotation.__args__:
        assert f"| `{kind}` |" in PAGE

"""What runs and their models are called, and what of a prediction is shown while a network learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.network import library
from napari_weld_fcn.viewer.train.run import check_name, free_name, reduced, runs_folder

DATE = "2026-11-30"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WELD_FCN_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@given(st.text(max_size=80))
def test_every_film_gives_a_name_that_a_model_may_have(subject: str) -> None:
    assert library.name_fault(free_name(subject, DATE)) is None


def test_a_name_is_neither_that_of_a_model_nor_of_a_run(runs: Path, one_model: Path) -> None:
    assert free_name("weld", DATE) == f"weld {DATE}"
    (runs / f"weld {DATE}").mkdir(parents=True)
    assert free_name("weld", DATE) == f"weld {DATE} 2"
    (one_model / f"weld {DATE} 2.safetensors").write_bytes(b"")
    assert free_name("weld", DATE) == f"weld {DATE} 3"
    assert free_name("TINY") == "TINY 2"


def test_names_that_are_taken_are_refused_whatever_their_case() -> None:
    with pytest.raises(ModelError, match="there already"):
        check_name("Tiny")
    with pytest.raises(ModelError, match="cannot be called"):
        check_name("")


def test_runs_lie_beside_the_users_models(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("WELD_FCN_RUNS", "WELD_FCN_MODELS"):
        monkeypatch.delenv(variable, raising=False)
    assert runs_folder().parent == library.own_folder().parent


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 400), st.integers(0, 9))
def test_reduced_prediction_is_small_and_hides_no_peak(rows: int, columns: int, most: int, seed: int) -> None:
    probability = np.random.default_rng(seed).random((rows, columns), np.float32)
    small, factor = reduced(probability, most)
    assert small.shape == (-(-rows // factor), -(-columns // factor))
    assert (rows // factor) * (columns // factor) <= most
    grown = np.kron(small, np.ones((factor, factor), np.float32))[:rows, :columns]
    assert (grown >= probability).all() and small.max() == probability.max()

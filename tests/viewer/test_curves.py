"""The curves of a training: bounded, whole, and right about which network is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.viewer.train.curves import MOST_DOTS, MOST_POINTS, Curves, Trace


@pytest.fixture
def curves(qtbot: Any) -> Curves:
    widget = Curves()
    qtbot.addWidget(widget)
    widget.show()
    return widget


@given(st.integers(1, 5 * MOST_POINTS))
def test_trace_is_bounded_and_keeps_the_whole_run(count: int) -> None:
    trace = Trace()
    for number in range(count):
        trace.add(number, 2.0 * number)
    assert 0 < len(trace.x) < MOST_POINTS
    assert trace.x == sorted(trace.x) and trace.x[0] <= 8
    assert trace.x[-1] >= count - 16
    np.testing.assert_allclose(np.array(trace.y), 2 * np.array(trace.x))


def test_a_long_run_is_drawn_in_a_moment(curves: Curves, slowness: Callable[[], float]) -> None:
    for step in range(50_000):
        curves.traces["loss"].add(step, 1 / (step + 1))
    for step in range(0, 50_000, 100):
        curves.add_scores(step, 0.5, 0.6, 0.4)
    taken = []
    for _ in range(3):  # others may hold the processor
        start = time.perf_counter()
        curves.draw()
        curves.grab()
        taken.append((time.perf_counter() - start) / slowness())
    assert min(taken) < 0.1, taken


def test_dots_are_drawn_while_there_are_few(curves: Curves) -> None:
    curves.add_scores(8, 0.5, 0.6, 0.4)
    curves.draw()
    assert curves._lines["F1"].opts["symbol"] == "o"
    for step in range(MOST_DOTS):
        curves.add_scores(16 + step, 0.5, 0.6, 0.4)
    curves.draw()
    assert curves._lines["F1"].opts["symbol"] is None


def test_the_star_is_on_the_network_that_is_kept(curves: Curves) -> None:
    curves.clear(margin=0.02)
    for step, f1 in ((8, 0.5), (16, 0.8), (24, 0.79), (32, 0.7)):
        curves.add_scores(step, f1, 0.8, 0.8)
    assert curves.best == (24, 0.79)
    assert "★ 0.790" in curves.score_text.text() and "F1 0.700" in curves.score_text.text()
    curves.clear()
    assert curves.best is None and curves.traces["F1"].x == []


def test_a_model_that_was_begun_with_keeps_the_star_until_it_is_beaten(curves: Curves) -> None:
    curves.clear(margin=0.02)
    curves.add_scores(0, 0.8, 0.8, 0.8)
    curves.add_scores(8, 0.79, 0.8, 0.8)
    assert curves.best == (0, 0.8)
    curves.add_scores(16, 0.81, 0.8, 0.8)
    assert curves.best == (16, 0.81)


def test_a_resumed_run_knows_the_model_that_it_began_with(curves: Curves) -> None:
    for step, f1 in ((10, 0.5), (20, 0.6)):
        curves.add_scores(step, f1, 0.9, f1)
    said = curves.score_text.text()
    curves.add_scores(0, 0.7, 0.9, 0.9)
    assert curves.best == (0, 0.7)
    assert curves.traces["F1"].x == [0, 10, 20]
    assert curves.score_text.text() == said.replace("★ 0.600", "★ 0.700")
    curves.add_scores(30, 0.8, 0.9, 0.9)
    assert curves.best == (30, 0.8)


def test_a_second_learning_is_no_line_back_to_the_first_step(curves: Curves) -> None:
    for step in (1, 2, 3, 1, 2):
        curves.add_loss(step, step / 10)
    assert curves.traces["loss"].x == [1, 2]
    assert curves.traces["loss before"].x == [1, 2, 3]
    curves.draw()
    curves.loss_plot.getViewBox().updateAutoRange()  # else only when it is painted
    assert curves.loss_plot.viewRange()[0][1] >= 3
    assert "in step 2" in curves.loss_text.text()

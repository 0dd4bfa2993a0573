"""How long napari's event loop stands still while films are predicted, cropped, augmented and trained with.

A heartbeat of 5 ms on the main thread records the longest time between two beats. Three spans of a
prediction are told apart, because only the first is ours alone: the prediction itself, from pixels to labels
and table, with PyTorch imported and the layers already there; making the layers, which is napari's upload of
a large image; and the first import of PyTorch, which holds Python's lock now and then. Of cropping and
augmenting, what follows the form (survey, gallery) and the job into a dataset folder are told, and apart from
them the job whose result becomes layers, which napari uploads. Beside the stalls stands the most memory that
each took over what there was when the films were shown (Linux). Of training, the time from its first step to
its end is told, once without and once with the layer that shows what the network predicts, and apart from it
the making of that layer.

    xvfb-run -a -s '-screen 0 1600x1000x24' python benchmarks/responsiveness.py
"""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from napari import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest

from napari_weld_fcn.events import JobControl, StepDone, TileDone
from napari_weld_fcn.viewer.augment import widget as augment_module
from napari_weld_fcn.viewer.augment.inputs import IN_ALL
from napari_weld_fcn.viewer.augment.widget import AugmentWidget
from napari_weld_fcn.viewer.crop import widget as crop_module
from napari_weld_fcn.viewer.crop.widget import CropWidget
from napari_weld_fcn.viewer.predict import widget as form_module
from napari_weld_fcn.viewer.predict.widget import PredictWidget
from napari_weld_fcn.viewer.train.run import Glimpse
from napari_weld_fcn.viewer.train.widget import TrainWidget

BEAT_MS = 5
MB = 1e6
#: Seconds that napari takes at most to make a layer.
SETTLES = 1.0


class Heartbeat:
    """The longest time between two beats of a timer, in seconds, with the moments it lay between."""

    def __init__(self) -> None:
        self._beats: list[float] = [time.perf_counter()]
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)

    def _beat(self) -> None:
        self._beats.append(time.perf_counter())

    def longest(self, start: float, stop: float) -> float:
        """Longest stall that touches the span from `start` to `stop`."""
        beats = np.array(self._beats)
        touching = (beats[1:] > start) & (beats[:-1] < stop)
        return float(np.diff(beats)[touching].max(initial=0.0))

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat while the block runs."""
        self._beats = [time.perf_counter()]
        self._timer.start()
        yield
        self._beat()
        self._timer.stop()


class Spans:
    """When the prediction began, when its first tile was done and when it ended."""

    def __init__(self) -> None:
        self.tiles: list[float] = []
        self.start = self.end = 0.0

    def predict(self, *args: Any, job: JobControl, **kwargs: Any) -> Any:
        """Take the place of the form's `predict` and note the time of each tile, in the job's thread."""

        def noting(event: Any) -> None:
            if isinstance(event, TileDone):
                self.tiles.append(time.perf_counter())
            job.tell(event)

        self.start = time.perf_counter()
        result = _predict(*args, job=job.heard_by(noting), **kwargs)
        self.end = time.perf_counter()
        return result


_predict = form_module.predict


def stalls(viewer: Viewer, form: PredictWidget, film: np.ndarray) -> dict[str, float]:
    """Predict `film` twice and return the longest stall of each span, in seconds.

    Parameters
    ----------
    viewer
        An empty viewer with the Predict form `form`.
    film
        ``(rows, columns)`` pixels.
    """
    viewer.add_image(film, name="film")
    heart, first, second = Heartbeat(), Spans(), Spans()
    torch_was_there = "torch" in sys.modules
    found: dict[str, float] = {}
    with heart.beating():
        start = time.perf_counter()
        _run(form, first)
        found["first import of torch"] = heart.longest(start, first.tiles[0]) if not torch_was_there else 0.0
    found["adding the layers"] = heart.longest(first.end, time.perf_counter())
    with heart.beating():
        _run(form, second)
    found["predicting"] = heart.longest(second.start, second.end)
    found["updating the layers"] = heart.longest(second.end, time.perf_counter())
    found["seconds of prediction"] = second.end - second.start
    found["tiles"] = float(len(second.tiles))
    return found


def crop_stalls(viewer: Viewer, form: CropWidget, films: int, film: np.ndarray) -> dict[str, float]:
    """Crop `films` films with the paper's preset; return the longest stall of each span, in seconds.

    Parameters
    ----------
    viewer
        An empty viewer with the Crop ROIs form `form`.
    films
        How many.
    film
        ``(rows, columns)`` pixels; each film is this one, shifted.
    """
    truth = (film > np.quantile(film[::16, ::16], 0.999)).astype(np.uint8)
    shifted = [np.roll(film, 37 * k, axis=1) for k in range(films)]
    viewer.add_image(np.stack(shifted), name="films")
    viewer.add_labels(np.stack([truth] * films), name="films mask")
    before = _held()
    form.inputs.preset.value = "paper"
    _at_rest(form)
    return _stalls_of(form, crop_module, {"survey_all": "surveying", "crop_all": "cropping"}, before)


def augment_stalls(form: AugmentWidget, total: int, shown: int) -> dict[str, float]:
    """Augment the crops that `crop_stalls` left in the viewer; return the longest stall of each span.

    Parameters
    ----------
    form
        The Augment form of that viewer.
    total
        How many pairs are written.
    shown
        How many pairs become layers.
    """
    before = _held()
    form.inputs.how.value = IN_ALL
    form.inputs.number.value = total
    _at_rest(form)
    return _stalls_of(
        form,
        augment_module,
        {"preview": "drawing the gallery", "augment_all": "augmenting"},
        before,
        lambda: setattr(form.inputs.number, "value", shown),
    )


def _stalls_of(
    form: CropWidget | AugmentWidget,
    module: ModuleType,
    jobs: dict[str, str],
    before: int,
    before_layers: Callable[[], object] = lambda: None,
) -> dict[str, float]:
    """Follow the form, do its job into a folder, and then into layers.

    `jobs` names the spans; `before` is the memory that is not theirs.
    """
    following, job = jobs.values()
    heart, spans, memory = Heartbeat(), {}, {}
    with tempfile.TemporaryDirectory() as folder, heart.beating():
        form.inputs.folder.value, form.inputs.as_layers.value = folder, False
        with _noting(module, jobs, spans), _peak(memory, job, before):
            form.following.begin()
            _at_rest(form)
            form.run()
            _at_rest(form)
        form.inputs.folder.value, form.inputs.as_layers.value = None, True
        before_layers()
        _at_rest(form)
        start = time.perf_counter()
        with _peak(memory, f"{job}, with its layers", before):
            form.run()
            _at_rest(form)
        end = time.perf_counter()  # what follows deletes thousands of files here, on the main thread
    found = {name: heart.longest(*spans[name]) for name in (following, job)}
    found[f"{job}, with its layers"] = heart.longest(start, end)
    return found | {f"seconds of {job}": spans[job][1] - spans[job][0]} | memory


def train_stalls(viewer: Viewer, form: TrainWidget, film: np.ndarray, start_from: str) -> dict[str, float]:
    """Train on `film` twice, for a few epochs; return the longest stall of each span, in seconds.

    Parameters
    ----------
    viewer
        An empty viewer with the Train form `form`.
    film
        ``(rows, columns)`` pixels; squares in it are the flaws.
    start_from
        A model, or ``"nothing"``.
    """
    truth, pixels = np.zeros(film.shape, np.uint8), film.copy()
    for row, column in np.random.default_rng(0).integers(0, np.array(film.shape) - 12, (200, 2)):
        truth[row : row + 12, column : column + 12] = 1
    pixels[truth > 0] //= 2
    viewer.add_image(pixels, name="film")
    viewer.add_labels(truth, name="film mask")
    form.inputs.start_from.value = start_from
    for name, value in {"epochs": 3, "batch": 4, "window": 128}.items():
        form.inputs.form.widgets[name].value = value
    QTest.qWait(1000)
    heart, found = Heartbeat(), {}
    for watch in (False, True):
        form.inputs.watch.value = watch
        moments = Moments(form)
        with heart.beating():
            form.run()
            _at_rest(form)
        if "Trained" not in form.jobs.status.text():
            raise RuntimeError(form.jobs.status.text())
        first = moments.glimpses[0] if watch else moments.start
        if watch:
            found["adding its heatmap"] = heart.longest(first, first + SETTLES)
        start = first + SETTLES if watch else moments.start
        found["training, heatmap updated" if watch else "training"] = heart.longest(start, moments.end)
        found[f"seconds of training{', heatmap updated' if watch else ''}"] = moments.end - start
    return found


class Moments:
    """When the form heard the first step of its run, each prediction to be shown, and the last step."""

    def __init__(self, form: TrainWidget) -> None:
        self.start = self.end = 0.0
        self.glimpses: list[float] = []
        self._hear = form.progress.hear
        form.progress.hear = self._noting  # type: ignore[method-assign]

    def _noting(self, event: Any, known: str) -> None:
        now = time.perf_counter()
        if isinstance(event, StepDone):
            self.start, self.end = self.start or now, now
        if isinstance(event, Glimpse):
            self.glimpses.append(now)
        self._hear(event, known)


@contextmanager
def _noting(
    module: ModuleType, jobs: dict[str, str], spans: dict[str, tuple[float, float]]
) -> Iterator[None]:
    """Note in `spans` when functions of a form's module begin and end, in their own thread."""
    own = {name: getattr(module, name) for name in jobs}

    def noting(name: str) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = own[name](*args, **kwargs)
            spans[jobs[name]] = (start, time.perf_counter())
            return result

        return run

    try:
        for name in jobs:
            setattr(module, name, noting(name))
        yield
    finally:
        for name, function in own.items():
            setattr(module, name, function)


@contextmanager
def _peak(memory: dict[str, float], name: str, before: int) -> Iterator[None]:
    """Add to `memory` the MB that the process holds at most in the block, over those `before`."""
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    yield
    memory[f"MB of {name}"] = (_resident("VmHWM") - before) / MB


def _held() -> int:
    """Bytes that the process holds once what is free has gone back to the system."""
    ctypes.CDLL(None).malloc_trim(0)
    return _resident("VmRSS")


def _resident(line: str) -> int:
    return int(Path("/proc/self/status").read_text().split(f"{line}:")[1].split()[0]) * 1024


def _at_rest(form: CropWidget | AugmentWidget | TrainWidget) -> None:
    """Wait until the form has had time to follow, and no job of it runs."""
    QTest.qWait(400)
    while form.job is not None or not form.following.settled:
        QTest.qWait(BEAT_MS)
    QTest.qWait(300)


def _run(form: PredictWidget, spans: Spans) -> None:
    form_module.predict = spans.predict
    try:
        form.run()
        while form.job is not None:
            QTest.qWait(BEAT_MS)
        QTest.qWait(300)
    finally:
        form_module.predict = _predict


def main() -> None:
    """Print the stalls, in milliseconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--columns", type=int, default=4000)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--films", type=int, default=10, help="films to crop and augment; 0 leaves that out")
    parser.add_argument("--pairs", type=int, default=11871, help="pairs to write of their crops")
    parser.add_argument("--shown", type=int, default=1900, help="pairs to make layers of")
    parser.add_argument("--no-training", action="store_true", help="leave training out")
    parser.add_argument("--model", help="name of the model; the form's choice by default")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    film = np.random.default_rng(0).normal(120, 8, (options.rows, options.columns)).clip(0, 255)
    viewer = Viewer()
    viewer.window.resize(1400, 900)
    _, form = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Predict")
    if options.model:
        form.inputs.model.value = options.model
    QTest.qWait(500)
    found = stalls(viewer, form, film.astype(np.uint8))
    if options.films:
        viewer.layers.clear()
        _, cropping = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Crop ROIs")
        found |= crop_stalls(viewer, cropping, options.films, film.astype(np.uint8))
        viewer.window.remove_dock_widget(cropping)
        _, augmenting = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Augment")
        found |= augment_stalls(augmenting, options.pairs, options.shown)
        viewer.window.remove_dock_widget(augmenting)
    if not options.no_training:
        viewer.layers.clear()
        _, training = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Train")
        found |= train_stalls(viewer, training, film.astype(np.uint8), options.model or "default")
    if options.json:
        print(json.dumps(found))
    else:
        print(f"longest stall of the event loop, {options.columns} x {options.rows} pixels")
        for span, value in found.items():
            print(f"  {span:<36}", _with_unit(span, value))
    viewer.close()


def _with_unit(span: str, value: float) -> str:
    if span.startswith("MB"):
        return f"{value:.0f} MB"
    if span.startswith("seconds"):
        return f"{value:.1f} s"
    return f"{value:.0f}" if span == "tiles" else f"{1000 * value:.0f} ms"


if __name__ == "__main__":
    main()

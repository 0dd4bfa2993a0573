"""Runs of a tiny network: what a folder holds, stopping, resuming, killing, starting from a model."""

from __future__ import annotations

import csv
import importlib.util
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from napari_weld_fcn import Model, predict
from napari_weld_fcn.dataset.augmentation import augment
from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm
from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.settings import AugmentationSettings, SplitSettings
from napari_weld_fcn.dataset.splits import Split
from napari_weld_fcn.dataset.store import write_dataset
from napari_weld_fcn.errors import DatasetError, ModelError, SettingsError, WeldFcnError
from napari_weld_fcn.evaluation.scores import pixel_scores
from napari_weld_fcn.events import Event, FilmPredicted, JobControl, Message, StepDone, Validated
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.film import simulate_series, write_simulated
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.training import training_run
from napari_weld_fcn.training.checkpoint_selection import CheckpointSelection, best_of
from napari_weld_fcn.training.data import crops
from napari_weld_fcn.training.data.crops import validate_crops
from napari_weld_fcn.training.data.films import Films, FilmValidation
from napari_weld_fcn.training.data.opening import saved_data
from napari_weld_fcn.training.data.sampling import Batch, Task
from napari_weld_fcn.training.distillation import Distillation
from napari_weld_fcn.training.refit import first_share
from napari_weld_fcn.training.run import resume, train
from napari_weld_fcn.training.run_context import RunContext
from napari_weld_fcn.training.run_folder import Row, RunFolder
from napari_weld_fcn.training.run_record import BEFORE_ALL, TrainResult
from napari_weld_fcn.training.settings import (
    PRESETS,
    FitSettings,
    RunSettings,
    TrainSettings,
)

SCRIPT = Path(__file__).with_name("killed_run.py")
STEPS_PER_EPOCH, EPOCHS = 3, 4


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("killed_run", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NETWORK, SETTINGS = _script().NETWORK, _script().SETTINGS
FILES = ("best.safetensors", "last.safetensors", "history.csv", "splits.json", "settings.json")


def short(dataset: object, run: Path, *, settings: TrainSettings = SETTINGS, **more: object) -> TrainResult:
    if "start_from" not in more:
        more.setdefault("network", NETWORK)
    return train(dataset, run, settings, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def unbroken(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing disturbed."""
    run = tmp_path_factory.mktemp("unbroken") / "run"
    short(dataset, run)
    return run


def assert_equal_runs(first: Path, second: Path) -> None:
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def stop_after(steps: int, seen: list[Event]) -> dict[str, object]:
    stop = lambda: sum(isinstance(event, StepDone) for event in seen) >= steps  # noqa: E731
    return {"job": JobControl(seen.append, stop)}


# What a run leaves


def test_a_run_leaves_models_history_split_settings_and_environment(unbroken: Path, dataset: Path) -> None:
    assert {file.name for file in unbroken.iterdir()} == {*FILES, "environment.json", "state"}
    with (unbroken / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, EPOCHS + 1))
    assert [int(row["step"]) for row in rows] == [STEPS_PER_EPOCH * (i + 1) for i in range(EPOCHS)]
    assert all(float(row["loss"]) > 0 and 0 <= float(row["f1"]) <= 1 for row in rows)
    about = RunSettings.model_validate_json((unbroken / "settings.json").read_text())
    assert about.network == NETWORK
    assert about.augmentation == PRESETS["recommended"].augmentation
    assert Path(about.dataset) == dataset
    (session,) = json.loads((unbroken / "environment.json").read_text())
    assert session["torch"] == torch.__version__
    assert not list(unbroken.rglob("*.p*kl*"))


def test_the_best_model_predicts_and_its_card_tells_the_run(unbroken: Path, pairs: list[Pair]) -> None:
    model = Model.load(unbroken / "best.safetensors")
    with (unbroken / "history.csv").open() as file:
        scores = [float(row["f1"]) for row in csv.DictReader(file)]
    best = scores[best_of(scores, SETTINGS.margin)]
    assert model.card.name == "run"
    assert model.card.scores["validation"]["f1"] == best
    assert model.card.threshold == model.card.scores["validation"]["threshold"]
    assert model.card.recipe["train"]["epochs"] == EPOCHS
    assert str(unbroken.parent) not in model.card.to_json()
    assert predict(pairs[0].pixels, model).probability.shape == pairs[0].pixels.shape
    last = Model.load(unbroken / "last.safetensors")
    assert last.card.scores["validation"]["step"] == STEPS_PER_EPOCH * EPOCHS


def test_the_score_is_that_of_the_kept_model_on_the_films_held_out(unbroken: Path, pairs: list[Pair]) -> None:
    model = Model.load(unbroken / "best.safetensors")
    split = Split.from_json((unbroken / "splits.json").read_text())
    held_out = [pairs[i] for i in split.validation]
    assert {pair.film for pair in held_out}.isdisjoint({pairs[i].film for i in split.training})
    with torch.inference_mode():
        marked = [
            model.network(torch.from_numpy(pair.normalisation.apply(pair.pixels))[None, None]).sigmoid()[0, 0]
            > np.float32(model.card.threshold)
            for pair in held_out
        ]
    scores = pixel_scores(np.stack(marked), np.stack([pair.mask == FLAW for pair in held_out]))
    assert scores.f1 == pytest.approx(model.card.scores["validation"]["f1"], abs=1e-9)


def test_pairs_in_memory_give_the_same_weights_as_their_folder(
    unbroken: Path, pairs: list[Pair], tmp_path: Path
) -> None:
    short(pairs, tmp_path / "run")
    assert_equal_weights(unbroken / "last.safetensors", tmp_path / "run" / "last.safetensors")


def assert_equal_weights(first: Path, second: Path) -> None:
    one, other = (Model.load(path).network.state_dict() for path in (first, second))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_another_seed_gives_other_weights(unbroken: Path, dataset: Path, tmp_path: Path) -> None:
    short(dataset, tmp_path / "run", settings=SETTINGS.model_copy(update={"seed": 1}))
    one = Model.load(unbroken / "last.safetensors").network.state_dict()
    other = Model.load(tmp_path / "run" / "last.safetensors").network.state_dict()
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_a_run_learns(pairs: list[Pair], tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 40, "patience": 0, "batch": 4})
    still = AugmentationSettings(rotation=0, translation=0, negation_probability=0, noise_probability=0)
    losses: list[float] = []
    short(
        pairs,
        tmp_path / "run",
        settings=settings,
        augmentation=still,
        network=NETWORK.model_copy(update={"width": 8}),
        job=JobControl(
            lambda event: losses.append(event.loss or 0) if isinstance(event, Validated) else None
        ),
    )
    assert np.mean(losses[-3:]) < 0.7 * np.mean(losses[:3])


# Stop, pause, resume, kill


@pytest.mark.parametrize("steps", [1, STEPS_PER_EPOCH, STEPS_PER_EPOCH + 1, 2 * STEPS_PER_EPOCH + 2])
def test_a_run_stopped_keeps_the_best_and_resumed_ends_as_if_unbroken(
    unbroken: Path, dataset: Path, tmp_path: Path, steps: int
) -> None:
    run = tmp_path / "run"
    stopped = short(dataset, run, **stop_after(steps, []))
    assert stopped.stopped
    kept = Model.load(stopped.model)
    assert kept.card.scores["validation"]["f1"] == stopped.best.f1
    assert stopped.best.epoch == min(kept.card.scores["validation"]["step"] // STEPS_PER_EPOCH, EPOCHS)
    result = resume(run)
    assert not result.stopped
    assert_equal_runs(unbroken, run)
    assert len(json.loads((run / "environment.json").read_text())) == 2


def test_a_finished_run_gives_its_result_again_without_a_step(unbroken: Path) -> None:
    seen: list[Event] = []
    before = (unbroken / "best.safetensors").read_bytes()
    result = resume(unbroken, job=JobControl(seen.append))
    assert not result.stopped
    assert not any(isinstance(event, StepDone) for event in seen)
    assert (unbroken / "best.safetensors").read_bytes() == before
    assert [event.text for event in seen if isinstance(event, Message)] == [
        "The run has ended; nothing is left to train."
    ]


def test_a_run_whose_model_is_lost_says_so(unbroken: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(unbroken, run)
    (run / "best.safetensors").unlink()
    with pytest.raises(
        ModelError, match=r"best\.safetensors, the model of this run, is missing; put it back"
    ):
        resume(run)


def test_pause_holds_the_steps_and_changes_nothing(unbroken: Path, dataset: Path, tmp_path: Path) -> None:
    paused, seen = threading.Event(), []
    at_pause: list[int] = []

    def on_event(event: Event) -> None:
        seen.append(event)
        if isinstance(event, StepDone) and event.done == 2:
            paused.set()
            threading.Timer(0.4, release).start()

    def release() -> None:
        at_pause.append(sum(isinstance(event, StepDone) for event in seen))
        paused.clear()

    short(dataset, tmp_path / "run", job=JobControl(on_event, should_pause=paused.is_set))
    assert at_pause == [2]
    assert_equal_runs(unbroken, tmp_path / "run")


def test_stop_ends_a_pause(dataset: Path, tmp_path: Path) -> None:
    seen: list[Event] = []
    started = time.monotonic()
    wanted = lambda: time.monotonic() - started > 3  # noqa: E731
    result = short(dataset, tmp_path / "run", job=JobControl(seen.append, wanted, lambda: True))
    assert result.stopped
    assert sum(isinstance(event, StepDone) for event in seen) == 1


def killed(run: Path, dataset: Path | str, *step: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(run), str(dataset), str(torch.get_num_threads())]
    return subprocess.Popen([*command, *map(str, step)], stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_run_killed_at_a_step_and_resumed_ends_as_if_unbroken(
    unbroken: Path, dataset: Path, tmp_path: Path
) -> None:
    run, step = tmp_path / "run", 7
    with killed(run, dataset, step) as process:
        assert process.stdout is not None
        assert process.stdout.read().split()[-1] == str(step)
    assert process.returncode == -9
    resume(run)
    assert_equal_runs(unbroken, run)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_run_on_films_in_memory_is_killed_and_resumed_without_them(tmp_path: Path) -> None:
    whole, run = tmp_path / "whole" / "run", tmp_path / "run"
    short(_script().films(), whole)
    with killed(run, "films", 11) as process:
        process.communicate()
    resume(run)
    assert_equal_runs(whole, run)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("kind", ["crops", "films"])
def test_twenty_kills_at_random_moments_change_nothing(kind: str, dataset: Path, tmp_path: Path) -> None:
    """Each process is killed some steps after it took the run up, or while it begins, validates or saves."""
    data = dataset if kind == "crops" else _script().films()
    whole, run = tmp_path / "whole" / "run", tmp_path / "run"
    short(data, whole)
    moments = random.Random(4)
    steps = 0
    for _ in range(20):
        with killed(run, dataset if kind == "crops" else "films") as process:
            assert process.stdout is not None
            for _ in range(moments.randrange(0, 3)):
                steps += bool(process.stdout.readline())
            time.sleep(moments.uniform(0, 0.1))
            process.kill()
    assert steps
    resume(run)
    assert_equal_runs(whole, run)


def test_a_kill_between_the_models_and_the_state_changes_nothing(
    unbroken: Path, dataset: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    short(dataset, run, **stop_after(STEPS_PER_EPOCH + 1, []))
    state = tmp_path / "state"
    shutil.copytree(run / "state", state)
    resume(run, **stop_after(STEPS_PER_EPOCH, []))
    shutil.rmtree(run / "state")
    shutil.copytree(state, run / "state")
    resume(run)
    assert_equal_runs(unbroken, run)


def test_no_row_of_the_history_tells_of_a_network_that_is_not_there(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, told = RunFolder.write_history, []

    def checked(folder: RunFolder, rows: Sequence[Row]) -> None:
        scores = [Model.load(path).card.scores["validation"] for path in (folder.last, folder.best)]
        assert scores[0]["step"] == rows[-1].step
        assert scores[1]["step"] in [row.step for row in rows]
        told.append(rows[-1].step)
        write(folder, rows)

    monkeypatch.setattr(RunFolder, "write_history", checked)
    short(dataset, tmp_path / "run")
    assert told == [STEPS_PER_EPOCH * (i + 1) for i in range(EPOCHS)]


def test_a_run_folder_that_vanishes_costs_the_models_before_it_and_no_more(
    unbroken: Path, dataset: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    def on_event(event: Event) -> None:
        if isinstance(event, StepDone) and event.done == STEPS_PER_EPOCH + 1:
            shutil.rmtree(run)

    short(dataset, run, job=JobControl(on_event))
    assert_equal_weights(unbroken / "last.safetensors", run / "last.safetensors")


def test_what_was_saved_stays_where_nothing_more_can_be(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    kept: list[bytes] = []

    def on_event(event: Event) -> None:
        if isinstance(event, StepDone) and event.done == STEPS_PER_EPOCH + 1:
            kept.append((run / "best.safetensors").read_bytes())
            (run / "history.csv").unlink()
            (run / "history.csv").mkdir()

    with pytest.raises(WeldFcnError, match=r"history\.csv"):
        short(dataset, run, job=JobControl(on_event))
    assert (run / "best.safetensors").read_bytes() == kept[0]
    (run / "history.csv").rmdir()
    assert not resume(run).stopped


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the size of a file like this")
@pytest.mark.parametrize("largest", [2_000, 60_000])
def test_a_full_disk_ends_the_run_with_a_sentence_and_loses_nothing_that_was_saved(
    unbroken: Path, dataset: Path, tmp_path: Path, largest: int
) -> None:
    run = tmp_path / "run"
    short(dataset, run, **stop_after(STEPS_PER_EPOCH + 1, []))
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    script = (
        "import resource, signal, sys\n"
        "from napari_weld_fcn.errors import WeldFcnError\n"
        "from napari_weld_fcn.training.run import resume\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import torch\n"
        "torch.set_num_threads(int(sys.argv[3]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))\n"
        "try: resume(sys.argv[1])\n"
        "except WeldFcnError as fault: print(fault)\n"
    )
    command = [sys.executable, "-c", script, str(run), str(largest), str(torch.get_num_threads())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "cannot be written" in done.stdout and done.returncode == 0, done.stderr
    assert all(Model.load(run / name) for name in ("best.safetensors", "last.safetensors"))
    assert set(before) <= {file for file in run.rglob("*") if file.is_file()}
    assert not list(run.rglob(".weld-fcn-*"))
    resume(run)
    assert_equal_runs(unbroken, run)


def test_no_better_validation_for_as_long_as_patience_ends_the_run(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Event] = []
    scored = crops.validate_crops

    def best_after_the_second_epoch(*given: Any) -> Validated:
        found = scored(*given)
        return replace(found, f1=0.5 if found.step == 2 * STEPS_PER_EPOCH else 0.4)

    monkeypatch.setattr(crops, "validate_crops", best_after_the_second_epoch)
    settings = SETTINGS.model_copy(update={"epochs": 30, "patience": 2})
    result = short(dataset, tmp_path / "run", settings=settings, job=JobControl(seen.append))
    validations = [event for event in seen if isinstance(event, Validated)]
    assert (result.best.epoch, len(validations)) == (2, 2 + 2)
    assert Message("No better validation for 2 epochs: ended.") in seen
    again: list[Event] = []
    resume(tmp_path / "run", job=JobControl(again.append))
    assert [event.text for event in again if isinstance(event, Message)] == [
        "The run has ended; nothing is left to train."
    ]


# Starting from a model


@pytest.fixture
def first(tmp_path: Path) -> Model:
    """An untrained model with statistics of its own."""
    model = Model.create(Card(name="first", network=NETWORK), seed=9)
    for layer in model.network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.fill_(0.25)
    model.save(tmp_path / "first.safetensors")
    return Model.load(tmp_path / "first.safetensors")


def test_a_model_is_trained_on_with_its_statistics_of_batch_normalisation(
    dataset: Path, tmp_path: Path, first: Model
) -> None:
    before = {name: value.clone() for name, value in first.network.state_dict().items()}
    result = short(dataset, tmp_path / "run", start_from=tmp_path / "first.safetensors")
    after = Model.load(result.model).network.state_dict()
    for name, value in after.items():
        assert torch.equal(value, before[name]) == ("running" in name or "tracked" in name), name
    about = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert about["start_sha256"] == first.sha256
    assert all(torch.equal(first.network.state_dict()[name], before[name]) for name in before)


def test_the_more_is_kept_the_nearer_the_model_stays_to_what_it_said_of_other_films(
    dataset: Path, tmp_path: Path, unbroken: Path
) -> None:
    first = Model.load(unbroken / "best.safetensors")
    judge = Distillation(first.network, 0.5, 99, dice_weight=0.5, smoothing=50.0)
    apart = []
    for keep in (0.0, 0.5, 0.95):
        settings = SETTINGS.model_copy(update={"keep": keep, "epochs": 4})
        result = short(dataset, tmp_path / str(keep), settings=settings, start_from=first)
        tuned = Model.load(result.run / "last.safetensors").network
        apart.append(judge.loss(tuned, torch.from_numpy(judge.patches(0))).item())
    assert apart[0] > apart[1] > apart[2]


def test_a_model_that_is_trained_on_keeps_its_threshold(dataset: Path, tmp_path: Path, first: Model) -> None:
    start = Model.create(first.card.model_copy(update={"threshold": 0.321}), first.network)
    result = short(dataset, tmp_path / "run", start_from=start)
    assert result.best.threshold == Model.load(result.model).card.threshold == 0.321


def test_whole_films_that_validate_can_move_the_threshold_and_the_card_says_so(
    films: list[LabelledFilm], tmp_path: Path, first: Model
) -> None:
    start = Model.create(first.card.model_copy(update={"threshold": 0.999}), first.network)
    card = Model.load(short(films, tmp_path / "run", start_from=start).model).card
    assert card.threshold < 0.9
    assert "as near as it lets" in card.threshold_purpose


def test_a_run_from_a_model_resumes_without_that_model(dataset: Path, tmp_path: Path, first: Model) -> None:
    whole = short(dataset, tmp_path / "whole" / "run", start_from=first)
    short(dataset, tmp_path / "run", start_from=tmp_path / "first.safetensors", **stop_after(4, []))
    (tmp_path / "first.safetensors").unlink()
    assert_equal_weights(whole.model, resume(tmp_path / "run").model)


def test_rare_flaws_alone_have_a_weight_and_only_from_nothing(
    films: list[LabelledFilm], dataset: Path, tmp_path: Path
) -> None:
    few = [replace(film, mask=np.where(film.mask == FLAW, BACKGROUND, film.mask)) for film in films]
    for film in few:
        film.mask[20:23, 30:33] = film.mask[60:63, 90:93] = FLAW

    def weight(run: str) -> float:
        with safe_open(tmp_path / run / "state" / "last.safetensors", "pt") as file:
            return float(json.loads(file.metadata()["settings"])["flaw_weight"])

    for name, data, more in (
        ("rare", few, {}),
        ("many", dataset, {}),
        ("tuned", few, {"start_from": "default"}),
    ):
        short(data, tmp_path / name, **more, **stop_after(1, []))
    assert [weight(name) for name in ("rare", "many", "tuned")] == [SETTINGS.flaw_weight, 0.0, 0.0]


def test_what_is_left_open_is_chosen_by_what_a_run_starts_from() -> None:
    fresh, tuned = TrainSettings().chosen(from_model=False), TrainSettings().chosen(from_model=True)
    assert fresh.batch > tuned.batch > 0
    assert fresh.window > tuned.window > 0
    assert TrainSettings(batch=7, window=96).chosen(from_model=True).batch == 7


# From films


def test_films_train_and_whole_films_validate(films: list[LabelledFilm], tmp_path: Path) -> None:
    seen: list[Event] = []
    result = short(films, tmp_path / "run", job=JobControl(seen.append, should_show=lambda: True))
    validations = [event for event in seen if isinstance(event, Validated)]
    shown = [event for event in seen if isinstance(event, FilmPredicted)]
    assert [event.step for event in shown] == [event.step for event in validations]
    (film,) = {event.film for event in shown}
    about = RunSettings.model_validate_json((tmp_path / "run" / "settings.json").read_text())
    assert (about.kind, about.dataset, about.pairs) == ("films", "", 3)
    model = Model.load(result.model)
    assert model.card.threshold_purpose == "largest pixel F1 on held-out films"
    (held_out,) = [each for each in films if each.film == film]
    found = predict(held_out.radiograph, model, PredictionSettings(device="cpu"))
    scores = pixel_scores(found.probability > np.float32(model.card.threshold), held_out.mask == FLAW)
    assert scores.f1 == pytest.approx(result.best.f1, abs=0.01)


def test_a_run_has_its_own_copy_of_films_and_labels_from_memory(
    films: list[LabelledFilm], tmp_path: Path
) -> None:
    sparse = films[0].mask.copy()
    sparse[:, :40] = IGNORED
    deep = Radiograph(films[1].radiograph.pixels.astype(np.float32), name="deep", film="film_1")
    given = [LabelledFilm(films[0].radiograph, sparse), LabelledFilm(deep, films[1].mask)]
    short(given, tmp_path / "run", **stop_after(1, []))
    kept = saved_data(tmp_path / "run" / "data", "films")
    assert isinstance(kept, Films)
    for film, copied in zip(given, kept.films, strict=True):
        assert copied.film == film.film and copied.radiograph.pixels.dtype == film.radiograph.pixels.dtype
        np.testing.assert_array_equal(copied.radiograph.pixels, film.radiograph.pixels)
        np.testing.assert_array_equal(copied.mask, film.mask)
    again = resume(tmp_path / "run", given)
    assert not again.stopped
    with pytest.raises(DatasetError, match="is not the dataset that"):
        resume(tmp_path / "run", films)


@pytest.mark.parametrize("dtype", ["?", ">u2", ">f4", "<f8", "u1", "i2"])
def test_what_a_run_copied_is_what_it_began_with(dtype: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 2, (48, 64)).astype(dtype)
    mask = np.zeros(pixels.shape, np.uint8)
    mask[4:9, 5:12] = FLAW
    material = Films((LabelledFilm(Radiograph(pixels, name="film", film="film"), mask),))
    material.save(tmp_path / "data")
    assert saved_data(tmp_path / "data", "films").sha256 == material.sha256


def test_a_run_begun_before_flaws_had_a_weight_goes_on_without(dataset: Path, tmp_path: Path) -> None:
    seen: list[Event] = []
    settings = SETTINGS.model_copy(update={"flaw_weight": 0.0})
    whole = short(dataset, tmp_path / "whole", settings=settings)
    short(dataset, tmp_path / "run", settings=settings, **stop_after(4, seen))
    about = json.loads((tmp_path / "run" / "settings.json").read_text())
    del about["train"]["flaw_weight"]
    (tmp_path / "run" / "settings.json").write_text(json.dumps(about))
    state = tmp_path / "run" / "state" / "last.safetensors"
    with safe_open(state, "pt") as file:
        metadata = file.metadata()
    fitted = json.loads(metadata["settings"])
    del fitted["flaw_weight"]
    save_file(load_file(state), state, metadata | {"settings": json.dumps(fitted)})
    assert_equal_weights(resume(tmp_path / "run").model, whole.model)


def test_a_run_whose_settings_and_state_have_former_names_ends_as_if_it_had_not(
    unbroken: Path, dataset: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    short(dataset, run, **stop_after(4, []))
    former = {"flaw_weight": "balance", "refit_on_all": "again", "micro_batches": "parts"}
    about = json.loads((run / "settings.json").read_text())
    about["train"] = {former.get(name, name): value for name, value in about["train"].items()}
    (run / "settings.json").write_text(json.dumps(about))
    state = run / "state" / "last.safetensors"
    with safe_open(state, "pt") as file:
        metadata = {former.get(name, name): value for name, value in file.metadata().items()}
    fitted = {former.get(name, name): value for name, value in json.loads(metadata["settings"]).items()}
    save_file(load_file(state), state, metadata | {"settings": json.dumps(fitted)})
    assert_equal_weights(resume(run).model, unbroken / "best.safetensors")


def test_a_series_is_trained_on_where_it_lies(tmp_path: Path) -> None:
    settings = SimulationSettings(
        rows=64,
        columns=200,
        flaw_density=50.0,
        flawless_share=0.0,
        magnification_min=0.5,
        magnification_max=0.5,
    )
    write_simulated(simulate_series(settings, 3, 13), tmp_path / "root")
    seen: list[Event] = []
    once = SETTINGS.model_copy(update={"epochs": 1})
    short(tmp_path / "root", tmp_path / "run", settings=once, job=JobControl(seen.append))
    about = RunSettings.model_validate_json((tmp_path / "run" / "settings.json").read_text())
    assert (about.kind, about.pairs) == ("films", 3)
    assert Path(about.dataset) == tmp_path / "root"
    assert not (tmp_path / "run" / "data").exists()
    assert not resume(tmp_path / "run").stopped


def test_labels_that_cannot_be_learned_from_are_told_before_a_run_begins(
    films: list[LabelledFilm], tmp_path: Path
) -> None:
    clean = [replace(film, mask=np.zeros_like(film.mask)) for film in films]
    with pytest.raises(DatasetError, match="No flaw is labelled"):
        short(clean, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# A film alone


def alone(
    film: LabelledFilm, run: Path, *, again: bool = True, margin: float = SETTINGS.margin, **more: object
) -> TrainResult:
    """Train on one film; at a margin of 1 what learned all labels is taken, however it scores."""
    gentle = {"patience": 0, "learning_rate": 1e-4, "refit_on_all": again, "margin": margin}
    return short([film], run, settings=SETTINGS.model_copy(update=gentle), start_from="default", **more)


@pytest.fixture
def lone(films: list[LabelledFilm]) -> LabelledFilm:
    """A film whose flaws lie far apart, so that it can be cut in two."""
    return films[0]


def test_a_model_tuned_on_a_film_alone_learns_what_was_held_back_in_the_end(
    lone: LabelledFilm, tmp_path: Path
) -> None:
    seen: list[Event] = []
    result = alone(lone, tmp_path / "run", margin=1.0, job=JobControl(seen.append))
    told = [event.text for event in seen if isinstance(event, Message)]
    assert any(text.startswith("Learning all labels") for text in told)
    kept = alone(lone, tmp_path / "once", again=False, margin=1.0)
    assert kept.best == result.best
    one, other = (Model.load(each.model).network.state_dict() for each in (result, kept))
    assert any(not torch.equal(one[name], other[name]) for name in one)
    assert result.learned_all and not kept.learned_all
    cards = [Model.load(each.model).card for each in (result, kept)]
    assert [card.scores["validation"].get("of") for card in cards] == [BEFORE_ALL, None]
    assert [card.threshold_purpose for card in cards] == [
        "pixel F1 on all labels, which are learned, as near to one half as it lets",
        "that of the model that was tuned",
    ]
    assert result.all_labels is not None and cards[0].threshold == result.all_labels.threshold
    assert {(card.data, card.recipe["kind"], card.recipe["mixed_in"]) for card in cards} == {
        ("1 film from memory", "films", "")
    }


def test_a_run_stopped_while_it_learns_all_labels_ends_as_if_unbroken(
    lone: LabelledFilm, tmp_path: Path
) -> None:
    whole = alone(lone, tmp_path / "whole")
    seen: list[Event] = []

    def learning_all() -> bool:
        texts = [event.text for event in seen if isinstance(event, Message)]
        return any(text.startswith("Learning all labels") for text in texts)

    broken = alone(lone, tmp_path / "run", job=JobControl(seen.append, learning_all))
    assert broken.stopped and learning_all()
    recipe = Model.load(broken.model).card.recipe
    ended = resume(tmp_path / "run")
    assert not ended.stopped
    assert_equal_weights(whole.model, ended.model)
    assert Model.load(ended.model).card.recipe == recipe  # by it the library knows the run again


@pytest.mark.parametrize("start_from", ["nothing", "default"])
def test_how_the_time_is_shared_is_said_before_the_first_step_and_kept(
    lone: LabelledFilm, tmp_path: Path, start_from: str
) -> None:
    seen: list[Event] = []
    settings = SETTINGS.model_copy(update={"learning_rate": 1e-4, "minutes": 0.3, "patience": 0})
    more = {"network": NETWORK} if start_from == "nothing" else {}
    result = train(
        [lone], tmp_path / "run", settings, start_from=start_from, job=JobControl(seen.append), **more
    )
    first = next(index for index, event in enumerate(seen) if isinstance(event, StepDone))
    told = [event.text for event in seen[:first] if isinstance(event, Message)]
    share = first_share(from_model=start_from != "nothing")
    assert any(text.startswith(f"Of 0.3 minutes the first {0.3 * share:.3g} are") for text in told)
    assert result.all_labels is not None
    assert _fitted(tmp_path / "run" / "state").seconds == pytest.approx(18 * share)
    assert _fitted(tmp_path / "run" / "state" / "again").seconds == pytest.approx(18 * (1 - share), rel=0.2)


def _fitted(state: Path) -> FitSettings:
    with safe_open(state / "last.safetensors", "pt") as file:
        return FitSettings.model_validate_json(file.metadata()["settings"])


def test_from_nothing_the_second_learning_goes_on_from_the_network_that_validated(
    lone: LabelledFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_run, "RATE_GOING_ON", 1e-9)
    settings = SETTINGS.model_copy(update={"weight_decay": 0.0})
    short([lone], tmp_path / "once" / "run", settings=settings.model_copy(update={"refit_on_all": False}))
    result = short([lone], tmp_path / "run", settings=settings)
    validated = Model.load(tmp_path / "once" / "run" / "best.safetensors").network.parameters()
    for one, other in zip(validated, Model.load(result.model).network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_step_of_the_second_learning_shows_no_more_than_one_of_the_first(
    lone: LabelledFilm, tmp_path: Path
) -> None:
    broad = LabelledFilm(
        Radiograph(np.tile(np.asarray(lone.radiograph.pixels), (10, 3)), name="broad"),
        np.tile(lone.mask, (10, 3)),
    )
    settings = SETTINGS.model_copy(update={"window": 256})
    short([broad], tmp_path / "run", settings=settings, **stop_after(1, []))
    folder = RunFolder(tmp_path / "run")
    run = RunContext(folder, saved_data(folder.data, "films"))
    assert run.refits and run.whole_task().sampler.size == run.task.sampler.size


def test_a_network_ruined_by_the_second_learning_is_left_out_and_it_is_said(
    lone: LabelledFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 12, "patience": 0})
    kept = short(
        [lone], tmp_path / "once" / "run", settings=settings.model_copy(update={"refit_on_all": False})
    )
    monkeypatch.setattr(training_run, "RATE_GOING_ON", 3.0)
    monkeypatch.setattr(RunContext, "whole_task", _of_the_opposite(RunContext.whole_task))
    seen: list[Event] = []
    result = short([lone], tmp_path / "run", settings=settings, job=JobControl(seen.append))
    assert result.all_labels is not None and not result.all_labels.holds and not result.learned_all
    assert result.all_labels.held_back_before == pytest.approx(result.best.f1, abs=1e-6)
    assert_equal_weights(kept.model, result.model)
    assert Message(str(result.all_labels)) in seen and "is kept" in str(result.all_labels)
    scores = Model.load(result.model).card.scores
    assert scores["all_labels"] == result.all_labels.to_card() and "of" not in scores["validation"]
    again: list[Event] = []
    assert resume(tmp_path / "run", job=JobControl(again.append)) == result
    assert not any(isinstance(event, StepDone) for event in again)


def _of_the_opposite(whole_task: Callable[[RunContext], Task]) -> Callable[[RunContext], Task]:
    """The task, with flaws called background and background flaw."""

    def task(run: RunContext) -> Task:
        found = whole_task(run)
        right = found.sampler.batches

        def batches(*steps: int) -> Iterator[Batch]:
            return (replace(batch, truth=1 - batch.truth) for batch in right(*steps))

        setattr(found.sampler, "batches", batches)  # noqa: B010  (a Protocol's method)
        return found

    return task


def test_a_second_learning_that_diverges_leaves_the_model_that_validated(
    lone: LabelledFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_run, "RATE_GOING_ON", float("inf"))
    seen: list[Event] = []
    result = short([lone], tmp_path / "run", job=JobControl(seen.append))
    assert result.all_labels is None and not result.stopped
    assert any(isinstance(event, Message) and "failed: The fit diverged" in event.text for event in seen)
    assert Model.load(result.model).card.scores["validation"]["f1"] == result.best.f1


def test_where_no_time_is_left_to_check_it_nothing_more_is_learned(
    lone: LabelledFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = FilmValidation.at

    def slowly(*given: Any) -> Validated:
        time.sleep(0.6)
        return scored(*given)

    monkeypatch.setattr(FilmValidation, "at", slowly)
    seen: list[Event] = []
    settings = SETTINGS.model_copy(update={"minutes": 0.05})
    result = short([lone], tmp_path / "run", settings=settings, job=JobControl(seen.append))
    assert any(isinstance(event, Message) and "no time left" in event.text for event in seen)
    assert result.all_labels is None and not (tmp_path / "run" / "state" / "again").exists()


def test_a_model_that_learned_all_labels_holds_what_its_card_says(lone: LabelledFilm, tmp_path: Path) -> None:
    result = alone(lone, tmp_path / "run")
    assert result.all_labels is not None
    model = Model.load(result.model)
    (held_back,) = FilmSplit.from_json((tmp_path / "run" / "splits.json").read_text()).validation
    mask = held_back.of([lone]).mask
    probability = predict(lone.radiograph, model, PredictionSettings(device="cpu")).probability
    marked = probability[mask != IGNORED] > np.float32(model.card.threshold)
    f1 = pixel_scores(marked, mask[mask != IGNORED] == FLAW).f1
    assert f1 == pytest.approx(result.all_labels.held_back, abs=0.01)


def test_the_second_learning_is_no_longer_than_the_first_was(
    lone: LabelledFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CheckpointSelection, "enough", lambda _, f1: len(f1) == 1)
    settings = SETTINGS.model_copy(update={"learning_rate": 2e-3, "minutes": 60.0})
    seen: list[Event] = []
    began = time.monotonic()
    result = short(
        [lone], tmp_path / "run", settings=settings, start_from="default", job=JobControl(seen.append)
    )
    assert result.all_labels is not None and time.monotonic() - began < 1200
    states = [tmp_path / "run" / "state" / part / "last.safetensors" for part in ("", "again")]
    seconds = []
    for path in states:
        with safe_open(path, "pt") as file:
            seconds.append(float(file.metadata()["seconds"]))
    assert seconds[1] <= seconds[0] + 1
    first = next(event for event in seen if isinstance(event, StepDone))
    assert first.seconds_left == pytest.approx(3600, rel=0.1)  # both halves


# By minutes


def test_a_run_by_minutes_ends_in_time_and_says_that_it_is_not_repeated_exactly(
    films: list[LabelledFilm], tmp_path: Path
) -> None:
    seen: list[Event] = []
    settings = SETTINGS.model_copy(update={"epochs": 1, "minutes": 0.1, "patience": 0})
    result = short(films, tmp_path / "run", settings=settings, job=JobControl(seen.append))
    with safe_open(tmp_path / "run" / "state" / "last.safetensors", "pt") as file:
        state = file.metadata()
    assert 6.0 <= float(state["seconds"]) < 6.0 + 4.0
    steps = [event for event in seen if isinstance(event, StepDone)]
    assert len(steps) == steps[-1].done > 8  # more than its one epoch
    assert any(isinstance(event, Message) and "with other weights" in event.text for event in seen)
    assert not result.stopped
    again: list[Event] = []
    resume(tmp_path / "run", job=JobControl(again.append))
    assert not any(isinstance(event, StepDone) for event in again)
    assert not any(isinstance(event, Message) and "with other weights" in event.text for event in again)


def test_a_run_by_minutes_that_was_stopped_goes_on_with_the_time_that_is_left(
    films: list[LabelledFilm], tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"minutes": 0.1, "patience": 0})
    seen: list[Event] = []
    assert short(films, tmp_path / "run", settings=settings, **stop_after(20, seen)).stopped
    more: list[Event] = []
    resume(tmp_path / "run", job=JobControl(more.append))
    first = next(event for event in more if isinstance(event, StepDone))
    assert first.done == 21
    assert any(isinstance(event, Message) and "with other weights" in event.text for event in more)
    assert first.seconds_left is not None and first.seconds_left < 6.0


# What it needs


def test_the_memory_that_a_run_needs_is_told_before_its_first_step(dataset: Path, tmp_path: Path) -> None:
    seen: list[Event] = []
    result = short(dataset, tmp_path / "run", job=JobControl(seen.append))
    first = next(index for index, event in enumerate(seen) if isinstance(event, StepDone))
    told = [event.text for event in seen[:first] if isinstance(event, Message)]
    assert f"Training needs about {result.memory_bytes / 1e9:.1f} GB of memory." in told


def test_a_run_with_focal_tversky_learns_by_it(dataset: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"loss": "focal-tversky", "epochs": 1})
    short(dataset, tmp_path / "run", settings=settings)
    with (tmp_path / "run" / "history.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert 0 < float(row["loss"]) < 1


# What is validated


def test_variants_on_disk_are_shown_as_they_are_and_never_validate(pairs: list[Pair], tmp_path: Path) -> None:
    write_dataset(augment(pairs, variants=3), tmp_path / "dataset")
    seen: list[Event] = []
    settings = SETTINGS.model_copy(update={"epochs": 1})
    short(tmp_path / "dataset", tmp_path / "run", settings=settings, job=JobControl(seen.append))
    assert Message("The dataset holds variants already; they are shown as they are.") in seen
    (scores,) = [event for event in seen if isinstance(event, Validated)]
    model = Model.load(tmp_path / "run" / "last.safetensors")
    held_out = [i for i, pair in enumerate(pairs) if pair.film == "film_2"]
    assert validate_crops(model.network, pairs, held_out, scores.step) == replace(scores, loss=None)


def test_ignored_pixels_take_no_part_in_the_scores(pairs: list[Pair]) -> None:
    network = Model.create(Card(name="x", network=NETWORK)).network.eval()
    mask = pairs[0].mask.copy()
    mask[:, :12] = IGNORED
    other = mask.copy()
    masked = [replace(pairs[0], mask=mask)]
    scores = validate_crops(network, masked, [0], 1)
    assert scores.flaw_share == pytest.approx((other == FLAW).sum() / (other != IGNORED).sum())
    everything = [replace(pairs[0], mask=np.full_like(mask, IGNORED))]
    with pytest.raises(DatasetError, match="Every pixel of the crops that validate is ignored"):
        validate_crops(network, everything, [0], 1)


def test_named_films_validate(dataset: Path, pairs: list[Pair], tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 1})
    split = SplitSettings(kind="films", films=("film_0",))
    short(dataset, tmp_path / "run", settings=settings, split=split)
    chosen = Split.from_json((tmp_path / "run" / "splits.json").read_text())
    assert {pairs[i].film for i in chosen.validation} == {"film_0"}


# What is refused


def test_a_folder_that_holds_a_run_is_not_trained_in_again(unbroken: Path, dataset: Path) -> None:
    with pytest.raises(ModelError, match="holds a run already; resume it"):
        short(dataset, unbroken)


def test_a_network_that_is_not_the_models_is_refused(dataset: Path, tmp_path: Path, first: Model) -> None:
    with pytest.raises(SettingsError, match="Model first is trained on as it is"):
        train(dataset, tmp_path / "run", start_from=first, network=NetworkSettings(kind="fcn"))
    assert not (tmp_path / "run").exists()


def test_crops_without_a_flaw_are_refused(pairs: list[Pair], tmp_path: Path) -> None:
    clean = [replace(pair, mask=np.zeros_like(pair.mask)) for pair in pairs]
    with pytest.raises(DatasetError, match="No mask has a flaw"):
        short(clean, tmp_path / "run")


def test_another_dataset_is_refused(unbroken: Path, pairs: list[Pair]) -> None:
    with pytest.raises(DatasetError, match="is not the dataset that"):
        resume(unbroken, pairs[:-1])


@pytest.mark.parametrize("side", ["images", "masks"])
def test_a_dataset_that_was_changed_is_refused(dataset: Path, tmp_path: Path, side: str) -> None:
    shutil.copytree(dataset, tmp_path / "crops")
    short(tmp_path / "crops", tmp_path / "run", **stop_after(1, []))
    first = min((tmp_path / "crops" / side).iterdir())
    with Image.open(first) as image:
        image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(first)
    with pytest.raises(DatasetError, match="not the dataset"):
        resume(tmp_path / "run")


def test_crops_in_memory_are_copied_so_that_the_run_resumes_without_them(
    unbroken: Path, pairs: list[Pair], tmp_path: Path
) -> None:
    short(pairs, tmp_path / "run", **stop_after(4, []))
    resume(tmp_path / "run")
    assert_equal_weights(unbroken / "last.safetensors", tmp_path / "run" / "last.safetensors")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("settings.json", None, "is no run"),
        ("settings.json", "{}", "is damaged"),
        ("settings.json", "", "is damaged"),
        ("splits.json", "[]", "is no split"),
        ("splits.json", None, "is no run"),
        ("environment.json", "7", "is damaged"),
        ("history.csv", "epoch\nx\n", "is no history of a run"),
        ("state/last.safetensors", "no state", "no state that this fit can resume from"),
    ],
)
def test_a_damaged_run_is_a_sentence(
    unbroken: Path, tmp_path: Path, name: str, text: str | None, sentence: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(unbroken, run)
    if text is None:
        (run / name).unlink()
    else:
        (run / name).write_text(text)
    with pytest.raises(WeldFcnError, match=sentence) as fault:
        resume(run)
    assert Path(name).name in str(fault.value)


def test_a_folder_that_cannot_be_made_is_a_sentence(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeldFcnError, match="cannot be made"):
        short(dataset, tmp_path / "file" / "run")

"""The whole experiment, tiny: what it leaves, what it tells, and that a kill costs nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from napari_weld_fcn.errors import RadiographError, SettingsError, Stopped, WeldFcnError
from napari_weld_fcn.evaluation.evaluate import evaluate
from napari_weld_fcn.events import Event, JobControl, Message, TileDone
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.reproduction.experiment import Reproduction, reproduce
from napari_weld_fcn.reproduction.material import Material
from napari_weld_fcn.reproduction.plan import AT_RANDOM, BY_FILM, Plan, Training
from napari_weld_fcn.reproduction.settings import PAIRS, ReproductionSettings

SCRIPT = Path(__file__).with_name("tiny.py")
OF_TIME = ("seconds", "cpu_seconds", "resumed", "environment", "parts")


def timeless(values: Any) -> Any:
    """Everything but times."""
    if isinstance(values, dict):
        return {key: timeless(value) for key, value in values.items() if key not in OF_TIME}
    return [timeless(value) for value in values] if isinstance(values, list) else values


def material(found: Reproduction) -> Material:
    out = found.report.parent
    return Material.read(out / "crops", out / "pairs")


# What the paper's plan is


def test_the_plan_is_the_papers() -> None:
    plan = Plan()
    assert plan.crops.size == 256 and plan.films * plan.crops.crops_per_film == 360
    assert (plan.simulation.columns, plan.simulation.rows) == (4000, 1500)
    assert {training.seed for training in plan.trainings} == {0, 1, 2}
    by_film = [training.network for training in plan.trainings if training.protocol == BY_FILM]
    at_random = [training.network for training in plan.trainings if training.protocol == AT_RANDOM]
    assert {name: by_film.count(name) for name in plan.networks} == dict.fromkeys(plan.networks, 3)
    assert {name: at_random.count(name) for name in plan.both} == {"fcn selu": 3, "autoencoder": 3}
    assert plan.networks["fcn elu"].alpha == 1 and plan.networks["fcn selu"].alpha > 1.6
    assert len({training.name for training in plan.trainings}) == len(plan.trainings) == 18


def test_the_scale_changes_pairs_and_steps_and_nothing_else() -> None:
    whole, part, least = (ReproductionSettings(scale=scale) for scale in (1.0, 0.1, 0.001))
    assert (whole.pairs(360), whole.passes(360)) == (PAIRS, 3)
    assert (part.pairs(360), part.passes(360)) == (1187, 3)
    assert (least.pairs(360), least.passes(360)) == (360, 1)
    assert whole.pairs(180) == round(PAIRS / 2)


# What it leaves


def test_the_report_is_there_in_both_forms_with_its_figures(unbroken: Reproduction) -> None:
    text, html = unbroken.report.read_text(), unbroken.html.read_text()
    assert [path.name for path in unbroken.figures] == ["figure5.png", "figure6.png", "figure7.png"]
    for path in unbroken.figures:
        assert read(path).pixels.size > 10_000
        assert path.with_suffix(".svg").exists()
        assert f"figures/{path.name}" in text
    assert html.count("data:image/png;base64,") == 3
    for training in unbroken.findings.scores:
        assert f"| {training.network} | " in text
    assert "The leak gap is" in text and "none of the pictures shows a real radiograph" in text


def test_every_number_stands_in_the_report_with_its_seed_and_time(unbroken: Reproduction) -> None:
    told = json.loads((unbroken.report.parent / "report.json").read_text())
    assert told["scale"] == 0.1 and told["seeds"] == [0, 1]
    assert len(told["trainings"]) == 10
    for row in told["trainings"]:
        assert row["seconds"] > 0 and row["steps"] > 0 and row["seed"] in (0, 1)
        assert 0 <= row["test"]["pooled"]["f1"] <= 1
    f1 = {(r["network"], r["protocol"], r["seed"]): r["test"]["pooled"]["f1"] for r in told["trainings"]}
    for network in ("fcn selu", "autoencoder"):
        expected = [f1[network, AT_RANDOM, seed] - f1[network, BY_FILM, seed] for seed in (0, 1)]
        assert told["leak_gap"][network]["values"] == pytest.approx(expected)
        assert told["leak_gap"][network]["mean"] == pytest.approx(np.mean(expected))
    assert set(told["networks"]["fcn relu"]) == {BY_FILM}
    text = unbroken.report.read_text()
    for value in f1.values():
        assert f"| {value:.3f} |" in text


def test_all_trainings_saw_only_their_own_side(unbroken: Reproduction) -> None:
    stuff = material(unbroken)
    for training in unbroken.findings.scores:
        division = stuff.division(training)
        learned, _ = stuff.learned(training)
        tested = {stuff.crops.rows[i].name for i in division.test}
        assert not {row.name.split("_v")[0] for row in learned.rows} & tested
        run = unbroken.report.parent / "runs" / training.name
        split = json.loads((run / "splits.json").read_text())
        validating = {learned.rows[i].name for i in split["validation"]}
        assert validating == {stuff.crops.rows[i].name for i in division.validation}
        assert {learned.rows[i].name.split("_v")[0] for i in split["training"]} == {
            stuff.crops.rows[i].name for i in division.training
        }


def test_a_score_is_that_of_the_models_file_on_the_crops_kept_for_the_test(unbroken: Reproduction) -> None:
    stuff = material(unbroken)
    training = Training("autoencoder", AT_RANDOM, 1)
    model = Model.load(unbroken.report.parent / "runs" / training.name / "best.safetensors")
    found = evaluate(model, stuff.tested(stuff.division(training).test))
    assert unbroken.findings.scores[training]["test"]["pooled"] == found.as_dict()["pooled"]


def test_progress_rises_to_the_end_and_each_part_is_told(unbroken: Reproduction, events: list[Event]) -> None:
    shares = [event.done / event.total for event in events if isinstance(event, TileDone)]
    assert shares == sorted(shares) and shares[-1] == 1
    texts = [event.text for event in events if isinstance(event, Message)]
    assert "simulating films: 6 films in" in texts[1]
    assert any(text.startswith("autoencoder, random crops, seed 1: F1 0.") for text in texts)
    assert any("min left" in text for text in texts)


# Interrupted


def test_killed_within_a_training_it_goes_on_to_the_same_numbers(
    unbroken: Reproduction, tiny: ModuleType, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    history = out / "runs" / "fcn-selu_film_1" / "history.csv"
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not history.exists() and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    assert process.wait() < 0
    assert (out / "parts" / "fcn-selu_film_1.begun").exists()
    before = (out / "parts" / "fcn-selu_film_0.json").stat().st_mtime_ns
    again = reproduce(out, tiny.SETTINGS, plan=tiny.PLAN)
    assert timeless(again.findings.as_dict()) == timeless(unbroken.findings.as_dict())
    assert (out / "parts" / "fcn-selu_film_0.json").stat().st_mtime_ns == before
    part = again.findings.part("fcn-selu_film_1")
    assert part is not None and part.resumed and "| > 0." in again.report.read_text()


def test_stopped_it_keeps_what_is_finished(tiny: ModuleType, tmp_path: Path) -> None:
    told: list[str] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Message):
            told.append(event.text)

    with pytest.raises(Stopped):
        reproduce(
            tmp_path / "out",
            tiny.SETTINGS,
            plan=tiny.PLAN,
            job=JobControl(on_event, lambda: bool(told) and told[-1].startswith("fcn selu, by film, seed 0")),
        )
    done = sorted(path.name for path in (tmp_path / "out" / "parts").glob("*.json"))
    assert done == ["crops.json", "films.json", "pairs.json"]
    assert not (tmp_path / "out" / "report.md").exists()


def test_done_already_it_is_only_told_again(unbroken: Reproduction, tiny: ModuleType) -> None:
    out, events = unbroken.report.parent, []
    unbroken.report.unlink()
    again = reproduce(out, tiny.SETTINGS, plan=tiny.PLAN, job=JobControl(events.append))
    assert not [event for event in events if isinstance(event, Message)]
    assert again.report.exists()
    assert again.findings.as_dict() == unbroken.findings.as_dict()


# Wrong input


def test_a_folder_with_another_experiment_is_refused(unbroken: Reproduction, tiny: ModuleType) -> None:
    with pytest.raises(SettingsError, match=r"whose scale is 0\.1 and not 0\.2"):
        reproduce(unbroken.report.parent, ReproductionSettings(scale=0.2), plan=tiny.PLAN)
    other = replace(tiny.PLAN, seeds=(0,))
    with pytest.raises(SettingsError, match="whose seeds"):
        reproduce(unbroken.report.parent, tiny.SETTINGS, plan=other)


def test_a_folder_without_welds_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "GDXray").mkdir()
    with pytest.raises(RadiographError, match="holds no series W0001"):
        reproduce(tmp_path / "out", gdxray=tmp_path / "GDXray")
    assert not (tmp_path / "out").exists()


def test_welds_without_masks_are_refused_before_anything_is_written(
    unbroken: Reproduction, tmp_path: Path
) -> None:
    films = unbroken.report.parent / "films" / "Welds" / "W0001"
    alone = tmp_path / "GDXray" / "Welds" / "W0001"
    alone.mkdir(parents=True)
    for path in films.glob("W0001_*.png"):
        (alone / path.name).write_bytes(path.read_bytes())
    with pytest.raises(SettingsError, match="0 of its films have masks, but 3 are needed"):
        reproduce(tmp_path / "out", gdxray=tmp_path / "GDXray")
    assert not (tmp_path / "out").exists()


def test_films_in_gdxrays_layout_are_taken_as_gdxray(
    unbroken: Reproduction, tiny: ModuleType, tmp_path: Path
) -> None:
    small = replace(tiny.PLAN, networks={"fcn selu": tiny.PLAN.networks["fcn selu"]}, both=("fcn selu",))
    films = unbroken.report.parent / "films"
    found = reproduce(tmp_path / "out", tiny.SETTINGS, gdxray=films, plan=small)
    assert found.findings.source == "GDXray"
    text = found.report.read_text()
    assert "do not redistribute" in text and "Figure 7 is missing" in text
    assert "nothing to compare" in text
    own = Training("fcn selu", BY_FILM, 0)
    expected = unbroken.findings.scores[own]["test"]["pooled"]
    assert found.findings.scores[own]["test"]["pooled"] == expected


# Side by side


def test_side_by_side_comes_to_the_same_numbers(
    unbroken: Reproduction, tiny: ModuleType, tmp_path: Path
) -> None:
    events: list[Event] = []
    settings = tiny.SETTINGS.model_copy(update={"at_once": 3})
    found = reproduce(tmp_path / "out", settings, plan=tiny.PLAN, job=JobControl(events.append))
    for training, values in found.findings.scores.items():
        assert values["at_once"] == 3 and values["threads"] == 1
        assert values["test"]["pooled"] == unbroken.findings.scores[training]["test"]["pooled"]
    shares = [event.done / event.total for event in events if isinstance(event, TileDone)]
    assert shares == sorted(shares) and shares[-1] == 1
    texts = [event.text for event in events if isinstance(event, Message)]
    assert sum(": F1 0." in text for text in texts) == 10
    assert "Up to 3 trainings ran side by side" in found.report.read_text()


def test_stopped_side_by_side_it_goes_on_one_by_one(
    unbroken: Reproduction, tiny: ModuleType, tmp_path: Path
) -> None:
    told: list[Event] = []
    settings = tiny.SETTINGS.model_copy(update={"at_once": 2})

    def stop() -> bool:
        return any(isinstance(event, Message) and ": F1 0." in event.text for event in told)

    with pytest.raises(Stopped):
        reproduce(tmp_path / "out", settings, plan=tiny.PLAN, job=JobControl(told.append, stop))
    assert 1 <= len(list((tmp_path / "out" / "parts").glob("*_[01].json"))) < 10
    again = reproduce(tmp_path / "out", tiny.SETTINGS, plan=tiny.PLAN)
    for training, values in again.findings.scores.items():
        assert values["test"]["pooled"] == unbroken.findings.scores[training]["test"]["pooled"]


def test_a_training_that_fails_beside_others_is_told_and_stops_them(
    unbroken: Reproduction, tiny: ModuleType, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    settings = tiny.SETTINGS.model_copy(update={"at_once": 2})
    (out / "runs").mkdir(parents=True)
    (out / "runs" / "fcn-selu_random_0").write_text("no folder")
    with pytest.raises(WeldFcnError, match="fcn-selu_random_0"):
        reproduce(out, settings, plan=tiny.PLAN)
    assert not (out / "report.md").exists()

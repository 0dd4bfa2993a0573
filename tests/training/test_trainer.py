"""Fits of a tiny network on simulated patches: the same loop, rate and state as the shipped models have."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.events import Event, JobControl, StepDone, Validated
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.training.data.sampling import Batch
from napari_weld_fcn.training.objective import Problem
from napari_weld_fcn.training.settings import FitSettings, PatchSettings
from napari_weld_fcn.training.simulated.patches import WINDOWS, batch_of
from napari_weld_fcn.training.simulated.validation import probabilities, validate, validation_films
from napari_weld_fcn.training.state import STATE_FILE
from napari_weld_fcn.training.trainer import FitResult, fit, learning_rate

SETTINGS = FitSettings(steps=6, batch=2, validate_every=2, warm_up=2)
SMALL = WINDOWS.model_copy(update={"rows": 64, "columns": 64, "flawless_share": 0.0})


def tiny(activation: str = "relu") -> torch.nn.Module:
    torch.manual_seed(0)
    return build(NetworkSettings(width=8, depth=1, activation=activation))


def source(start: int, stop: int) -> Iterator[Batch]:
    for step in range(start, stop):
        yield batch_of(range(step * 2, step * 2 + 2), SMALL, PatchSettings())


def steady(network: torch.nn.Module, step: int) -> Validated:
    return Validated(step, 0.5 + 0.01 * step, 0.5, 0.5, 0.5)


STEADY = Problem(source, steady)


def run(folder: Path, settings: FitSettings = SETTINGS, **more: object) -> FitResult:
    return fit(tiny(), STEADY, settings, folder, **more)  # type: ignore[arg-type]


def weights(network: torch.nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in network.state_dict().values()]


def equal(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("stop_after", [1, 2, 3, 5])
def test_a_resumed_fit_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path, stop_after: int) -> None:
    unbroken = run(tmp_path / "unbroken")
    seen: list[Event] = []
    done = lambda: sum(isinstance(event, StepDone) for event in seen) >= stop_after  # noqa: E731
    with pytest.raises(Stopped):
        run(tmp_path / "broken", job=JobControl(seen.append, done))
    resumed = run(tmp_path / "broken")
    assert equal(weights(unbroken.network), weights(resumed.network))
    assert resumed.history == unbroken.history


def test_a_fit_killed_between_saves_goes_on_from_the_last_one(tmp_path: Path) -> None:
    unbroken = run(tmp_path / "unbroken")

    def dies(start: int, stop: int) -> Iterator[Batch]:
        yield from source(start, 3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tiny(), Problem(dies, steady), SETTINGS, tmp_path / "killed")
    assert equal(weights(unbroken.network), weights(run(tmp_path / "killed").network))


def test_a_finished_fit_is_not_done_again(tmp_path: Path) -> None:
    first = run(tmp_path)
    seen: list[Event] = []
    again = run(tmp_path, job=JobControl(seen.append))
    assert not seen
    assert equal(weights(first.network), weights(again.network))


def test_the_best_validation_is_what_comes_back(tmp_path: Path) -> None:
    kept: dict[int, list[torch.Tensor]] = {}

    def falling(network: torch.nn.Module, step: int) -> Validated:
        kept[step] = weights(network)
        return Validated(step, 0.9 if step == 2 else 0.4, 0.5, 0.5, 0.5)

    result = fit(tiny(), Problem(source, falling), SETTINGS, tmp_path)
    assert result.best.step == 2
    assert equal(weights(result.network), kept[2])
    assert not equal(weights(result.network), kept[6])


def test_a_fit_learns(tmp_path: Path) -> None:
    batch = batch_of(range(8), SMALL, PatchSettings())
    settings = FitSettings(steps=60, batch=8, validate_every=60, warm_up=5, learning_rate=5e-3, averaging=0.9)
    losses: list[float] = []
    fit(
        tiny(),
        Problem(lambda start, stop: iter([batch] * (stop - start)), steady),
        settings,
        tmp_path,
        job=JobControl(lambda event: losses.append(event.loss) if isinstance(event, StepDone) else None),
    )
    assert np.mean(losses[-5:]) < 0.75 * np.mean(losses[:5])


def test_a_loss_that_is_not_finite_stops_the_fit_with_a_sentence(tmp_path: Path) -> None:
    def poisoned(start: int, stop: int) -> Iterator[Batch]:
        for batch in source(start, stop):
            yield replace(batch, pixels=np.full_like(batch.pixels, np.nan))

    with pytest.raises(ModelError, match="diverged at step 1"):
        fit(tiny(), Problem(poisoned, steady), SETTINGS, tmp_path)


def test_a_network_that_tells_nothing_apart_is_said(tmp_path: Path) -> None:
    films = validation_films(4)

    class Constant(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.full_like(x, -4.0)

    with pytest.raises(ModelError, match="tells flaws from background nowhere"):
        fit(tiny(), Problem(source, lambda _, step: validate(Constant(), films, step)), SETTINGS, tmp_path)


def test_dropout_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def dropping() -> torch.nn.Module:
        torch.manual_seed(0)
        settings = NetworkSettings(width=8, depth=1, normalisation="none", dropout=0.2, activation="selu")
        return build(settings)

    unbroken = fit(dropping(), STEADY, SETTINGS, tmp_path / "unbroken")
    seen: list[Event] = []
    with pytest.raises(Stopped):
        fit(
            dropping(),
            STEADY,
            SETTINGS,
            tmp_path / "broken",
            job=JobControl(seen.append, lambda: len(seen) >= 3),
        )
    resumed = fit(dropping(), STEADY, SETTINGS, tmp_path / "broken")
    assert equal(weights(unbroken.network), weights(resumed.network))


def test_other_settings_do_not_go_on_with_a_state(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(ModelError, match="steps was 6 and is 8"):
        run(tmp_path, SETTINGS.model_copy(update={"steps": 8}))


@pytest.mark.parametrize("damage", [b"", b"not a state", None])
def test_a_damaged_state_is_refused(tmp_path: Path, damage: bytes | None) -> None:
    if damage is None:
        fit(
            build(NetworkSettings(kind="fcn", width=4)),
            STEADY,
            SETTINGS,
            tmp_path,
        )
    else:
        (tmp_path / STATE_FILE).write_bytes(damage)
    with pytest.raises(ModelError, match="no state that this fit can resume from"):
        run(tmp_path)


def test_rate_rises_over_the_warm_up_and_falls_to_its_share() -> None:
    settings = FitSettings(steps=1000, warm_up=100, learning_rate=1.0, final_rate=0.01)
    rates = [learning_rate(step, settings) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01, rel=0.01)
    assert int(np.argmax(rates)) in range(98, 102)
    assert rates[-1] == pytest.approx(0.01, rel=0.05)


def test_validation_scores_the_network_and_leaves_its_mode() -> None:
    films = validation_films(4)
    network = tiny().train()
    scores = validate(network, films, 7)
    assert network.training
    assert scores.step == 7
    assert 0 <= scores.f1 <= 1


def test_validation_films_are_seen_as_parts_of_films_with_other_spreads() -> None:
    films = validation_films(8)
    shown = [np.log(p / (1 - p)) for p in probabilities(torch.nn.Identity(), films)]
    alone = [measure(film.radiograph.pixels).apply(film.radiograph.pixels) for film in films]
    spreads = [seen.std() / pixels.std() for seen, pixels in zip(shown, alone, strict=True)]
    settings = PatchSettings()
    assert 0.99 * settings.spread_min < min(spreads) < 0.7
    assert 0.9 < max(spreads) < 1.01 * settings.spread_max


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    assert equal(weights(first.network), weights(second.network))

"""Films without labels: windows with flaws put in, what is held out, and a run that does no harm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from napari_weld_fcn import Model, predict
from napari_weld_fcn.dataset.films import LabelledFilm, split_films
from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import DatasetError, SettingsError, Stopped
from napari_weld_fcn.events import Event, JobControl, Message, StepDone, TileDone, Validated
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings, SimulationSettings
from napari_weld_fcn.training.checkpoint_selection import best_of
from napari_weld_fcn.training.run import resume, train
from napari_weld_fcn.training.run_record import TrainResult
from napari_weld_fcn.training.settings import RATE_CLEAN, TrainSettings
from napari_weld_fcn.training.simulated.clean_films import CleanFilms, MixedData, check_apart
from napari_weld_fcn.training.simulated.synthetic_flaws import (
    CleanFilm,
    SyntheticFlawSampler,
    clean_film_of,
    teaching_patch,
)
from napari_weld_fcn.training.simulated.without_labels import TOLERANCE, CleanScores, CleanValidation

FILM = SimulationSettings(rows=128, columns=256, flawless_share=1.0, harsh_share=0.0, jpeg_share=0.0)
SETTINGS = TrainSettings(epochs=2, batch=4, window=48, device="cpu", seed=5)
SIZE = (64, 64)


def film(seed: int = 0, **changed: object) -> Radiograph:
    made = simulate(FILM.model_copy(update=changed), seed).radiograph
    return Radiograph(made.pixels, name=f"film_{seed}")


@pytest.fixture(scope="module")
def model() -> Model:
    """An untrained network that marks nearly everything."""
    return Model.create(Card(name="tiny", network=NetworkSettings(width=4, depth=1), threshold=0.03), seed=1)


@pytest.fixture(scope="module")
def shipped() -> Model:
    return Model.load("default")


@pytest.fixture(scope="module")
def teacher(model: Model) -> CleanFilm:
    return clean_film_of(film(), model, clean=True)


def source(teachers: list[CleanFilm], **changed: object) -> SyntheticFlawSampler:
    values = {"batch": 8, "size": SIZE, "simulated_share": 0.25, "seed": 3, **changed}
    return SyntheticFlawSampler(teachers, InsertionSettings(), **values)  # type: ignore[arg-type]


def test_batches_are_functions_of_their_step(teacher: CleanFilm) -> None:
    whole = list(source([teacher]).batches(0, 4))
    later = list(source([teacher]).batches(2, 4))
    assert len(whole) == 4 and whole[0].pixels.shape == (8, 1, *SIZE)
    for first, second in zip(whole[2:], later, strict=True):
        for name in ("pixels", "truth", "ignored"):
            assert np.array_equal(getattr(first, name), getattr(second, name))
    assert len({patch.tobytes() for batch in whole for patch in batch.pixels}) == 32
    other = next(source([teacher], seed=4).batches(0, 1))
    assert not np.array_equal(whole[0].pixels, other.pixels)


def test_a_quarter_is_simulated_and_some_windows_have_no_flaw(teacher: CleanFilm) -> None:
    made = source([teacher])
    assert made.simulated == 2
    flawed = [made.patch(step, number).truth.any() for step in range(12) for number in range(2, 8)]
    assert 0.1 < np.mean(flawed) < 0.7


def test_a_patch_is_what_the_film_is_but_for_its_flaws(teacher: CleanFilm) -> None:
    plain = InsertionSettings(flawless_share=1.0)
    normalised = teacher.normalisation.apply(teacher.ground.pixels)
    for number in range(10):
        patch = teaching_patch(teacher, SIZE, plain, (number,))
        assert not patch.truth.any() and not patch.ignored.any()
        assert patch.pixels.std() < 1.5 * normalised.std()


def test_windows_return_to_what_is_called_by_mistake(model: Model) -> None:
    clean = film(1)
    marked = predict(clean, model).probability > 0.5 * model.card.threshold
    assert marked.any()
    taught = clean_film_of(clean, model, clean=True)
    assert len(taught.calls) and taught.ground.forbidden is None
    assert marked[tuple(taught.calls.T)].all() or taught.ground.shape != marked.shape


def test_what_the_model_marks_on_other_films_is_ignored(model: Model) -> None:
    other = film(1)
    marked = predict(other, model).probability > 0.5 * model.card.threshold
    taught = clean_film_of(other, model, clean=False, margin=2)
    assert not len(taught.calls)
    assert taught.ground.forbidden is not None and taught.ground.shape == marked.shape
    assert taught.ground.forbidden[marked].all()


def test_a_film_smaller_than_the_patch_is_filled_up_and_ignored_there(model: Model) -> None:
    small = clean_film_of(Radiograph(film().pixels[:50, :60]), model, clean=True)
    patch = teaching_patch(small, SIZE, InsertionSettings(flawless_share=1.0), (0,))
    assert patch.pixels.shape == SIZE
    assert patch.ignored.sum() == 64 * 64 - 50 * 60


def test_the_negative_of_a_film_teaches_what_the_film_does() -> None:
    bead = np.full((300, 400), 100.0)
    bead[100:200] += 60
    bead = gaussian_filter1d(bead, 4, axis=0) + np.linspace(0, 8, 400)  # no film has a hard edge in it
    pixels = (bead + np.random.default_rng(0).integers(0, 9, bead.shape)).astype(np.uint8)
    flaws = InsertionSettings(flawless_share=0.0)
    patches = [
        teaching_patch(clean_film_of(Radiograph(each), None, clean=True), SIZE, flaws, (3,))
        for each in (pixels, 255 - pixels)
    ]
    assert patches[0].truth.any()
    np.testing.assert_array_equal(patches[0].truth, patches[1].truth)
    np.testing.assert_allclose(patches[0].pixels, patches[1].pixels, atol=1e-4)


def test_sizes_follow_from_a_known_pixel_size(model: Model) -> None:
    known = Radiograph(film().pixels, pixel_size_mm=0.0403 / 2, pixel_size_source="user")
    flaws = clean_film_of(known, model, clean=True).flaws(InsertionSettings())
    assert flaws.magnification_min < 2 < flaws.magnification_max
    assert clean_film_of(film(), model, clean=True).flaws(InsertionSettings()) == InsertionSettings()


@given(count=st.integers(2, 12), seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_no_film_teaches_and_validates(count: int, seed: int) -> None:
    films = CleanFilms.of([Radiograph(np.zeros((64, 64), np.uint8), name=str(i)) for i in range(count)])
    split = films.split(SplitSettings(seed=seed))
    sides = [{part.position for part in side} for side in (split.training, split.validation)]
    assert sides[0] | sides[1] == set(range(count)) and not sides[0] & sides[1]
    assert all(sides)


def test_a_film_alone_is_cut_with_a_gap_inside_what_is_known() -> None:
    known = np.zeros((300, 600), bool)
    known[100:250, 50:550] = True
    films = CleanFilms.of([Radiograph(np.zeros((300, 600), np.uint8))], known=[known])
    split = films.split(SplitSettings(gap=20))
    (taught,), (validates,) = split.training, split.validation
    assert (taught.row, taught.rows, taught.column) == (100, 150, 50)
    assert taught.column + taught.columns + 20 == validates.column
    assert validates.column + validates.columns == 550
    assert "alone" in split.note


def test_a_film_alone_cannot_be_named_to_validate() -> None:
    with pytest.raises(DatasetError, match="film_1 is the only film"):
        CleanFilms.of([film(1)]).split(SplitSettings(kind="films", films=("film_1",)))


def test_a_named_film_validates() -> None:
    films = CleanFilms.of([film(1), film(2), film(3)])
    split = films.split(SplitSettings(kind="films", films=("film_2",)))
    assert [part.position for part in split.validation] == [1]
    for names, said in ((("film_9",), "no film film_9"), (("film_1", "film_2", "film_3"), "must teach")):
        with pytest.raises(DatasetError, match=said):
            films.split(SplitSettings(kind="films", films=names))


@pytest.mark.parametrize(
    ("films", "said"),
    [
        ([], "no film"),
        ([Radiograph(np.zeros((64, 64), np.uint8), name="small")], "small: is alone"),
    ],
)
def test_films_that_cannot_teach_are_refused(films: list[Radiograph], said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        CleanFilms.of(films).split(SplitSettings())


def test_a_film_too_small_for_the_network_is_refused(model: Model) -> None:
    with pytest.raises(DatasetError, match="needs 48"):
        clean_film_of(Radiograph(np.zeros((40, 400), np.uint8)), model, clean=True)


def test_what_is_lost_on_simulated_films_is_taken_off(model: Model, teacher: CleanFilm) -> None:
    validation = CleanValidation([teacher], InsertionSettings(), model, size=SIZE)
    start = validation.start
    assert 0 <= start.own <= 1 and validation.told(start, 0).f1 == pytest.approx(start.own)
    assert validation.told(start, 0).threshold == model.card.threshold

    def f1(own: float, simulated: float) -> float:
        return validation.told(CleanScores(own, simulated, 1.0, 1.0, 0.0), 1).f1

    assert f1(0.9, start.simulated) == f1(0.9, start.simulated - TOLERANCE) == pytest.approx(0.9)
    assert f1(0.9, start.simulated - TOLERANCE - 0.1) == pytest.approx(0.8)


def test_a_network_that_calls_everything_scores_worse_than_one_that_calls_nothing(
    model: Model, teacher: CleanFilm
) -> None:
    def with_bias(value: float) -> Model:
        changed = Model.create(model.card, seed=1)
        *_, last = (layer for layer in changed.network.modules() if isinstance(layer, torch.nn.Conv2d))
        assert last.bias is not None
        torch.nn.init.constant_(last.bias, value)
        return changed

    validation = CleanValidation([teacher], InsertionSettings(), model, size=SIZE)
    everything, nothing = (validation.score(with_bias(value).network) for value in (50.0, -50.0))
    assert everything.own < nothing.own
    assert nothing.false_calls == 0 and nothing.recall == 0
    assert everything.recall > 0.99


def run(folder: Path, films: list[Radiograph], model: Model, **more: object) -> TrainResult:
    return train(CleanFilms.of(films), folder, SETTINGS, start_from=model, **more)  # type: ignore[arg-type]


def apart(films: list[Radiograph]) -> list[Radiograph]:
    """The same, not called as the crops' films are."""
    return [Radiograph(film.pixels, name=f"clean {film.name}") for film in films]


@pytest.fixture(scope="module")
def films() -> list[Radiograph]:
    return [film(seed) for seed in (1, 2, 3)]


def test_a_run_tunes_a_model_and_tells_its_score_before(
    films: list[Radiograph], shipped: Model, tmp_path: Path
) -> None:
    seen: list[Event] = []
    result = run(tmp_path / "run", films, shipped, job=JobControl(seen.append))
    scores = [event for event in seen if isinstance(event, Validated)]
    assert [each.step for each in scores] == [0, 8, 16]
    first, *others = [each.f1 for each in scores]
    better = [f1 for f1 in others if f1 > first]
    assert result.best.f1 == (better[best_of(better, TrainSettings().margin)] if better else first)
    made = Model.load(result.model)
    assert made.card.threshold == shipped.card.threshold
    assert made.card.data == "2 clean films from memory"
    assert made.card.recipe["train"]["learning_rate"] == RATE_CLEAN
    assert any(isinstance(event, Message) and "validates" in event.text for event in seen)


def test_a_model_that_no_step_betters_is_kept(
    films: list[Radiograph], shipped: Model, tmp_path: Path
) -> None:
    seen: list[Event] = []
    still = SETTINGS.model_copy(update={"learning_rate": 1e-12})  # every step is the model itself, as good
    result = train(
        CleanFilms.of(films), tmp_path / "run", still, start_from=shipped, job=JobControl(seen.append)
    )
    first = Model.load(result.model).network.state_dict()
    for name, weights in shipped.network.state_dict().items():
        assert torch.equal(first[name], weights)
    assert result.best.step == 0
    assert any(isinstance(event, Message) and "is kept" in event.text for event in seen)


def test_a_resumed_run_ends_as_an_unbroken_one(
    films: list[Radiograph], shipped: Model, tmp_path: Path
) -> None:
    unbroken = run(tmp_path / "unbroken" / "run", films, shipped)
    seen: list[Event] = []
    stop = lambda: sum(isinstance(event, StepDone) for event in seen) >= 5  # noqa: E731
    stopped = run(tmp_path / "broken" / "run", films, shipped, job=JobControl(seen.append, stop))
    assert stopped.stopped
    resumed = resume(tmp_path / "broken" / "run")
    for name in ("last", "best"):
        first, second = (each / f"{name}.safetensors" for each in (unbroken.run, resumed.run))
        assert first.read_bytes() == second.read_bytes()
    assert unbroken.best == resumed.best


@pytest.mark.parametrize("mixed_in", [False, True])
def test_stop_is_heard_while_films_are_made_ready(
    films: list[Radiograph], pairs: list[Pair], shipped: Model, tmp_path: Path, mixed_in: bool
) -> None:
    seen: list[Event] = []
    ready = lambda: any(isinstance(event, TileDone) for event in seen)  # noqa: E731
    said = {"job": JobControl(seen.append, ready), "start_from": shipped}
    clean = CleanFilms.of(apart(films))
    data = MixedData(pairs, clean) if mixed_in else clean
    with pytest.raises(Stopped):
        train(data, tmp_path / "run", SETTINGS, **said)
    assert sum(isinstance(event, TileDone) for event in seen) == 1
    assert isinstance(seen[-1], Message) and "can be resumed" in seen[-1].text
    asked = iter([False])
    with pytest.raises(Stopped):
        resume(tmp_path / "run", job=JobControl(should_stop=lambda: next(asked, True)))


def test_stop_is_heard_while_the_model_that_is_tuned_is_scored(model: Model, teacher: CleanFilm) -> None:
    for times in (0, 5, 20):
        stop = iter([*[False] * times, True]).__next__
        with pytest.raises(Stopped):
            CleanValidation(
                [teacher], InsertionSettings(), model, size=SIZE, job=JobControl(should_stop=stop)
            )


def test_clean_films_alone_make_no_model(films: list[Radiograph], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="such as default"):
        train(CleanFilms.of(films), tmp_path / "run", SETTINGS)
    assert not (tmp_path / "run").exists()


def test_windows_of_clean_films_are_mixed_into_a_training(
    pairs: list[Pair], films: list[Radiograph], shipped: Model, tmp_path: Path
) -> None:
    others = CleanFilms.of(apart(films))
    results = [
        train(data, tmp_path / name / "run", SETTINGS, start_from=shipped)
        for name, data in (("with", MixedData(pairs, others)), ("without", pairs))
    ]
    assert Model.load(results[0].model).sha256 != Model.load(results[1].model).sha256
    assert [Model.load(each.model).card.recipe["mixed_in"] for each in results] == ["clean", ""]
    again = resume(results[0].run)
    assert again.best == results[0].best


def test_unlabelled_films_need_a_model(pairs: list[Pair], films: list[Radiograph], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="where flaws may be"):
        train(MixedData(pairs, CleanFilms.of(apart(films), "unlabelled")), tmp_path / "run", SETTINGS)


def test_a_film_that_validates_does_not_teach(pairs: list[Pair], shipped: Model, tmp_path: Path) -> None:
    named = CleanFilms.of([Radiograph(film(1).pixels, name=f"film_{number}") for number in range(3)])
    with pytest.raises(DatasetError, match="validates, so it cannot teach"):
        train(MixedData(pairs, named), tmp_path / "run", SETTINGS, start_from=shipped)
    assert not (tmp_path / "run").exists()


def test_a_film_may_teach_with_and_without_labels_where_both_are_apart(
    films: list[Radiograph],
) -> None:
    """One film has flaws labelled on its left half, cut in two; its right half is free of them."""
    pixels = films[0].pixels
    mask = np.full(pixels.shape, IGNORED, np.uint8)
    mask[:, :120] = BACKGROUND
    for column in range(4, 116, 16):
        mask[40:48, column : column + 8] = FLAW
    labelled = [LabelledFilm(films[0], mask)]
    split = split_films(labelled)
    (held_out,) = split.validation
    known = np.zeros(pixels.shape, bool)
    known[:, 130:] = True
    check_apart(labelled, split, CleanFilms.of(films[:1], known=[known]))
    check_apart(labelled, split, CleanFilms.of(films[1:]))
    known[held_out.row, held_out.column] = True
    with pytest.raises(DatasetError, match="film_1: validates"):
        check_apart(labelled, split, CleanFilms.of(films[:1], "unlabelled", [known]))
    known[44, 8] = True
    with pytest.raises(DatasetError, match="film_1: flaws are labelled"):
        check_apart(labelled, split, CleanFilms.of(films[:1], known=[known]))


@pytest.mark.parametrize("alone", [True, False])
def test_a_film_too_small_to_teach_is_refused_before_anything_is_written(
    alone: bool, pairs: list[Pair], films: list[Radiograph], shipped: Model, tmp_path: Path
) -> None:
    small = np.zeros(films[0].pixels.shape, bool)
    small[10:40, 10:200] = True
    clean = CleanFilms.of(apart(films), known=[small, None, None])
    data = clean if alone else MixedData(pairs, clean)
    with pytest.raises(DatasetError, match="shows 30 x 190"):
        train(data, tmp_path / "run", SETTINGS, start_from=shipped)
    assert not (tmp_path / "run").exists()


def test_planes_of_a_stack_are_films_of_their_own() -> None:
    stack = Radiograph(np.stack([film(1).pixels, film(2).pixels]), name="stack")
    films = CleanFilms.of([stack])
    assert [each.film for each in films.films] == ["stack_p000", "stack_p001"]
    assert measure(films.films[1].radiograph.pixels) == measure(film(2).pixels)

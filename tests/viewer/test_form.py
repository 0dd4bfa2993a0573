"""A settings class becomes a form that loses nothing."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from magicgui.widgets import ComboBox
from napari.utils.notifications import notification_manager
from pydantic import model_validator

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.settings import Settings, setting
from napari_weld_fcn.viewer.form import SettingsForm
from napari_weld_fcn.viewer.preferences import remember, remembered


class Example(Settings):
    rate: float = setting(0.0004, "A small number", step=0.0001, gt=0, lt=1)
    size_mm: float = setting(0.0403, "A size", unit="mm", step=0.001, ge=0, le=10)
    count: int = setting(3, "How many", unit="pieces", step=2, ge=1, le=9)
    kind: Literal["dark", "bright"] = setting("bright", "Which")
    exact: bool = setting(True, "Whether")

    @model_validator(mode="after")
    def _agree(self) -> Example:
        if self.kind == "dark" and self.exact:
            raise ValueError("dark is never exact")
        return self


@pytest.fixture
def example(qapp) -> SettingsForm:
    return SettingsForm(Example, Example.model_fields)


def test_untouched_form_gives_the_defaults(example) -> None:
    assert example.read() == Example()


@pytest.mark.parametrize("settings", [PredictionSettings])
def test_every_shipped_form_gives_the_defaults(qapp, settings) -> None:
    assert SettingsForm(settings, settings.model_fields).read() == settings()


def test_labels_name_the_unit_once(example) -> None:
    assert example.labels == {
        "rate": "Rate",
        "size_mm": "Size (mm)",
        "count": "Count (pieces)",
        "kind": "Kind",
        "exact": "Exact",
    }


def test_widgets_keep_range_step_choices_and_help(example) -> None:
    rate, count, kind = (example.widgets[name] for name in ("rate", "count", "kind"))
    assert (rate.min, rate.max) == (0.0001, 0.9999)
    assert (count.min, count.max, count.step) == (1, 9, 2)
    assert isinstance(kind, ComboBox) and kind.choices == ("dark", "bright")
    assert rate.tooltip == "A small number"


@given(rate=st.integers(1, 9999), size=st.integers(0, 100_000), count=st.integers(1, 9))
def test_typed_values_arrive_undiminished(qapp, rate, size, count) -> None:
    form = SettingsForm(Example, ("rate", "size_mm", "count"))
    values = {"rate": rate / 10_000, "size_mm": size / 10_000, "count": count}
    for name, value in values.items():
        form.widgets[name].value = value
    assert form.read().model_dump(include=set(values)) == pytest.approx(values)


def test_contradiction_is_one_sentence(example) -> None:
    example.widgets["kind"].value = "dark"
    with pytest.raises(SettingsError, match="dark is never exact") as caught:
        example.read()
    assert "\n" not in str(caught.value)


def test_refused_value_is_named_by_its_label(example) -> None:
    with pytest.raises(SettingsError, match=r"Threshold|threshold"):
        SettingsForm(PredictionSettings, ()).read(threshold=2.0)


def test_zero_shows_what_it_means(qapp) -> None:
    form = SettingsForm(PredictionSettings, ("pixel_size_mm",))
    assert form.widgets["pixel_size_mm"].native.text() == "from the film"


def test_values_are_remembered_from_session_to_session() -> None:
    assert remembered("predict", PredictionSettings) == {}
    remember("predict", {"min_size": 7.5, "polarity": "bright"})
    remember("other", {"min_size": 1.0})
    assert remembered("predict", PredictionSettings) == {"min_size": 7.5, "polarity": "bright"}


def test_what_is_no_longer_allowed_is_forgotten_alone() -> None:
    remember("predict", {"min_size": -1, "polarity": "bright", "unknown": 1})
    assert remembered("predict", PredictionSettings) == {"polarity": "bright"}


def test_what_an_earlier_version_remembered_is_told_once_and_its_default_is_no_choice() -> None:
    old = {"min_size": 7.5, "polarity": "dark", "quality": "careful", "oversampled": "shrink"}
    remember("predict", old)
    before = len(notification_manager.records)
    for _ in range(2):
        assert remembered("predict", PredictionSettings) == {"min_size": 7.5}
    (said,) = list(notification_manager.records)[before:]
    assert said.message.startswith("quality and oversampled are no settings any more")
    remember("predict", {"polarity": "dark"})
    assert remembered("predict", PredictionSettings) == {"polarity": "dark"}


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"predict": 3}'])
def test_damaged_memory_is_no_memory(config_folder, text) -> None:
    config_folder.mkdir()
    (config_folder / "forms.json").write_text(text)
    assert remembered("predict", PredictionSettings) == {}


def test_folder_that_cannot_be_written_is_no_failure(config_folder) -> None:
    config_folder.write_text("a file where the folder should be")
    remember("predict", {"min_size": 7.5})
    assert remembered("predict", PredictionSettings) == {}


def test_run_remembers_the_form_but_not_what_preferences_hold(viewer, form, film, finish) -> None:
    viewer.add_image(film)
    form.inputs.form.widgets["polarity"].value = "bright"
    form.inputs.form.widgets["device"].value = "cpu"
    form.run()
    finish(form)
    kept = remembered("predict", PredictionSettings)
    assert kept["polarity"] == "bright" and "device" not in kept
    from napari_weld_fcn.viewer.predict.widget import PredictWidget

    second = PredictWidget(viewer)
    viewer.window.add_dock_widget(second, name="second")
    assert second.inputs.form.widgets["polarity"].value == "bright"
    assert second.inputs.form.widgets["device"].value == "auto"

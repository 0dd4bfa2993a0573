"""A settings class becomes options: names, defaults, help; refusals go by the option's name."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.options import (
    film_size,
    length,
    length_default,
    option_name,
    sentence,
    size_default,
)
from napari_weld_fcn.cli.terminal import guarded
from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.settings import Settings, setting


class Bread(Settings):
    """All kinds of fields."""

    thickness_mm: float = setting(12.5, "How thick a slice is", unit="mm", gt=0)
    slices: int = setting(2, "How many", ge=1)
    grain: Literal["rye", "wheat"] = setting("rye", "What it is of")
    bits: Literal[8, 16] = setting(8, "Bits")
    hours: tuple[int, ...] = setting((7, 19), "When it is eaten")
    toasted: bool = setting(False, "Whether it is toasted")
    secret: int = setting(0, "Left out")
    retired: ClassVar[Mapping[str, str]] = {"butter_side": "both sides are buttered"}


def sliced(*arguments):
    received = {}

    def command(terminal, name: str, *, given: dict) -> int:
        """Slice."""
        received.update(given, name=name)
        return 0

    app = plain_app()
    app.command()(guarded(Bread, leave_out=("secret",))(command))
    result = CliRunner().invoke(app, ["loaf", *arguments])
    return received, result


def test_without_options_the_class_is_as_it_stands():
    received, result = sliced()
    assert result.exit_code == 0, result.output
    assert received.pop("name") == "loaf"
    assert Bread(**received) == Bread()


def test_an_option_of_an_earlier_version_is_taken_out_of_sight_of_the_help():
    received, result = sliced("--butter-side", "upper")
    assert result.exit_code == 0, result.output
    assert received["butter_side"] == "upper"
    received.pop("name")
    assert Bread(**received).ignored == (
        "butter_side is no setting any more and is ignored: both sides are buttered.",
    )
    assert "butter" not in sliced("--help")[1].output


def test_every_kind_of_field_is_given_by_its_option():
    received, _ = sliced(
        *["--thickness", "8", "--slices", "3", "--grain", "wheat", "--bits", "16", "--toasted"],
        *["--hours", "6", "--hours", "12"],
    )
    del received["name"]
    wanted = Bread(thickness_mm=8, slices=3, grain="wheat", bits=16, hours=(6, 12), toasted=True)
    assert Bread(**received) == wanted


@pytest.mark.parametrize(("option", "wanted"), [("--toasted", True), ("--no-toasted", False)])
def test_what_is_on_or_off_is_given_either_way(option, wanted):
    received, _ = sliced(option)
    assert received["toasted"] is wanted


def test_help_has_the_classes_own_words_units_and_defaults():
    text = " ".join(sliced("--help")[1].output.split())
    assert "--thickness MM How thick a slice is [default: 12.5]" in text
    assert "--grain <rye|wheat> What it is of [default: rye]" in text
    assert "secret" not in text


@pytest.mark.parametrize("settings", [PredictionSettings, SimulationSettings])
def test_every_field_has_a_help_line_without_brackets_that_help_would_swallow(settings):
    for name, field in settings.model_fields.items():
        assert field.description, name
        assert "[" not in field.description, name


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"thickness_mm": -1.0}, "--thickness -1.0: input should be greater than 0."),
        ({"slices": 0}, "--slices 0: input should be greater than or equal to 1."),
        ({"bits": 9}, "--bits 9: input should be 8 or 16."),
    ],
)
def test_refusals_name_the_option_and_what_was_given(given, text):
    with pytest.raises(ValidationError) as caught:
        Bread(**given)
    assert sentence(caught.value) == text


def test_a_unit_is_no_part_of_an_options_name():
    assert option_name("pixel_size_mm", "mm") == "--pixel-size"
    assert option_name("min_size", "") == "--min-size"


@pytest.mark.parametrize("text", ["4000x1500", "4000X1500", " 4000×1500 "])
def test_size_is_columns_and_rows(text):
    assert film_size(text) == {"columns": 4000, "rows": 1500}


@pytest.mark.parametrize("text", ["", "4000", "4000x", "-1x5", "4000x1500x3", "axb"])
def test_other_sizes_are_refused(text):
    with pytest.raises(SettingsError, match="give columns and rows as in 4000x1500"):
        film_size(text)


@pytest.mark.parametrize(
    ("text", "size", "unit"), [("4", 4, "px"), ("4px", 4, "px"), ("0.3mm", 0.3, "mm"), (".5 MM", 0.5, "mm")]
)
def test_length_is_in_pixels_unless_it_says_mm(text, size, unit):
    assert length(text) == {"min_size": size, "min_size_unit": unit}


@pytest.mark.parametrize("text", ["", "mm", "-4", "4cm", "nan", "1e3"])
def test_other_lengths_are_refused(text):
    with pytest.raises(SettingsError, match=r"give a length as in 0\.3mm or 4px"):
        length(text)


def test_defaults_of_size_and_length_are_the_classes_own():
    films, asked = SimulationSettings(), PredictionSettings()
    assert film_size(size_default(SimulationSettings)) == {"columns": films.columns, "rows": films.rows}
    assert PredictionSettings(**length(length_default(PredictionSettings))).min_size == asked.min_size


class Slices(Settings):
    """A length whose default is in mm."""

    min_size: float = setting(0.3, "Smallest slice")
    min_size_unit: Literal["px", "mm"] = setting("mm", "Unit")


class AnySlices(Slices):
    """A length whose default leaves the choice to the program."""

    min_size: float = setting(0.0, "Smallest slice")


def test_a_length_names_its_unit_and_no_length_is_0():
    assert length_default(Slices) == "0.3mm"
    assert length_default(AnySlices) == "0"

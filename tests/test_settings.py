"""What a settings class refuses is one sentence, whoever tells it."""

import json
from collections.abc import Mapping
from typing import ClassVar, Self

import pytest
from pydantic import ValidationError, model_validator

from napari_weld_fcn.settings import Settings, sentence_of, setting


class Bread(Settings):
    """A range, and two settings that can contradict each other."""

    retired: ClassVar[Mapping[str, str]] = {"crust": "every loaf has one", "glaze": "none is glazed"}

    slice_mm: float = setting(12.5, "How thick a slice is", unit="mm", gt=0)
    least_mm: float = setting(1.0, "The thinnest", unit="mm")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.slice_mm < self.least_mm:
            raise ValueError(f"slice_mm {self.slice_mm:g} is under least_mm {self.least_mm:g}")
        return self


def refused(**values: float) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Bread(**values)
    return caught.value


def test_a_refusal_says_which_setting_what_was_given_and_what_it_should_be() -> None:
    assert sentence_of(refused(slice_mm=-1.0)) == "slice mm -1.0: input should be greater than 0."


def test_a_setting_is_called_as_where_it_was_given() -> None:
    told = sentence_of(refused(slice_mm=-1.0), {"slice_mm": "--slice"}.__getitem__)
    assert told == "--slice -1.0: input should be greater than 0."


def test_a_contradiction_is_told_in_the_classes_own_words() -> None:
    assert sentence_of(refused(slice_mm=0.5)) == "slice_mm 0.5 is under least_mm 1."


def test_a_setting_of_an_earlier_version_is_read_without_effect_and_told_in_one_sentence() -> None:
    assert Bread(crust="thick") == Bread() and Bread().ignored == ()
    assert Bread(crust="thick").ignored == (
        "crust is no setting any more and is ignored: every loaf has one.",
    )
    (both,) = Bread.model_validate({"crust": 1, "glaze": 2, "slice_mm": 8}).ignored
    assert both.startswith(
        "crust and glaze are no settings any more and are ignored: every loaf has one and none"
    )


def test_it_is_still_told_of_a_copy_and_written_nowhere() -> None:
    bread = Bread(crust="thick").model_copy(update={"slice_mm": 8})
    assert len(bread.ignored) == 1
    assert bread.model_dump() == {"slice_mm": 8, "least_mm": 1.0}
    assert Bread.model_validate_json('{"crust": "thick"}').ignored


def test_a_name_that_never_was_a_setting_is_refused() -> None:
    with pytest.raises(ValidationError):
        Bread(crumb=1)


class Open(Settings):
    """Settings of which one may be left open, and one may be 0."""

    tile: int | None = setting(None, "Edge of a tile", zero="what suits the memory", ge=0)
    shift: int = setting(3, "How far", zero="not at all", ge=0)


@pytest.mark.parametrize("given", [{}, {"tile": 0}, {"tile": None}, {"tile": 0.0}])
def test_zero_is_read_as_open_where_nothing_may_be_said(given) -> None:
    assert Open(**given).tile is None
    assert Open.model_validate_json(json.dumps(given)).tile is None


def test_zero_stays_zero_where_it_is_a_value() -> None:
    assert Open(shift=0, tile=64).model_dump() == {"tile": 64, "shift": 0}


def test_help_says_who_chooses() -> None:
    helps = {name: field.description for name, field in Open.model_fields.items()}
    assert helps == {"tile": "Edge of a tile; if not given, what suits the memory", "shift": "How far"}


def test_a_setting_is_read_by_its_former_name() -> None:
    class Named(Settings):
        former_names: ClassVar[Mapping[str, str]] = {"old": "new"}
        new: int = setting(0, "A number")

    assert Named(old=3) == Named(new=3)  # type: ignore[call-arg]

"""What a settings class refuses is one sentence, whoever tells it."""

from typing import Self

import pytest
from pydantic import ValidationError, model_validator

from napari_weld_fcn.settings import Settings, sentence_of, setting


class Bread(Settings):
    """A range, and two settings that can contradict each other."""

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

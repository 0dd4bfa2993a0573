"""Parts: done once, told again, never half written."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_weld_fcn.errors import SettingsError, Stopped, WeldFcnError
from napari_weld_fcn.reproduction.parts import Parts


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    parts = Parts(tmp_path / "out")
    parts.begin({"scale": 0.5})
    return parts


def test_a_part_is_done_once_and_given_again(parts: Parts) -> None:
    calls = []

    def work() -> dict[str, int]:
        calls.append(1)
        return {"crops": 360}

    first = parts.do("crops", work)
    assert first == parts.do("crops", work) == Parts(parts.folder).done("crops")
    assert len(calls) == 1 and first.values == {"crops": 360}
    assert first.seconds >= 0 and not first.resumed


def test_a_part_that_was_interrupted_is_done_again_and_says_so(parts: Parts) -> None:
    def stopped() -> dict[str, int]:
        raise Stopped

    with pytest.raises(Stopped):
        parts.do("run", stopped)
    assert parts.done("run") is None
    assert parts.do("run", lambda: {"steps": 3}).resumed
    assert not list((parts.folder / "parts").glob("*.begun"))


def test_the_same_experiment_goes_on_and_another_one_is_refused(parts: Parts) -> None:
    parts.begin({"scale": 0.5})
    with pytest.raises(SettingsError, match=r"whose scale is 0.5 and not 1.0; take another folder"):
        parts.begin({"scale": 1.0})


@pytest.mark.parametrize("text", ["", "[]", '{"values": {}}', '{"values": {}, "seconds": 1, "more": 2}'])
def test_a_damaged_part_is_named(parts: Parts, text: str) -> None:
    (parts.folder / "parts" / "films.json").write_text(text)
    with pytest.raises(SettingsError, match=r"films.json: is damaged .* delete it"):
        parts.done("films")


@pytest.mark.parametrize("text", ["", "[1]"])
def test_damaged_settings_are_named(parts: Parts, text: str) -> None:
    (parts.folder / "settings.json").write_text(text)
    with pytest.raises(SettingsError, match="take another folder"):
        parts.begin({"scale": 0.5})


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(WeldFcnError, match="cannot be made"):
        Parts(tmp_path / "out").begin({})

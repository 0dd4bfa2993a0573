"""`weld-fcn models`: listing, showing, importing and deleting."""

import pytest

from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model


def test_own_models_are_listed_with_their_cards(weld_fcn, tiny):
    entries = weld_fcn("models", "--json").json["models"]
    (entry,) = [entry for entry in entries if entry["name"] == tiny]
    assert (entry["origin"], entry["error"]) == ("own", None)
    assert entry["card"]["threshold"] == 0.02
    assert "tiny" in weld_fcn("models").stdout


def test_a_damaged_model_is_listed_with_its_reason(weld_fcn, own_models):
    (own_models / "bad.safetensors").write_bytes(b"nothing")
    result = weld_fcn("models", "--json")
    assert result.exit_code == 0
    (entry,) = [entry for entry in result.json["models"] if entry["name"] == "bad"]
    assert entry["card"] is None
    assert entry["error"]
    assert "cannot be used" in weld_fcn("models").stdout


def test_a_models_card_is_shown(weld_fcn, tiny, own_models):
    assert weld_fcn("models", "show", tiny, "--json").json["card"]["name"] == "tiny"
    shown = weld_fcn("models", "show", own_models / "tiny.safetensors").stdout
    assert "threshold" in shown
    assert "0.02" in shown


def test_tables_in_a_card_are_shown_row_by_row(weld_fcn, own_models):
    rows = [{"name": "crack", "found": 0.5}, {"name": "pore", "found": 0.75}]
    card = Card(name="scored", scores={"flaws": {"by_class": rows, "films": 4}})
    Model.create(card).save(own_models / "scored.safetensors")
    shown = weld_fcn("models", "show", "scored").stdout
    assert "    crack: found 0.5 " in shown and "    pore: found 0.75 " in shown
    assert "  films: 4" in shown
    assert "{" not in shown and "[" not in shown


def test_a_model_is_imported_under_a_name_listed_and_deleted(weld_fcn, tiny, own_models, tmp_path):
    given = tmp_path / "given.safetensors"
    (own_models / "tiny.safetensors").rename(given)
    assert weld_fcn("models", "import", given, "--name", "mine", "--json").json["name"] == "mine"
    assert (own_models / "mine.safetensors").is_file()
    assert weld_fcn("models", "delete", "mine", "--json").json == {"deleted": "mine"}
    assert not list(own_models.iterdir())


def test_a_model_is_imported_under_its_files_name(weld_fcn, tiny, own_models, tmp_path):
    given = tmp_path / "given.safetensors"
    (own_models / "tiny.safetensors").rename(given)
    assert weld_fcn("models", "import", given).exit_code == 0
    assert (own_models / "given.safetensors").is_file()


@pytest.mark.parametrize(
    "arguments",
    [["show", "nothing"], ["delete", "default"], ["delete", "nothing"], ["import", "nowhere.safetensors"]],
    ids=" ".join,
)
def test_what_cannot_be_done_is_a_sentence(weld_fcn, arguments):
    result = weld_fcn("models", *arguments)
    assert result.exit_code == 2
    assert arguments[1] in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_json_may_stand_before_the_sub_command(weld_fcn, tiny):
    before = weld_fcn("models", "--json", "show", tiny)
    assert before.json == weld_fcn("models", "show", tiny, "--json").json
    assert before.json["name"] == tiny


def test_verbose_may_stand_before_the_sub_command(weld_fcn, tiny):
    assert "INFO napari_weld_fcn.cli" in weld_fcn("models", "--verbose", "show", tiny).stderr


def test_a_folder_that_cannot_be_made_is_a_sentence(weld_fcn, tiny, own_models, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WELD_FCN_MODELS", str(tmp_path / "file" / "models"))
    result = weld_fcn("models", "import", own_models / "tiny.safetensors")
    assert result.exit_code == 2
    assert "models: cannot be made a folder" in result.stderr

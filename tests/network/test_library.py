from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.errors import ModelError, WeldFcnError
from napari_weld_fcn.network import library
from napari_weld_fcn.network.model import Model, add_to_library


@pytest.fixture
def shipped_folder(tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    for name in ("fcn", "default"):
        (folder / f"{name}.safetensors").write_bytes(saved.read_bytes())
    monkeypatch.setattr(library, "_SHIPPED_FOLDER", folder)
    return folder


def test_an_imported_model_is_listed_and_loaded_by_its_name(
    saved: Path, model: Model, own_models: Path
) -> None:
    entry = add_to_library(saved, "line 3")
    assert entry.path == own_models / "line 3.safetensors"
    assert entry.path.read_bytes() == saved.read_bytes()
    assert library.own() == {"line 3": entry.path}
    assert Model.load("line 3").sha256 == model.sha256
    assert [(e.name, e.origin, e.card) for e in library.listing() if e.origin == "own"] == [
        ("line 3", "own", model.card)
    ]


def test_a_model_is_imported_under_its_files_own_name(saved: Path) -> None:
    assert add_to_library(saved).name == "small"


def test_shipped_models_come_first(shipped_folder: Path, saved: Path) -> None:
    add_to_library(saved, "a first name")
    assert [(entry.name, entry.origin) for entry in library.listing()] == [
        ("default", "shipped"),
        ("fcn", "shipped"),
        ("a first name", "own"),
    ]
    assert library.find("default") == shipped_folder / "default.safetensors"


@pytest.mark.parametrize("name", ["default", "fcn", "FCN", "Default"])
def test_a_shipped_name_is_refused(name: str, saved: Path) -> None:
    with pytest.raises(ModelError, match="a shipped model is called so"):
        add_to_library(saved, name)


def test_a_file_put_into_the_folder_does_not_hide_a_shipped_model(
    shipped_folder: Path, saved: Path, own_models: Path
) -> None:
    (own_models / "default.safetensors").write_bytes(saved.read_bytes())
    assert library.find("default") == shipped_folder / "default.safetensors"
    assert len(library.listing()) == 2


@pytest.mark.parametrize(
    "name", ["", "../out", "a/b", "a\\b", "/abs", "..", ".hidden", "a\0b", "nul", "a" * 65, "a."]
)
def test_a_name_that_is_no_file_name_everywhere_is_refused(name: str, saved: Path, own_models: Path) -> None:
    with pytest.raises(ModelError, match="cannot be the name of a model"):
        add_to_library(saved, name)
    assert not list(own_models.iterdir())


@given(st.text(max_size=80))
def test_a_name_that_is_accepted_stays_in_its_folder(name: str) -> None:
    if library.name_fault(name) is None:
        path = Path("/models") / f"{name}{library.SUFFIX}"
        assert path.parent == Path("/models")
        assert path.resolve().parent == Path("/models").resolve()
        assert path.stem == name


def test_a_taken_name_is_refused_and_the_model_kept(saved: Path, model: Model) -> None:
    add_to_library(saved, "mine")
    with pytest.raises(ModelError, match="is there already"):
        add_to_library(saved, "Mine")
    assert Model.load("mine").sha256 == model.sha256


def test_only_a_model_of_the_same_run_takes_the_place_of_another(
    model: Model, saved: Path, tmp_path: Path
) -> None:
    def of_run(name: str, threshold: float) -> Path:
        card = model.card.model_copy(update={"recipe": {"run": name}, "threshold": threshold})
        path = tmp_path / f"{name} {threshold}.safetensors"
        Model.create(card, model.network).save(path)
        return path

    early, late = of_run("run", 0.25), of_run("run", 0.75)
    add_to_library(early, "mine")
    assert library.own_of_run(late) == "mine" and library.own_of_run(saved) is None
    with pytest.raises(ModelError, match="there already"):
        add_to_library(late, "mine")
    for other in (saved, of_run("another", 0.5)):
        with pytest.raises(ModelError, match="there already"):
            add_to_library(other, "mine", again=True)
    add_to_library(late, "mine", again=True)
    assert Model.load("mine").card.threshold == 0.75


def test_a_bad_file_is_not_imported(saved: Path, own_models: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-4])
    with pytest.raises(ModelError, match="truncated"):
        add_to_library(saved, "mine")
    assert library.own() == {}


def test_a_damaged_file_is_an_entry_with_its_reason(saved: Path) -> None:
    path = add_to_library(saved, "mine").path
    path.write_bytes(b"\x80\x04 not a model")
    (entry,) = [entry for entry in library.listing() if entry.origin == "own"]
    assert entry.card is None
    assert entry.error is not None
    assert "pickle" in entry.error


def test_an_own_model_is_deleted(saved: Path) -> None:
    path = add_to_library(saved, "mine").path
    library.delete("mine")
    assert not path.exists()
    with pytest.raises(ModelError, match="no own model has this name"):
        library.delete("mine")


@pytest.mark.parametrize("name", ["default", "fcn"])
def test_a_shipped_model_is_not_deleted(name: str, shipped_folder: Path) -> None:
    with pytest.raises(ModelError, match="cannot be deleted"):
        library.delete(name)
    assert (shipped_folder / f"{name}.safetensors").exists()


def test_deleting_does_not_leave_the_folder(saved: Path, own_models: Path) -> None:
    with pytest.raises(ModelError, match="no own model"):
        library.delete("../small")
    assert saved.exists()


def test_find_takes_a_file(saved: Path) -> None:
    assert library.find(saved) == saved
    assert library.find(str(saved)) == saved


@pytest.mark.parametrize("name", ["absent", "", "."])
def test_find_says_which_models_there_are(name: str, saved: Path) -> None:
    add_to_library(saved, "mine")
    with pytest.raises(ModelError, match=r"neither a model's name nor a file; the models are .*mine.*\.$"):
        library.find(name)


def test_a_missing_file_is_not_imported(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such file"):
        add_to_library(tmp_path / "absent.safetensors", "mine")


def test_listing_imports_no_torch(saved: Path, own_models: Path) -> None:
    add_to_library(saved, "mine")
    program = (
        "import sys; from napari_weld_fcn.network.library import listing; "
        "assert any(e.name == 'mine' and e.card for e in listing()), listing(); "
        "assert not {'torch', 'numpy', 'napari'} & sys.modules.keys(), 'imported too much'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_own_models_lie_in_the_users_folder_unless_the_variable_says_otherwise(
    own_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert library.own_folder() == own_models
    monkeypatch.delenv(library.FOLDER_VARIABLE)
    assert library.own_folder().name == "models"
    assert "napari-weld-fcn" in library.own_folder().parts


def test_the_folder_is_made_when_it_is_needed(own_models: Path, saved: Path) -> None:
    own_models.rmdir()
    assert library.own() == {}
    assert add_to_library(saved, "mine").path.parent == own_models


def test_a_folder_that_cannot_be_made_is_a_sentence(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "file" / "models"))
    with pytest.raises(WeldFcnError, match="models: cannot be made a folder"):
        add_to_library(saved, "mine")


def test_a_file_that_may_not_be_deleted_is_a_sentence(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = add_to_library(saved, "mine").path

    def refused(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(WeldFcnError, match=r"cannot be deleted \(Permission denied\)"):
        library.delete("mine")
    assert path.exists()


def test_a_name_longer_than_any_file_is_no_model() -> None:
    with pytest.raises(ModelError, match="neither a model's name nor a file"):
        library.find("a" * 5000)


def test_a_run_that_is_given_for_its_model_says_which_file_that_is(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "settings.json").write_text("{}")
    for missing in (run, run / "best.safetensors"):
        with pytest.raises(ModelError, match=r"this run has no best\.safetensors.*go on with the run"):
            library.find(missing)
    (run / "last.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"take .*last\.safetensors, the model of its last validation"):
        library.find(str(run))
    (run / "best.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"the model of this run is .*best\.safetensors; give that file"):
        library.find(run)

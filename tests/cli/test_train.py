"""`weld-fcn train` and `weld-fcn resume`: what `train` and `resume` do, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from napari_weld_fcn import Model, train
from napari_weld_fcn.cli.commands.train import network_settings
from napari_weld_fcn.dataset.pair import FLAW, Pair
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.store import write_dataset
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.training.settings import PRESETS, TrainSettings

SMALL = ["--network", "autoencoder", "--width", "4", "--batch", "4", "--device", "cpu"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A dataset folder of two crops of each of three films."""

    def pairs():
        for number in range(6):
            rng = np.random.default_rng(number)
            pixels = rng.normal(130, 6, (32, 32)).astype(np.uint8)
            mask = np.zeros((32, 32), np.uint8)
            mask[10:18, 8:20] = FLAW
            pixels[mask == FLAW] -= 50
            film = f"film_{number % 3}"
            name = f"{film}_{number:03d}"
            yield Pair(name, pixels, mask, film, 0, 40 * number, measure(pixels), full_scale=255)

    folder = tmp_path_factory.mktemp("data") / "crops"
    write_dataset(pairs(), folder)
    return folder


def test_what_is_trained_is_what_the_python_call_trains(weld_fcn, dataset, tmp_path):
    run = tmp_path / "run"
    options = [*SMALL, "--epochs", "2", "--seed", "3", "--validate", "film_1", "--json"]
    result = weld_fcn("train", dataset, run, *options)
    assert result.exit_code == 0, result.stderr
    assert set(result.json) == {
        "run",
        "model",
        "best",
        "stopped",
        "learned_all",
        "all_labels",
        "memory_bytes",
    }
    assert set(result.json["best"]) == {"epoch", "f1", "threshold"}
    assert (result.json["run"], result.json["stopped"]) == (str(run), False)
    model = Model.load(result.json["model"])
    assert model.card.threshold == result.json["best"]["threshold"]
    same = train(
        dataset,
        tmp_path / "python" / "run",
        TrainSettings(epochs=2, batch=4, seed=3, device="cpu"),
        network=NetworkSettings(kind="autoencoder", width=4, activation="relu"),
        split=SplitSettings(kind="films", films=("film_1",)),
    )
    assert model.sha256 == Model.load(same.model).sha256
    assert result.json["best"]["f1"] == same.best.f1
    assert "step 1" in result.stderr and "F1" in result.stderr


def test_a_series_is_trained_on_by_the_minute(weld_fcn, tmp_path):
    options = ["--films", "2", "--size", "320x128", "--seed", "4", "--flaw-density", "50"]
    assert weld_fcn("simulate", tmp_path / "films", *options).exit_code == 0
    run = [tmp_path / "films", tmp_path / "run", *SMALL, "--minutes", "0.05", "--window", "32", "--json"]
    result = weld_fcn("train", *run)
    assert result.exit_code == 0, result.stderr
    assert "the score is that of whole films" in result.stderr
    assert "it ends with other weights" in result.stderr
    assert "GB of memory" in result.stderr and result.json["memory_bytes"] > 1e8


def test_a_finished_run_resumes_to_the_same_answer(weld_fcn, dataset, tmp_path):
    first = weld_fcn("train", dataset, tmp_path / "run", *SMALL, "--epochs", "1", "--json")
    moved = tmp_path / "moved"
    dataset.rename(moved)
    try:
        lost = weld_fcn("resume", tmp_path / "run")
        assert (lost.exit_code, str(dataset) in lost.stderr) == (2, True)
        again = weld_fcn("resume", tmp_path / "run", "--dataset", moved, "--json")
    finally:
        moved.rename(dataset)
    assert again.json == first.json
    assert "after epoch 1" in weld_fcn("resume", tmp_path / "run").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_stops_keeps_the_best_and_can_be_resumed(weld_fcn, dataset, tmp_path):
    command = [sys.executable, "-m", "napari_weld_fcn.cli", "train", dataset, tmp_path / "run", *SMALL]
    with subprocess.Popen(
        [*map(str, command), "--epochs", "5000", "--patience", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        while not process.stderr.readline().startswith("step"):
            assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        shown, told = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Stopping after this step; the best model is kept." in told
    assert "Traceback" not in told
    assert "Stopped; go on with: weld-fcn resume" in shown
    assert Model.load(tmp_path / "run" / "best.safetensors").card.scores["validation"]["epoch"] >= 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--epochs", "0"], "--epochs 0: input should be greater than or equal to 1."),
        (["--validation-share", "2"], "--validation-share 2.0: input should be less than 1."),
        (["--window", "7"], "--window 7: input should be 32 or more."),
        (["--width", "-3"], "--width -3: input should be greater than or equal to 4."),
        (["--validate", "film_9"], "There is no film film_9"),
        (["--from", "nobody"], "nobody: neither a model's name nor a file"),
        (["--from", "fcn", "--network", "autoencoder"], "Model fcn is trained on as it is"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_begins_no_run(weld_fcn, dataset, tmp_path, options, sentence):
    result = weld_fcn("train", dataset, tmp_path / "run", *options)
    assert result.exit_code == 2
    assert result.stderr.startswith(sentence)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def clean(tmp_path):
    """Two films of grain alone."""
    folder = tmp_path / "clean"
    folder.mkdir()
    for number in range(2):
        grain = np.random.default_rng(number).normal(120, 5, (64, 96)).astype(np.uint8)
        write_png(folder / f"film_{number}.png", grain, 0.04)
    return folder


def test_a_model_is_tuned_on_clean_films_alone(weld_fcn, clean, tmp_path):
    options = [
        "--from",
        "default",
        "--epochs",
        "1",
        "--batch",
        "2",
        "--window",
        "48",
        "--device",
        "cpu",
        "--json",
    ]
    result = weld_fcn("train", tmp_path / "run", "--clean", clean, *options)
    assert result.exit_code == 0, result.stderr
    assert Model.load(result.json["model"]).card.threshold == Model.load("default").card.threshold
    assert "step 0: F1" in result.stderr and "step 8: loss" in result.stderr


def test_clean_films_are_mixed_into_a_training(weld_fcn, dataset, clean, tmp_path):
    options = [*SMALL, "--epochs", "1", "--json"]
    models = []
    for name, more in (("plain", []), ("mixed", ["--clean", clean])):
        result = weld_fcn("train", dataset, tmp_path / name, *options, *more)
        assert result.exit_code == 0, result.stderr
        models.append(Model.load(result.json["model"]).network.state_dict())
    assert any(not models[0][name].equal(models[1][name]) for name in models[0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["run"], "run: give a dataset and a folder for the run, or films by --clean."),
        (["run", "--clean", "clean", "--unlabelled", "clean"], "--clean and --unlabelled: give one of them"),
        (["run", "--clean", "clean"], "Films without labels tune a model and make none"),
        (["run", "--clean", "nowhere.png", "--from", "default"], "nowhere.png"),
    ],
)
def test_clean_films_given_wrongly_are_a_sentence(weld_fcn, clean, tmp_path, monkeypatch, options, sentence):
    monkeypatch.chdir(tmp_path)
    result = weld_fcn("train", *options)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not (tmp_path / "run").exists()


def test_keep_without_a_model_is_said_to_do_nothing(weld_fcn, dataset, tmp_path):
    options = [*SMALL, "--epochs", "1", "--keep", "0.5"]
    result = weld_fcn("train", dataset, tmp_path / "run", *options)
    assert result.exit_code == 0 and "nothing is kept" in result.stderr


def test_a_folder_that_is_no_run_or_no_dataset_is_a_sentence(weld_fcn, tmp_path):
    resumed = weld_fcn("resume", tmp_path)
    assert resumed.exit_code == 2 and "is no run; give the folder" in resumed.stderr
    (tmp_path / "empty").mkdir()
    empty = weld_fcn("train", tmp_path / "empty", tmp_path / "run")
    assert empty.exit_code == 2 and "holds no images; give images/NAME.png with masks/" in empty.stderr
    missing = weld_fcn("train", tmp_path / "nothing", tmp_path / "run")
    assert missing.exit_code == 2 and "nothing" in missing.stderr


def test_presets_give_what_is_not_said():
    assert network_settings("paper", "nothing", {"kind": "", "width": 0}) == PRESETS["paper"].network
    given = network_settings("paper", "nothing", {"kind": "", "activation": "elu"})
    assert (given.kind, given.activation) == ("fcn", "elu")
    assert network_settings("paper", "default", {"kind": ""}) is None


@pytest.mark.parametrize("command", ["train", "resume"])
def test_help_imports_neither_torch_nor_numpy(command):
    script = (
        "import sys; from napari_weld_fcn.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "assert not {'torch', 'numpy', 'lightning_fabric'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, command, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: weld-fcn" in done.stdout

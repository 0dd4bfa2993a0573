"""Several processes share a run: the same batches, nearly the same weights, one folder, none left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import torch

from napari_weld_fcn import Model
from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.settings import AugmentationSettings
from napari_weld_fcn.errors import ModelError, SettingsError
from napari_weld_fcn.events import Event, JobControl, StepDone, Validated
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.processes.group import check_devices
from napari_weld_fcn.training.run import resume, train
from napari_weld_fcn.training.run_record import TrainResult
from napari_weld_fcn.training.settings import TrainSettings

SETTINGS = TrainSettings(epochs=2, batch=4, device="cpu", learning_rate=5e-3, window=32, averaging=0.5)
#: Nothing is taken over the batch, so that the sum over processes is that over its patches.
EACH = NetworkSettings(width=4, depth=1, normalisation="none")
EACH_PIXEL = {"dice_weight": 0.0, "flaw_weight": 0.0, "precision": "float32"}
STILL = AugmentationSettings(rotation=0, translation=0, negation_probability=0, noise_probability=0)


def run(
    data: object, folder: Path, processes: int, seen: list[Event] | None = None, **more: object
) -> TrainResult:
    settings = SETTINGS.model_copy(update={"devices": processes, **more.pop("settings", {})})
    more.setdefault("network", NetworkSettings(width=8, depth=1, activation="relu"))
    return train(data, folder, settings, **more)


def weights(result: TrainResult) -> torch.Tensor:
    values = Model.load(result.run / "last.safetensors").network.state_dict().values()
    return torch.cat([value.flatten().double() for value in values])


def test_two_processes_end_with_the_weights_of_one_to_rounding(dataset: Path, tmp_path: Path) -> None:
    alone = {"network": EACH, "augmentation": STILL, "settings": EACH_PIXEL}
    one, two = (run(dataset, tmp_path / str(n) / "run", n, **alone) for n in (1, 2))
    torch.testing.assert_close(weights(one), weights(two), rtol=0, atol=1e-4)
    assert one.best.f1 == pytest.approx(two.best.f1, abs=1e-3)


def test_with_statistics_of_the_batch_the_score_is_the_same_within_noise(
    pairs: list[Pair], tmp_path: Path
) -> None:
    # Long enough for the score to stand still: half way up, one seed's noise is as large as what is asked.
    more = {"epochs": 30, "patience": 0}
    one = run(pairs, tmp_path / "1", 1, settings=more)
    threads = torch.get_num_threads()
    environment = dict(os.environ)  # with what libraries put there when they are first imported
    two = run(pairs, tmp_path / "2", 2, settings=more)
    assert one.best.f1 == pytest.approx(two.best.f1, abs=0.1)
    assert torch.get_num_threads() == threads and dict(os.environ) == environment
    assert not torch.distributed.is_initialized()


def test_processes_wait_for_each_other_through_a_pause_of_days(dataset: Path, tmp_path: Path) -> None:
    waits = []

    def seen(event: Event) -> None:
        if isinstance(event, StepDone) and not waits:
            backend = torch.distributed.group.WORLD._get_backend(torch.device("cpu"))
            waits.append(backend.options._timeout)

    train(
        dataset,
        tmp_path / "run",
        SETTINGS.model_copy(update={"devices": 2}),
        network=EACH,
        job=JobControl(seen),
    )
    assert waits and waits[0] > timedelta(days=7)


def test_there_is_one_folder_and_one_history_and_it_resumes(dataset: Path, tmp_path: Path) -> None:
    seen: list[Event] = []
    folder = tmp_path / "run"
    stopped = train(
        dataset,
        folder,
        SETTINGS.model_copy(update={"devices": 2}),
        network=EACH,
        job=JobControl(seen.append, lambda: sum(isinstance(event, StepDone) for event in seen) >= 3),
    )
    assert stopped.stopped
    result = resume(folder, job=JobControl(seen.append))
    assert not result.stopped
    assert [event.done for event in seen if isinstance(event, StepDone)] == [1, 2, 3, 4]
    assert [event.step for event in seen if isinstance(event, Validated)] == [2, 4]
    whole = run(dataset, tmp_path / "whole" / "run", 2, network=EACH)
    assert torch.equal(weights(whole), weights(result))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_script_without_a_guard_starts_processes_that_end_when_it_is_killed(
    dataset: Path, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from napari_weld_fcn import NetworkSettings, TrainSettings, train\n"
        "from napari_weld_fcn.events import JobControl\n"
        "settings = TrainSettings(epochs=5000, patience=0, batch=4, device='cpu', devices=2)\n"
        "network = NetworkSettings(width=4, depth=1)\n"
        f"data, run = {str(dataset)!r}, {str(tmp_path / 'run')!r}\n"
        "job = JobControl(lambda event: print(event, flush=True))\n"
        "train(data, run, settings, network=network, job=job)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("StepDone"):
            assert process.poll() is None
        assert followers(tmp_path)
        process.send_signal(signal.SIGKILL)
    limit = time.monotonic() + 120  # each ends by itself, and at once
    while followers(tmp_path) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not followers(tmp_path)


def followers(folder: Path) -> list[int]:
    """The processes of runs at or below a folder, by number."""
    listed = subprocess.run(
        ["ps", "-eww", "-o", "pid,args"], capture_output=True, text=True, check=True
    ).stdout
    lines = [
        line for line in listed.splitlines() if "training.processes.worker" in line and str(folder) in line
    ]
    return [int(line.split()[0]) for line in lines]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_process_that_dies_ends_the_run_with_a_sentence_and_it_resumes(
    dataset: Path, tmp_path: Path
) -> None:
    folder, seen = tmp_path / "run", []

    def on_event(event: Event) -> None:
        seen.append(event)
        if isinstance(event, StepDone) and event.done == 3:
            (process,) = followers(folder)
            os.kill(process, signal.SIGKILL)

    with pytest.raises(ModelError, match="A process of the training ended before its time"):
        train(
            dataset,
            folder,
            SETTINGS.model_copy(update={"devices": 2}),
            network=EACH,
            job=JobControl(on_event),
        )
    assert not resume(folder).stopped


def test_more_devices_than_there_are_are_refused_before_a_run_begins(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(SettingsError, match="2 devices were asked for, but there are 1 of kind mps"):
        run(dataset, tmp_path / "run", 2, settings={"device": "mps"})
    assert not (tmp_path / "run").exists()
    check_devices("cpu", 3)

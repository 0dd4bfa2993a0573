"""`weld-fcn reproduce`: one source, one folder; Ctrl-C keeps what is there and the same command goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from napari_weld_fcn.radiograph.simulation.film import simulate_series, write_simulated
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

SCRIPT = Path(__file__).parents[1] / "reproduction" / "tiny.py"


@pytest.mark.parametrize("sources", [(), ("--simulated", "--gdxray", "GDXray")])
def test_one_source_is_needed(weld_fcn, tmp_path, sources):
    result = weld_fcn("reproduce", tmp_path / "out", *sources)
    assert result.exit_code == 2
    assert result.stderr.strip() == "Give either --gdxray with the folder of GDXray, or --simulated."
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("scale", [0, -1, 1.5])
def test_a_scale_outside_its_range_is_one_sentence(weld_fcn, tmp_path, scale):
    result = weld_fcn("reproduce", tmp_path / "out", "--simulated", "--scale", scale)
    assert result.exit_code == 2
    assert result.stderr.startswith("--scale ") and result.stderr.count("\n") == 1


def test_a_folder_that_is_not_there_is_named(weld_fcn, tmp_path):
    result = weld_fcn("reproduce", tmp_path / "out", "--gdxray", tmp_path / "GDXray", "--json")
    assert result.exit_code == 2
    assert result.json == {"error": f"{tmp_path / 'GDXray'}: no such file or folder."}


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(tmp_path):
    command = [sys.executable, str(SCRIPT), str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "fcn selu, random crops, seed 0 ..." in line:
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert json.loads(out) == {"out": str(tmp_path / "out"), "stopped": True}
    assert "Stopping; what is finished is kept." in err
    again = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert again.returncode == 0, again.stderr
    values = json.loads(again.stdout)
    assert not values["stopped"]
    assert "fcn selu, by film, seed 0:" not in again.stderr
    assert Path(values["report"]).exists() and Path(values["html"]).exists()
    assert all(Path(figure).exists() for figure in values["figures"])
    assert set(values["leak_gap"]) == {"fcn selu", "autoencoder"}


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_papers_own_plan_on_four_small_films(weld_fcn, tmp_path):
    films = SimulationSettings(rows=300, columns=500, flawless_share=0.0, flaw_density=20.0)
    write_simulated(simulate_series(films, 4, 20), tmp_path / "GDXray")
    command = ("reproduce", tmp_path / "out", "--gdxray", tmp_path / "GDXray", "--scale", 0.001, "--json")
    result = weld_fcn(*command)
    assert result.exit_code == 0, result.stderr
    assert len(result.json["trainings"]) == 18
    assert {row["steps"] for row in result.json["trainings"]} == {9, 13}  # by film, random crops
    assert result.json["figures"][:2] == [
        str(tmp_path / "out" / "figures" / f"figure{number}.png") for number in (5, 6)
    ]

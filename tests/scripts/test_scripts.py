"""Scripts of `scripts/` and the small ones of `benchmarks/` run, on little, and say what they promise."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.radiograph.simulation.film import simulate_series, write_simulated
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

ROOT = Path(__file__).parents[2]

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a script in this process; return what it printed."""

    def run(script: str, *arguments: object) -> str:
        monkeypatch.setattr("sys.argv", [script, *map(str, arguments)])
        runpy.run_path(str(ROOT / script), run_name="__main__")
        return capsys.readouterr().out

    return run


def untrained(path: Path, threshold: float = 0.3, seed: int = 0) -> Path:
    settings = NetworkSettings(kind="fcn", width=4, dilations=(1, 1))
    Model.create(Card(name=path.stem, network=settings, threshold=threshold), seed=seed).save(path)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return untrained(tmp_path / "untrained.safetensors")


def test_score_shipped_prints_the_table_beside_the_top_hat_and_writes_it(run: Run, model: Path) -> None:
    figures = model.with_suffix(".json")
    out = run(
        "scripts/score_shipped.py", "--model", model, "--films", 1, "--size", "500x300", "--json", figures
    )
    assert out.startswith("1 films, 0.02 m of weld")
    assert "top-hat" in out and "pixel F1" in out
    written = json.loads(figures.read_text())
    assert (written["films"], written["seed"], written["threshold"]) == (1, 7_000_000, 0.3)


def test_score_shipped_tells_how_far_the_last_five_checkpoints_lie_apart(run: Run, tmp_path: Path) -> None:
    real, checkpoints = tmp_path / "real", tmp_path / "run"
    checkpoints.mkdir()
    pairs = [("pore_crop/image.png", "pore_crop/mask.png")]
    pairs += [
        (f"tiles/Welds/W0001/W0001_{k:04d}.png", f"tiles/Welds/W0002/W0002_{k:04d}.png")
        for k in (2, 4, 6, 8, 10)
    ]
    grain = np.random.default_rng(0)
    for image, mask in pairs:
        for name in (image, mask):
            (real / name).parent.mkdir(parents=True, exist_ok=True)
        write_png(real / image, grain.normal(120, 8, (40, 50)).astype(np.uint8))
        write_png(real / mask, np.ones((40, 50), bool))
    for step in range(6):  # a threshold of nearly 0 marks everything, of nearly 1 nothing
        threshold = 0.999999 if step == 5 else 0.000001
        untrained(checkpoints / f"step_{step:05d}.safetensors", threshold)
    lines = run("scripts/score_shipped.py", "--checkpoints", checkpoints, "--real", real).splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [f"step_{step:05d}" for step in range(1, 6)]
    assert lines[1].split()[1:] == ["0.000", "1.000", "1.000"]
    assert lines[5].split()[1:] == ["1.000", "0.000", "0.000"]
    assert lines[-1].split()[-2:] == ["1.000", "1.000"]


def test_score_shipped_needs_real_films_for_checkpoints(run: Run, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        run("scripts/score_shipped.py", "--checkpoints", tmp_path)
    with pytest.raises(SystemExit, match="there is no step_"):
        run("scripts/score_shipped.py", "--checkpoints", tmp_path, "--real", tmp_path)


def test_pictures_draws_film_heatmap_and_outlines(run: Run, model: Path, tmp_path: Path) -> None:
    out = run("scripts/pictures.py", "--seed", 7, "--model", model, "--output", tmp_path / "images")
    assert out.startswith("seed 7: ")
    with Image.open(tmp_path / "images" / "prediction.png") as picture:
        assert picture.size == (1000, round((3 * 420 + 2 * 12) * 1000 / 1400))


def test_benchmark_of_indications_prints_a_line_for_each_number_of_regions(run: Run) -> None:
    script = "benchmarks/indications.py"
    out = run(script, "--rows", 120, "--columns", 200, "--regions", 6, 12, "--repeats", 1)
    assert len(out.splitlines()) == 4


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two simulated films with their masks, in GDXray's form."""
    folder = tmp_path_factory.mktemp("series")
    settings = SimulationSettings(rows=200, columns=400, flawless_share=0.0, flaw_density=50.0)
    write_simulated(simulate_series(settings, 2, 4), folder)
    return folder


def test_benchmark_of_real_films_prints_detectors_films_and_costs(
    run: Run, model: Path, series: Path, tmp_path: Path
) -> None:
    figures = tmp_path / "figures.json"
    given = ["--model", model, "--alterations", "16-bit", "0.5 x", "--json", figures]
    tables = [table.splitlines() for table in run("benchmarks/real_films.py", series, *given).split("\n\n")]
    detectors, froc, *others = tables
    assert [line.split()[0] for line in detectors[1:]] == ["untrained", "top-hat", "LoG"]
    assert [line.split()[0] for line in froc[1:]] == ["untrained", "top-hat", "LoG"]
    assert [line.split()[0] for line in others[1][1:]] == ["W0001_0001", "W0001_0002"]
    assert others[-2] == ["untrained, cost of alterations in pixel F1:"]
    assert [line.split("  ")[0] for line in others[-1][1:]] == [
        "16-bit",
        "all exact ones",
        "0.5 x",
        "all lossy ones",
    ]
    told = json.loads(figures.read_text())
    assert [each["name"] for each in told] == ["untrained", "top-hat", "LoG"]
    assert len({each["flaws"]["flaws"] for each in told}) == 1
    costs = told[0]["altered"]["0.5 x"]["costs"]
    assert [f"{cost:+.3f}" for cost in costs] == others[-1][3].split()[4:6]


def test_benchmark_of_real_films_is_short_where_it_is_asked_to_be(
    run: Run, model: Path, series: Path
) -> None:
    given = ["--model", model, "--films", 2, "--columns", 150, "--quick", "--markdown"]
    out = run("benchmarks/real_films.py", series, *given)
    assert out.count("|---") == 12 + 6 + 10
    assert "top-hat" not in out and "alterations" not in out
    assert "| W0001_0002 |" in out and "W0001_0001" not in out


def test_benchmark_of_real_films_writes_nothing_into_the_repository(
    run: Run, model: Path, series: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = ROOT / "benchmarks" / "figures.json"
    with pytest.raises(SystemExit):
        run("benchmarks/real_films.py", series, "--model", model, "--json", inside)
    assert "lies in the repository" in capsys.readouterr().err
    assert not inside.exists()


def test_benchmark_of_real_films_names_what_is_not_there(run: Run, model: Path, series: Path) -> None:
    with pytest.raises(SystemExit, match="no film of the numbers 7 with a mask"):
        run("benchmarks/real_films.py", series, "--films", 7)
    with pytest.raises(SystemExit, match="no alteration 'blurr'"):
        run("benchmarks/real_films.py", series, "--alterations", "blurr")
    with pytest.raises(SystemExit, match="nowhere"):
        run("benchmarks/real_films.py", series / "nowhere")


def test_benchmark_of_real_films_without_any_says_so(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WELD_FCN_REAL_DATA", str(tmp_path / "none"))
    assert "no real films" in run("benchmarks/real_films.py")


@pytest.mark.slow
def test_benchmark_of_simulation_prints_megapixels_a_second(run: Run) -> None:
    assert "Mpixel/s" in run("benchmarks/simulation.py", "--quick")


@pytest.mark.slow
def test_benchmark_of_clean_films_prints_what_is_called_before_and_after(run: Run) -> None:
    out = run("benchmarks/clean_films.py", "--textures", "weave", "--films", 1, "--epochs", 1)
    assert out.count("false calls a film") == 8


def test_pictures_keep_the_colours_of_a_small_heatmap_over_much_grey() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "driven_viewer.py"))
    grain = np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8)
    picture = np.repeat(grain[..., None], 3, axis=-1)
    colours = np.array([[0, 200, 255], [255, 160, 0], [255, 30, 30]], np.uint8)
    picture[10:13, 20:32] = colours[:, None]
    kept = np.asarray(script["few_colours"](picture).convert("RGB")).astype(int)
    assert np.abs(kept[10:13, 20:32] - colours[:, None]).max() <= 24
    assert np.abs(kept[20:] - picture[20:]).max() <= 8


@pytest.mark.slow
def test_screenshots_are_taken_of_real_forms(tmp_path: Path) -> None:
    """In a process of its own: it opens viewers, and lives in a folder of its own."""
    command = [sys.executable, ROOT / "scripts" / "screenshots.py", "--only", "crop", "--output", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"crop\.png: \d+ kB\n", done.stdout)
    with Image.open(tmp_path / "crop.png") as picture:
        seen = np.asarray(picture.convert("RGB"))
    assert seen.shape == (860, 1320, 3)
    blue = (seen[..., 2] > 200) & (seen[..., 0] < 120)  # the windows over the film
    assert np.count_nonzero(blue[100:800, 340:940]) > 1000


def test_letters_prints_recall_beside_letters_without_and_with_them(run: Run) -> None:
    out = run("benchmarks/letters.py", "--films", 4)
    said = re.fullmatch(
        r"default: (\d+) flaws near letters; recall ([\d.]+) without letters, ([\d.]+) with them "
        r"\(([+-][\d.]+)\); false calls a film [\d.]+ and [\d.]+\n",
        out,
    )
    assert said is not None
    flaws, without, beside, difference = (float(each) for each in said.groups())
    assert flaws >= 2
    assert 0 < without <= 1 and 0 <= beside <= 1
    assert abs(beside - without - difference) <= 0.0011


def test_house_counts_what_a_small_package_has(run: Run, tmp_path: Path) -> None:
    package = tmp_path / "src" / "house"
    files = {
        "__init__.py": "",
        "a.py": 'from house import b\n\n\ndef read(one, *, two):\n    """Read."""\n',
        "b.py": "def late():\n    import house.c\n\n\ndef read(one, two, three):\n    pass\n",
        "c.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from house import a\n",
        "deep/__init__.py": "",
        "deep/d.py": "import house.deep.e\n\nshould_stop = 1\n",
        "deep/e.py": "from house.deep import d\nfrom house.a import read\n",
    }
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    found = json.loads(run("scripts/house.py", "--json", package))
    assert found["lines"] == 3 + 4 + 3 + 2 + 2
    assert found["docstring_share"] == round(1 / 14, 3)
    assert found["files"] == 7
    assert found["largest_folder"] == {"name": ".", "files": 3}
    chain = ["house.deep.d + house.deep.e", "house.a", "house.b", "house.c"]
    assert found["longest_chain"] == {"modules": 4, "names": chain}
    assert found["import_cycles"] == [["house.deep.d", "house.deep.e"]]
    assert found["functions_named_twice"] == {"read": ["house.a", "house.b"]}
    assert found["most_parameters"] == {"function": "house.b.read", "parameters": 3}
    assert found["lines_with_should_stop"] == 1
    assert "longest chain: 4" in run("scripts/house.py", package)

"""Hash what the program does, so that a change that should change nothing can be shown to change nothing.

    python scripts/freeze.py                              # print the hashes of this tree, as JSON
    PYTHONPATH=OTHER/src python scripts/freeze.py         # of another one, on the same machine
    python scripts/freeze.py --against tests/frozen/right_on_real_films.json

Everything is done by the commands a user types, with the options of the commit that was frozen, and what they
write is read by other programs: pixels by tifffile and Pillow, tables by csv, tensors by safetensors. So the
hashes depend on values alone, not on names inside the program. Arithmetic differs between processors: hashes
are compared on one machine.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import tifffile
import torch
from PIL import Image
from safetensors.numpy import load_file

SMALL = ["--size", "900x420", "--flaw-density", "30", "--flawless-share", "0", "--harsh-share", "0.3"]
TINY = ["--epochs", "2", "--batch", "4", "--patience", "0", "--precision", "float32", "--device", "cpu"]
#: So many files of a folder have one hash.
MANY = 20
#: Values that depend on the moment, the machine or the folder.
FLEETING = ("seconds", "time", "date", "path", "file", "folder", "version", "device", "made", "output", "run")


def main() -> int:
    """Print the hashes, or which differ from those of a file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--against", type=Path)
    parser.add_argument("--folder", type=Path, help="kept; else a temporary one")
    parser.add_argument("--only", help="parts whose names begin so; what they need must lie in --folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        hashes = {
            name: value
            for part, frozen in PARTS.items()
            if part.startswith(options.only or "")
            for name, value in folded(frozen(folder)).items()
        }
    here = {"processor": _processor(), "torch": torch.__version__, "numpy": np.__version__}
    if options.against is None:
        print(json.dumps({"machine": here, "hashes": hashes}, indent=1))
        return 0
    kept = json.loads(options.against.read_text())
    if kept["machine"] != here:
        print(f"note: frozen on {kept['machine']}, this is {here}")
    then = {name: value for name, value in kept["hashes"].items() if name in hashes or not options.only}
    differing = sorted(name for name in {*then, *hashes} if then.get(name) != hashes.get(name))
    print(*differing, f"{len(then) - len(differing)} of {len(then)} equal", sep="\n")
    return 1 if differing else 0


def folded(hashes: dict[str, str]) -> dict[str, str]:
    """Hashes of many files of one folder as one hash."""
    folders: dict[str, dict[str, str]] = {}
    for name, value in hashes.items():
        folders.setdefault(str(Path(name).parent), {})[name] = value
    few: dict[str, str] = {}
    for folder, each in folders.items():
        many = len(each) > MANY
        few.update({f"{folder}/ ({len(each)} files)": of_text(repr(sorted(each.items())))} if many else each)
    return few


def _processor() -> str:
    if not Path("/proc/cpuinfo").exists():
        return platform.processor()
    lines = [line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line]
    return next((value.strip() for name, value in lines if name.strip() == "model name"), "")


def weld_fcn(folder: Path, *arguments: str) -> str:
    """Run a command in the folder with one thread, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", THREADS, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"weld-fcn {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


THREADS = "import torch; torch.set_num_threads(1); from napari_weld_fcn.cli import main; main()"


def of_array(values: np.ndarray) -> str:
    """Hash values, shape and dtype."""
    values = np.ascontiguousarray(values)
    head = f"{values.dtype.str} {values.shape} ".encode()
    return hashlib.sha256(head + values.tobytes()).hexdigest()[:16]


def of_text(text: str) -> str:
    """Hash a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def written(folder: Path, *kinds: str) -> dict[str, str]:
    """Hash every file below a folder that has one of these suffixes, by its name."""
    readers: dict[str, Callable[[Path], str]] = {
        ".png": lambda path: of_array(np.asarray(Image.open(path))),
        ".tif": lambda path: of_array(tifffile.imread(path)),
        ".csv": lambda path: of_text(table(path.read_text())),
        ".safetensors": tensors,
    }
    return {
        str(path.relative_to(folder.parent)): readers[path.suffix](path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in (kinds or tuple(readers)) and "state" not in path.parts
    }


def table(text: str) -> str:
    """A table by its values: numbers as numbers, fleeting columns left out."""
    rows = list(csv.DictReader(io.StringIO(text)))
    return repr([[_value(value) for name, value in row.items() if not _fleeting(name)] for row in rows])


def _value(text: str) -> float | str:
    try:
        return float(text)
    except (TypeError, ValueError):
        return text


def _fleeting(name: str | None) -> bool:
    return any(each in (name or "").lower() for each in FLEETING)


def tensors(path: Path) -> str:
    """Hash the tensors of a model file, whatever its card says."""
    return of_text(repr([(name, of_array(values)) for name, values in sorted(load_file(path).items())]))


def numbers(text: str) -> str:
    """Hash the numbers of a JSON text in their order, fleeting ones left out."""

    def inside(value: object) -> Iterable[float]:
        if isinstance(value, dict):
            for name, each in value.items():
                if not _fleeting(name) and name != "settings":  # what is left open is said otherwise
                    yield from inside(each)
        elif isinstance(value, list):
            for each in value:
                yield from inside(each)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield float(value)

    return of_text(repr(list(inside(json.loads(text)))))


def simulated(folder: Path) -> dict[str, str]:
    """Films and their truth: whole ones, 16-bit ones, windows."""
    weld_fcn(folder, "simulate", "films", "--films", "4", "--seed", "7", *SMALL)
    weld_fcn(folder, "simulate", "deep", "--films", "2", "--seed", "11", "--depth-bits", "16", *SMALL)
    window = ["--framing", "window", "--size", "256x256", "--magnification-max", "2.5"]
    weld_fcn(folder, "simulate", "windows", "--films", "3", "--seed", "3", *window)
    return {
        name: value for part in ("films", "deep", "windows") for name, value in written(folder / part).items()
    }


def crops(folder: Path) -> dict[str, str]:
    """Crops with their masks and tables, by each way to place them."""
    ways = {
        "grid": ["--rois", "grid", "--overlap", "0.25"],
        "bead": ["--rois", "bead", "--jitter", "9", "--seed", "5"],
        "flaws": ["--rois", "flaws", "--jitter", "9", "--seed", "5"],
        "counted": ["--rois", "grid", "--crops-per-film", "3", "--seed", "2"],
    }
    found = {}
    for name, options in ways.items():
        weld_fcn(folder, "crop", "films", f"crops_{name}", "--size", "128", *options)
        found.update(written(folder / f"crops_{name}"))
    return found


def variants(folder: Path) -> dict[str, str]:
    """Variants by every transform at once, and by the defaults."""
    every = ["--translation", "11", "--rotation", "17", "--gaussian-sigma", "6", "--poisson-sigma", "4"]
    weld_fcn(folder, "augment", "crops_grid", "varied", "--variants", "3", "--seed", "9", *every)
    weld_fcn(folder, "augment", "crops_flaws", "varied_more", "--total", "200", "--seed", "1")
    return written(folder / "varied") | written(folder / "varied_more")


def predictions(folder: Path) -> dict[str, str]:
    """What `predict` writes, by both models and by settings that take other ways through the program."""
    ways = {
        "default": [],
        "fcn": ["--model", "fcn"],
        "fcn_bfloat16": ["--model", "fcn", "--precision", "bfloat16"],
        "either": ["--polarity", "either", "--area", "all", "--threshold", "0.3"],
        "bright": ["--polarity", "bright", "--min-size", "0.5mm", "--pixel-size", "0.05"],
        "tiles": ["--tile", "256", "--peak-odds", "2", "--precision", "float32"],
    }
    found = {}
    for name, options in ways.items():
        weld_fcn(folder, "predict", "films/Welds/W0001", "--output", f"predicted_{name}", *options)
        found.update(written(folder / f"predicted_{name}", ".tif", ".csv"))
    weld_fcn(folder, "predict", "deep/Welds/W0001", "--output", "predicted_deep")
    return found | written(folder / "predicted_deep", ".tif", ".csv")


def probabilities(folder: Path) -> dict[str, str]:
    """Probabilities and labels to the last bit, as the library gives them; a file holds them rounded."""
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY], cwd=folder, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


LIBRARY = """
import hashlib, json, numpy, torch
torch.set_num_threads(1)
from napari_weld_fcn import predict, read
def of(values):
    values = numpy.ascontiguousarray(values)
    return hashlib.sha256(f"{values.dtype.str} {values.shape} ".encode() + values.tobytes()).hexdigest()[:16]
found = {}
for film in range(1, 5):
    for model in ("default", "fcn"):
        made = predict(read(f"films/Welds/W0001/W0001_{film:04d}.png"), model)
        found[f"probability {model} {film}"] = of(made.probability)
        found[f"labels {model} {film}"] = of(made.labels)
print(json.dumps(found))
"""


def scores(folder: Path) -> dict[str, str]:
    """Scores of both models, and of a label image."""
    found = {}
    for model in ("default", "fcn"):
        options = ["--output", f"scored_{model}", "--resamples", "50", "--json"]
        text = weld_fcn(folder, "evaluate", model, "films", *options)
        found[f"evaluate {model}"] = numbers(text)
        found.update(written(folder / f"scored_{model}", ".csv"))
    truth = "films/Welds/W0002/W0002_0001.png"
    labels = next((folder / "predicted_default").glob("*0001*labels.tif")).relative_to(folder)
    found["score"] = numbers(weld_fcn(folder, "score", str(labels), truth, "--json"))
    return found


def feature_maps(folder: Path) -> dict[str, str]:
    """Maps of all stages, and what drew an indication."""
    film = "films/Welds/W0001/W0001_0001.png"
    weld_fcn(folder, "features", film, "--output", "maps", "--model", "fcn")
    weld_fcn(folder, "features", film, "--output", "maps_default", "--show", "strongest")
    return written(folder / "maps") | written(folder / "maps_default")


def trainings(folder: Path) -> dict[str, str]:
    """Weights after short trainings of each kind: from nothing, from a model, on crops and films."""
    ways = {
        "nothing": ["crops_flaws", "--width", "4", "--learning-rate", "0.002", *TINY],
        "model": ["crops_flaws", "--from", "default", *TINY],
        "films": ["films/Welds", "--width", "4", "--window", "96", "--from", "nothing", *TINY],
        "fcn": ["films", "--from", "fcn", "--window", "96", "--keep", "0.3", *TINY],
        "clean": ["--from", "default", "--clean", "deep/Welds/W0001", "--window", "96", *TINY],
        "mixed": ["films", "--from", "default", "--unlabelled", "deep/Welds/W0001", "--window", "96", *TINY],
        "tversky": ["crops_flaws", "--from", "nothing", "--width", "4", "--loss", "focal-tversky", *TINY],
    }
    found = {}
    for name, options in ways.items():
        weld_fcn(folder, "train", *_placed(options, f"run_{name}"))
        found.update(written(folder / f"run_{name}", ".safetensors"))
    return found


def _placed(options: list[str], run: str) -> list[str]:
    """The arguments of `train` with the run's folder behind its films, if any."""
    films = 0 if options[0].startswith("-") else 1
    return [*options[:films], run, *options[films:]]


def shipped(_: Path) -> dict[str, str]:
    """The tensors of the shipped models."""
    import napari_weld_fcn

    models = Path(napari_weld_fcn.__file__).parent / "network" / "shipped"
    return written(models, ".safetensors")


PARTS: dict[str, Callable[[Path], dict[str, str]]] = {
    "shipped": shipped,
    "simulated": simulated,
    "crops": crops,
    "variants": variants,
    "predictions": predictions,
    "probabilities": probabilities,
    "scores": scores,
    "features": feature_maps,
    "trainings": trainings,
}

if __name__ == "__main__":
    raise SystemExit(main())

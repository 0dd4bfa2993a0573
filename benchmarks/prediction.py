"""How fast a radiograph is predicted, and beside it the usual way in the same run.

    python benchmarks/prediction.py [--quick] [--model NAME|FILE] [--fcn NAME|FILE] [--once]

Prints, for 4000 x 1500 pixels: the default model's seconds (network, labels, table, whole), the paper's FCN
in bfloat16 and in float32, MONAI's `sliding_window_inference` (256 x 256, overlap 0.5, its other defaults)
with the same FCN weights as they were trained (eager, float32), the ratios to it, the largest difference of
each from the whole image in float32, and the peak memory over the image's own and the outputs', in a process
of its own. Where a shipped model is missing, an untrained one stands in, and its name says so.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction.predict import predict, probability, relabel
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.normalisation import measure

FULL, QUICK = (1500, 4000), (160, 240)
Pixels = NDArray[np.uint8]


def main() -> None:
    """Run all measurements and print them, as JSON at the end."""
    arguments = _arguments()
    shape = QUICK if arguments.quick else FULL
    default, fcn = _model(arguments.model, "autoencoder"), _model(arguments.fcn, "fcn")
    if arguments.memory:
        print(json.dumps(_memory_here(shape, default)))
        return
    pixels, repeats = example(shape), 1 if arguments.once else 3
    found: dict[str, Any] = {"shape": shape, "threads": torch.get_num_threads()}
    found |= _whole_prediction(pixels, default, repeats)
    found["fcn"] = _against_monai(pixels, fcn, repeats, found["default"]["total"])
    found["memory"] = _memory(arguments)
    _print(found)


def example(shape: tuple[int, int], seed: int = 0) -> Pixels:
    """Return a film of `shape`: a bright bead with grain and dark pores, 8 bits."""
    rows, columns = shape
    draw = np.random.default_rng(seed)
    bead = 70 * np.exp(-(((np.arange(rows) - rows / 2) / (rows / 5)) ** 2))[:, None]
    film = 90 + bead + draw.normal(0, 6, shape)
    for _ in range(max(8, rows * columns // 40_000)):
        row, column = int(draw.normal(rows / 2, rows / 10)) % rows, int(draw.integers(columns))
        radius, reach = draw.uniform(2, 8), 24
        part = film[max(row - reach, 0) : row + reach, max(column - reach, 0) : column + reach]
        y, x = np.indices(part.shape)
        y, x = y - min(row, reach), x - min(column, reach)
        part -= draw.uniform(15, 50) * np.exp(-(y**2 + x**2) / radius**2)
    return np.clip(np.rint(film), 0, 255).astype(np.uint8)


def _whole_prediction(pixels: Pixels, model: Model, repeats: int) -> dict[str, Any]:
    """Seconds of the default model from pixels to table: the first call, then the best of some."""
    first = predict(pixels, model)
    best = min((predict(pixels, model) for _ in range(repeats)), key=lambda each: each.seconds)
    network, values = _best(lambda: probability(pixels, model), repeats)
    record = best.record
    start = time.perf_counter()
    again = relabel(values, record["threshold"], record["min_size_px"], peak_odds=record["peak_odds"])
    labelled = time.perf_counter()
    rows = len(again.table["label"])
    table = time.perf_counter() - labelled
    return {
        "default": {
            "model": model.card.name,
            "precision": record["precision"],
            "tile": record["planes"][0]["tile"],
            "network": network,
            "labels": labelled - start,
            "table": table,
            "indications": rows,
            "first_call": first.seconds,
            "total": best.seconds,
            "difference": float(np.abs(values - _whole(pixels, model)).max()),
        }
    }


def _against_monai(pixels: Pixels, model: Model, repeats: int, default_seconds: float) -> dict[str, Any]:
    """Seconds of the paper's network here and by MONAI's sliding window, with the same weights."""
    monai = _monai_seconds(pixels, model)
    exact = _whole(pixels, model)
    found: dict[str, Any] = {
        "model": model.card.name,
        "monai": monai,
        "default_is_faster_by": monai / default_seconds,
    }
    for precision in ("bfloat16", "float32"):
        settings = PredictionSettings(precision=precision)
        probability(pixels, model, settings)
        seconds, values = _best(lambda chosen=settings: probability(pixels, model, chosen), repeats)
        found[precision] = {
            "seconds": seconds,
            "ratio": monai / seconds,
            "difference": float(np.abs(values - exact).max()),
        }
    return found


def _monai_seconds(pixels: Pixels, model: Model) -> float:
    warnings.simplefilter("ignore")
    from monai.inferers import sliding_window_inference

    image = torch.from_numpy(measure(pixels).apply(pixels))[None, None]
    network = model.network.eval()
    with torch.inference_mode():
        network(image[..., :256, :256])
        start = time.perf_counter()
        sliding_window_inference(image, 256, 1, network, overlap=0.5).sigmoid()
        return time.perf_counter() - start


def _whole(pixels: Pixels, model: Model) -> NDArray[np.float32]:
    """The network as trained on the whole image at once: what every number must agree with."""
    image = measure(pixels).apply(pixels)
    with torch.inference_mode():
        found: torch.Tensor = model.network.eval()(torch.from_numpy(image)[None, None])
    return found.sigmoid()[0, 0].numpy()


def _memory(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure in a fresh process, where no earlier peak hides this one."""
    command = [sys.executable, __file__, "--memory", *(["--quick"] if arguments.quick else [])]
    for option in ("model", "fcn"):
        if getattr(arguments, option):
            command += [f"--{option}", getattr(arguments, option)]
    result: dict[str, float] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )
    return result


def _memory_here(shape: tuple[int, int], model: Model) -> dict[str, float]:
    predict(example((256, 256)), model)  # libraries and weights are not what a film costs
    pixels = example(shape)
    before = _resident_now()
    prediction = predict(pixels, model)
    outputs = prediction.probability.nbytes + prediction.labels.nbytes
    peak = _resident_peak()
    return {"over_image_and_outputs_MB": (peak - before - outputs) / 1e6, "outputs_MB": outputs / 1e6}


def _resident_peak() -> int:
    """Peak of this process; `ru_maxrss` would also count that of the process which started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _resident_now() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _best(work: Callable[[], NDArray[np.float32]], repeats: int) -> tuple[float, NDArray[np.float32]]:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def _model(name: str, kind: str) -> Model:
    try:
        return Model.load(name or ("default" if kind == "autoencoder" else "fcn"))
    except ModelError:
        if name:
            raise
        return Model.create(Card(name=f"untrained {kind}", network=NetworkSettings(kind=kind)))


def _print(found: dict[str, Any]) -> None:
    rows, columns = found["shape"]
    default, fcn = found["default"], found["fcn"]
    print(f"{columns} x {rows} pixels, {found['threads']} threads")
    print(
        f"{default['model']} ({default['precision']}): network {default['network']:.2f} s, "
        f"labels {default['labels']:.3f} s, table {default['table']:.3f} s of {default['indications']}, "
        f"whole {default['total']:.2f} s (first call {default['first_call']:.2f} s), "
        f"{default['difference']:.1e} from the whole image"
    )
    faster = fcn["default_is_faster_by"]
    print(f"MONAI, {fcn['model']}: {fcn['monai']:.1f} s; the default is {faster:.1f} x faster")
    for precision in ("bfloat16", "float32"):
        each = fcn[precision]
        print(
            f"{fcn['model']} in {precision}: {each['seconds']:.2f} s, {each['ratio']:.1f} x faster than "
            f"MONAI, {each['difference']:.1e} from the whole image"
        )
    over = found["memory"]["over_image_and_outputs_MB"]
    print(f"peak memory over the image's own and the outputs': {over:.0f} MB")
    print(json.dumps(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small film, for the tests")
    parser.add_argument("--once", action="store_true", help="one repetition of each")
    parser.add_argument("--model", default="", help="instead of the shipped default")
    parser.add_argument("--fcn", default="", help="instead of the shipped fcn")
    parser.add_argument("--memory", action="store_true", help="peak memory of the default model only")
    return parser.parse_args()


if __name__ == "__main__":
    main()

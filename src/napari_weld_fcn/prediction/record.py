"""What is written down of a prediction, so that the same record predicts the same again.

The record names the pixels, the file and the model by their SHA-256, keeps the settings as they were given
and what they became (threshold, tile, arithmetic), and the versions of what computed. It is JSON: numbers,
text, lists. What cannot be repeated bit by bit is left out: no clock, no host.

`ResolvedSettings` are what settings become for one radiograph and one model: nothing is left to be chosen.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari_weld_fcn
from napari_weld_fcn.errors import ModelError, RadiographError, SettingsError
from napari_weld_fcn.network import library
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.survey import file_sha256, pixels_sha256
from napari_weld_fcn.radiograph.polarity import Decision
from napari_weld_fcn.radiograph.radiograph import Box, Radiograph

if TYPE_CHECKING:
    from napari_weld_fcn.network.model import Model

FORMAT_VERSION = 1
_LIBRARIES = ("torch", "numpy", "scipy", "safetensors", "pydantic")


@dataclass(frozen=True)
class PlaneRun:
    """How one plane was computed.

    Attributes
    ----------
    mean, spread
        Its normalisation, in its own grey levels.
    precision
        ``float32`` or ``bfloat16``.
    difference
        Largest one from float32 that was found where the network was least certain, of a probability; 0 in
        float32. Elsewhere it may be larger.
    tile
        Rows and columns of a tile that was possible, pixels.
    polarity
        How its flaws were looked for, and why so.
    area
        Of the exposed film: first row and column, and those behind the last.
    excluded
        Share of the plane that is no film.
    dead_lines
        How many of its rows and of its columns are dead.
    clipped
        Share of the film that lies at an end of its scale.
    broken
        Share of the film that is cut off, as far from all the rest.
    grey_levels
        How many the film has, as far as they are counted.
    flat
        Share of its pixels that is as grey as the next one.
    enlarged
        Whether it was enlarged after it was digitised.
    """

    mean: float
    spread: float
    precision: str
    difference: float
    tile: tuple[int, int]
    polarity: Decision
    area: tuple[int, int, int, int]
    excluded: float
    dead_lines: tuple[int, int]
    clipped: float
    broken: float
    grey_levels: int
    flat: float
    enlarged: bool


def make_record(
    radiograph: Radiograph,
    model: Model,
    loaded: str,
    settings: PredictionSettings,
    resolved: ResolvedSettings,
    planes: list[PlaneRun],
) -> dict[str, Any]:
    """Return the record of one prediction; JSON holds it unchanged.

    `loaded` is the name or the file that the model was loaded by, empty where that is not known.
    """
    import torch  # the rest of this is asked for without it

    chosen = asdict(resolved)
    region = resolved.region
    return {
        "format_version": FORMAT_VERSION,
        "program": {"name": "napari-weld-fcn", "version": napari_weld_fcn.__version__},
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "machine": {
            "python": platform.python_version(),
            "processor": platform.machine(),
            "threads": torch.get_num_threads(),
        },
        "input": _input(radiograph),
        "model": {"name": model.card.name, "loaded": loaded, "sha256": model.sha256},
        "settings": settings.model_dump(),
        **chosen,
        "region": None if region is None else [region.top, region.left, region.bottom, region.right],
        "polarity": " and ".join(sorted({plane.polarity.polarity for plane in planes})),
        "precision": " and ".join(sorted({plane.precision for plane in planes})),
        "planes": [_plane(plane) for plane in planes],
    }


def asked(record: dict[str, Any]) -> tuple[PredictionSettings, Box | None]:
    """Return the settings and the region that a record was made with.

    Raises
    ------
    SettingsError
        If it is no record of this version.
    """
    if record.get("format_version") != FORMAT_VERSION:
        raise SettingsError(
            f"The record has format version {record.get('format_version')!r}, "
            f"but this program reads version {FORMAT_VERSION} only."
        )
    region = record["region"]
    return PredictionSettings.model_validate(record["settings"]), None if region is None else Box(*region)


def no_longer_made(record: dict[str, Any]) -> list[str]:
    """Say where a record is of a prediction at other scales than the film's own, as version 0.1 made them."""
    scales = {float(scale) for plane in record["planes"] for scale in plane.get("scales", [1.0])}
    if scales == {1.0}:
        return []
    told = " and ".join(f"{scale:g}" for scale in sorted(scales))
    return [
        f"{record['input']['name']}: its record is of a prediction at {told} times its pixels, which is not "
        "made any more; this one was made at the film's own pixels, so its indications are others."
    ]


def model_file(record: dict[str, Any]) -> Path:
    """Return the file of the record's model: the one it was loaded by, or any known one of the same bytes.

    Raises
    ------
    ModelError
        If there is none.
    """
    model = record["model"]
    known = list((library.shipped() | library.own()).values())
    try:
        first = library.find(model["loaded"])
    except ModelError:
        first = None
    for path in (first, *known):
        if path is not None and file_sha256(path) == model["sha256"]:
            return path
    if first is not None:
        return first  # perhaps the same model in other bytes; its own hash decides
    raise ModelError(
        f"The model of the record ({model['name']}, SHA-256 {model['sha256'][:12]}...) is not among the "
        f"models{' nor at ' + model['loaded'] if model['loaded'] else ''}; import it, or give its file."
    )


def with_recorded_size(record: dict[str, Any], radiograph: Radiograph) -> Radiograph:
    """Give a radiograph the pixel size that the record was made with, and its source."""
    return replace(
        radiograph,
        pixel_size_mm=record["pixel_size_mm"],
        pixel_size_source=record["pixel_size_source"],
    )


def check_input(record: dict[str, Any], radiograph: Radiograph) -> None:
    """Refuse pixels that are not those of the record.

    Raises
    ------
    RadiographError
        If their SHA-256 differs.
    """
    expected, found = record["input"]["sha256"], pixels_sha256(radiograph.pixels)
    if expected != found:
        raise RadiographError(
            f"{radiograph.name}: its pixels (SHA-256 {found[:12]}...) are not those of the record "
            f"({expected[:12]}...)."
        )


def _input(radiograph: Radiograph) -> dict[str, Any]:
    return {
        "name": radiograph.name,
        "film": radiograph.film,
        "source": radiograph.source,
        "shape": [int(size) for size in radiograph.pixels.shape],
        "dtype": str(radiograph.pixels.dtype),
        "sha256": pixels_sha256(radiograph.pixels),
        "file_sha256": file_sha256(radiograph.source) if radiograph.source else None,
    }


def _plane(plane: PlaneRun) -> dict[str, Any]:
    decision = plane.polarity
    told = {"polarity": decision.polarity, "polarity_why": decision.why, "polarity_sure": decision.sure}
    return (
        asdict(plane) | {name: list(getattr(plane, name)) for name in ("tile", "area", "dead_lines")} | told
    )


@dataclass(frozen=True)
class ResolvedSettings:
    """What the settings became for one radiograph and one model.

    Attributes
    ----------
    threshold
        A pixel is marked where its probability is larger.
    min_size_px
        Smallest maximum Feret length of an indication, pixels.
    peak_odds
        How many times the odds of the threshold an indication has at its peak.
    pixel_size_mm, pixel_size_source
        As in `Radiograph`, or the user's own.
    device
        ``cpu``, ``cuda`` or ``mps``.
    region
        The rectangle that was marked in.
    """

    threshold: float
    min_size_px: float
    peak_odds: float
    pixel_size_mm: float | None
    pixel_size_source: str
    device: str
    region: Box | None


def resolve(
    film: Radiograph, card: Card, settings: PredictionSettings, region: Box | None
) -> ResolvedSettings:
    """Settle what the settings leave open for this film and model.

    Raises
    ------
    SettingsError
        If a size is asked for in mm and the pixel size is not known, the region lies outside the film, or
        the device is not there.
    """
    from napari_weld_fcn.prediction.engine import choose_device  # brings PyTorch; the rest is asked without

    size_mm, source = pixel_size_in(settings, film)
    rows, columns = film.pixels.shape[-2:]
    return ResolvedSettings(
        threshold=settings.threshold or card.threshold,
        min_size_px=min_size_in_px(settings, card.min_size_px, size_mm),
        peak_odds=settings.peak_odds or card.peak_odds,
        pixel_size_mm=size_mm,
        pixel_size_source=source,
        device=choose_device(settings.device).type,
        region=None if region is None else region.within((rows, columns)),
    )


def pixel_size_in(settings: PredictionSettings, film: Radiograph) -> tuple[float | None, str]:
    """Return the pixel size in mm that is in force for a film, and its source."""
    if settings.pixel_size_mm:
        return settings.pixel_size_mm, "user"
    return film.pixel_size_mm, str(film.pixel_size_source)


def min_size_in_px(settings: PredictionSettings, own: float, pixel_size_mm: float | None) -> float:
    """Return the minimum size that `settings` ask for, in pixels; `own` where they leave it open.

    Raises
    ------
    SettingsError
        If it is in mm and the pixel size is not known.
    """
    if not settings.min_size:
        return own
    if settings.min_size_unit == "px":
        return settings.min_size
    if pixel_size_mm is None:
        raise SettingsError(
            f"The minimum size is {settings.min_size:g} mm, but the pixel size is not known: "
            "give the pixel size, or the minimum size in pixels."
        )
    return settings.min_size / pixel_size_mm

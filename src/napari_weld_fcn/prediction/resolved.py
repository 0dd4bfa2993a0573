"""What settings become for one radiograph and one model: nothing is left to be chosen."""

from __future__ import annotations

from dataclasses import dataclass

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.tiles import Box
from napari_weld_fcn.radiograph.radiograph import Radiograph


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
    from napari_weld_fcn.prediction.device import choose_device  # brings PyTorch; the rest is asked without

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

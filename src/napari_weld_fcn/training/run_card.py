"""The card of a model that a run made: where it comes from, so that the file alone tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from napari_weld_fcn import __version__
from napari_weld_fcn.dataset.films import FilmSplit
from napari_weld_fcn.dataset.splits import Split
from napari_weld_fcn.network.card import Card, Quality
from napari_weld_fcn.training.run_folder import Row
from napari_weld_fcn.training.settings import RunSettings

_PURPOSE = {
    "crops": "largest pixel F1 on the crops of held-out films",
    "films": "largest pixel F1 on held-out films",
    "clean": "that of the model that was tuned",
    "unlabelled": "that of the model that was tuned",
}


def card_of(
    run: Path,
    about: RunSettings,
    split: Split | FilmSplit,
    row: Row,
    start: Card | None,
    pixel_sizes_mm: Sequence[float],
) -> Card:
    """Describe the network of one validation.

    Parameters
    ----------
    run
        The run's folder; its name becomes the model's.
    about, split
        What the run was asked for, and which crops or films it learned from.
    row
        The validation, whose threshold the model marks at.
    start
        Card of the model that it was trained on from; how that is applied holds for this one too.
    pixel_sizes_mm
        Of the crops or films, where known; the median is what the model is fitted for.

    Returns
    -------
    Card
        It names folders and no paths, and gives no licence: that is for whoever owns the films.
    """
    names = ("train", "network", "augmentation", "split", "start_from", "start_sha256", "pairs_sha256")
    recipe = about.model_dump(mode="json", include=set(names))
    values: dict[str, Any] = (
        {} if start is None else {"min_size_px": start.min_size_px, "qualities": _applied_as(start)}
    )
    if pixel_sizes_mm:
        values["pixel_size_mm"] = median(pixel_sizes_mm)
    return Card(
        name=run.absolute().name or "run",
        network=about.network,
        threshold=row.threshold,
        threshold_purpose=_PURPOSE[about.kind],
        scores={"validation": {**asdict(row), about.kind: len(split.validation)}},
        recipe={**recipe, "run": run.absolute().name},
        data=f"{len(split.training)} {about.kind} of {Path(about.dataset).name or 'memory'}",
        seed=about.train.seed,
        version=__version__,
        licence="",
        **values,
    )


def _applied_as(start: Card) -> dict[str, Quality]:
    return {name: Quality(scales=each.scales, merge=each.merge) for name, each in start.qualities.items()}

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
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.training.checked import Checked
from napari_weld_fcn.training.run_folder import Row
from napari_weld_fcn.training.settings import RunSettings

_PURPOSE = {
    "crops": "largest pixel F1 on the crops of held-out films",
    "films": "largest pixel F1 on held-out films",
}
_CUT = "pixel F1 on the part of a film that was held out, as near to one half as it lets"
_ON_ALL = "pixel F1 on all labels, which are learned, as near to one half as it lets"
_KEPT = "that of the model that was tuned"
_MOVED = "pixel F1 on held-out films, as near as it lets to that of the model that was tuned"
#: What the scores of a network belong to that has learned what they were taken on.
BEFORE_ALL = "the network before what was held back was learned too"
#: Where a card says what was found when all labels were learned.
ALL_LABELS = "all_labels"
_NOUNS = {"crops": "crop", "films": "film", "clean": "clean film", "unlabelled": "unlabelled film"}
#: Fields of a model's card that hold for what is tuned from it too.
_OF_START = ("min_size_px", "peak_odds")


def card_of(
    run: Path,
    about: RunSettings,
    split: Split | FilmSplit,
    row: Row,
    start: Card | None,
    pixel_sizes_mm: Sequence[float],
    checked: Checked | None = None,
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
    checked
        What was found when what the validation was taken on was learned too; None where it was not.

    Returns
    -------
    Card
        It names folders and no paths, and gives no licence: that is for whoever owns the films.
    """
    names = ("train", "network", "augmentation", "split", "start_from", "start_sha256", "pairs_sha256")
    recipe = about.model_dump(mode="json", include={*names, "kind", "mixed_in"})
    validation = {**asdict(row), about.kind: len(split.validation)}
    scores: dict[str, Any] = {"validation": validation}
    if checked is not None:
        scores[ALL_LABELS] = checked.to_card()
    if taken := checked is not None and checked.holds:
        validation["of"] = BEFORE_ALL
    values: dict[str, Any] = {} if start is None else {name: getattr(start, name) for name in _OF_START}
    if pixel_sizes_mm:
        values["pixel_size_mm"] = median(pixel_sizes_mm)
    return Card(
        name=run.absolute().name or "run",
        network=about.network,
        threshold=checked.threshold if checked is not None and checked.holds else row.threshold,
        threshold_purpose=_ON_ALL if taken else _purpose(about, split, row.threshold),
        scores=scores,
        recipe={**recipe, "run": run.absolute().name},
        data=_data(about, len(split.training)),
        seed=about.train.seed,
        version=__version__,
        licence="",
        **values,
    )


def _purpose(about: RunSettings, split: Split | FilmSplit, threshold: float) -> str:
    if not about.threshold:
        return _CUT if isinstance(split, FilmSplit) and split.cuts_a_film else _PURPOSE[about.kind]
    return _KEPT if abs(threshold - about.threshold) < 0.001 else _MOVED


def _data(about: RunSettings, count: int) -> str:
    source = f"of {Path(about.dataset).name}" if about.dataset else "from memory"
    return f"{count} {_NOUNS[about.kind]}{'s' * (count != 1)} {source}"

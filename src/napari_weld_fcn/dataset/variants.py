"""Which crops are augmented, and how many pairs become of each; without PyTorch, so that a form can ask."""

from __future__ import annotations

from pathlib import Path

from napari_weld_fcn.dataset.settings import VARIANTS
from napari_weld_fcn.dataset.store import Dataset, read_dataset
from napari_weld_fcn.errors import SettingsError


def counts(crops: int, *, variants: int | None = None, total: int | None = None) -> list[int]:
    """How many pairs there are of each crop, the crop itself among them.

    Parameters
    ----------
    crops
        How many there are.
    variants, total
        As for `augment`.

    Raises
    ------
    SettingsError
        If there is no crop, if both are given, or if a crop would get no pair.
    """
    if crops == 0:
        raise SettingsError("There are no crops to augment.")
    if variants is not None and total is not None:
        raise SettingsError("Give either the variants of each crop or the total, not both.")
    if total is None:
        each = VARIANTS if variants is None else variants
        if each < 1:
            raise SettingsError(f"{each} variants of each crop were asked for, but the crop itself is one.")
        return [each] * crops
    if total < crops:
        raise SettingsError(f"A total of {total} pairs is less than the {crops} crops that are among them.")
    return [(index + 1) * total // crops - index * total // crops for index in range(crops)]


def read_crops(folder: str | Path) -> Dataset:
    """Read a dataset folder of crops.

    Raises
    ------
    DatasetError
        If the folder is no dataset.
    SettingsError
        If it holds variants already.
    """
    dataset = read_dataset(folder)
    varied = sum(row.variant != 0 for row in dataset.rows)
    if varied:
        raise SettingsError(
            f"{folder}: {varied} of its {len(dataset)} pairs are variants already; give a dataset of crops."
        )
    return dataset


def variants_in_words(crops: int, pairs: int) -> str:
    """Say what becomes of the crops, such as ``360 crops -> 11 871 pairs (23 742 images)``."""
    return f"{crops:,} crops -> {pairs:,} pairs ({2 * pairs:,} images)".replace(",", " ")

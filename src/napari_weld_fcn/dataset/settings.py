"""How crops are cut, varied and split."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.settings import Settings, setting


class CropSettings(Settings):
    """Where crops are cut from a film, and how many."""

    rois: Literal["bead", "grid", "flaws", "rectangles"] = setting(
        "bead",
        "Cut a grid over the weld bead or the whole film, around every flaw, or over rectangles",
        label="Crop",
    )
    size: int = setting(256, "Edge of a crop", unit="pixels", step=32, ge=16, le=4096, label="Edge of a crop")
    overlap: float = setting(
        0.0, "Least share of a crop that its neighbour shows as well", step=0.05, ge=0, le=0.95
    )
    jitter: int = setting(
        0,
        "Farthest that a crop is shifted at random, in each direction",
        unit="pixels",
        step=4,
        ge=0,
        le=4096,
        advanced=True,
    )
    crops_per_film: int | None = setting(
        None,
        "Exactly so many crops of each film, spread evenly over its bead or grid",
        zero="as many as cover it",
        step=1,
        ge=0,
        le=10_000,
    )
    labels: Literal["dense", "sparse"] = setting(
        "dense",
        "Any number but 0 is a flaw (dense), or 0 is not labelled, 1 background, others flaws (sparse)",
        label="Labels are",
        advanced=True,
    )

    @model_validator(mode="after")
    def _spread_over_an_area(self) -> Self:
        if self.crops_per_film and self.rois not in ("bead", "grid"):
            raise ValueError(
                f"{self.crops_per_film} crops of each film can be spread over a bead or a grid only; "
                f"cut {self.rois} without a number of crops"
            )
        return self


#: Settings by name; `paper` makes 360 crops of ten films, as the paper has them.
PRESETS = {"paper": CropSettings(rois="bead", size=256, crops_per_film=36)}


class SplitSettings(Settings):
    """Which films validate."""

    kind: Literal["ratio", "films", "leave-one-out", "k-fold"] = setting(
        "ratio", "By share of the crops, by name of the films, one film against the others, or fold by fold"
    )
    validation_share: float = setting(
        0.2, "Share of crops and of flaw that validate (ratio)", step=0.05, gt=0, lt=1
    )
    films: tuple[str, ...] = setting((), "Films that validate (films)")
    folds: int = setting(5, "Number of folds (k-fold)", step=1, ge=2, le=100)
    fold: int = setting(0, "Fold that validates, from 0 (k-fold and leave-one-out)", step=1, ge=0, le=9999)
    gap: int = setting(
        64, "Strip between the two parts of a film that is alone", unit="pixels", step=16, ge=0, le=4096
    )
    seed: int = setting(0, "The same seed gives the same split", step=1, ge=0)


#: Pairs of each crop, the crop itself among them, where nobody says how many: the paper's 11 871 of 360.
VARIANTS = 33


class AugmentationSettings(Settings):
    """The four transforms: how far each goes, and how often it is made.

    With their defaults all four take part, as in the paper. Negation teaches a network not to know dark from
    bright, so that bright wires become flaws; for films whose flaws are all dark its probability is best 0.
    """

    rotation: float = setting(180.0, "Largest angle, either way round", unit="degrees", step=5, ge=0, le=180)
    rotation_probability: float = setting(
        1.0, "Share of the variants that are rotated", step=0.05, ge=0, le=1, label="Rotated, share"
    )
    translation: float = setting(
        25.0,
        "Largest shift along rows and along columns, either way",
        unit="pixels",
        step=1,
        ge=0,
        le=256,
        label="Shift",
    )
    translation_probability: float = setting(
        1.0, "Share of the variants that are shifted", step=0.05, ge=0, le=1, label="Shifted, share"
    )
    negation_probability: float = setting(
        0.5,
        "Share of the variants with dark and bright exchanged; 0 where all flaws are dark",
        step=0.05,
        ge=0,
        le=1,
        label="Negated, share",
    )
    gaussian_sigma: float = setting(
        6.0,
        "Largest standard deviation of the noise that is the same everywhere, of 255 grey levels",
        unit="grey levels",
        step=0.5,
        ge=0,
        le=50,
        label="Even noise",
    )
    poisson_sigma: float = setting(
        6.0,
        "Largest standard deviation, at white, of the noise that grows with the root of the grey level",
        unit="grey levels",
        step=0.5,
        ge=0,
        le=50,
        label="Photon noise",
    )
    noise_probability: float = setting(
        0.5, "Share of the variants with both noises added", step=0.05, ge=0, le=1, label="With noise, share"
    )


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


def variants_in_words(crops: int, pairs: int) -> str:
    """Say what becomes of the crops, such as ``360 crops -> 11 871 pairs (23 742 images)``."""
    return f"{crops:,} crops -> {pairs:,} pairs ({2 * pairs:,} images)".replace(",", " ")

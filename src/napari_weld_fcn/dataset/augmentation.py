"""From crops to variants: what is drawn for each, and how many there are of each.

Variant k of crop i from seed s is one image. All that is drawn for it therefore comes from a hash of
(s, i, k): a generator that is drawn from in turn would give another image in another order. Every transform
has its own numbers, so that one that is switched off leaves the others as they were. Variant 0 is the crop
itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch

from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.settings import AugmentationSettings, counts
from napari_weld_fcn.dataset.transforms import Change, GreyScale, vary
from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.radiograph.normalisation import Normalisation

#: Pixels computed together: on a processor as many as stay in its cache.
_BATCH = {"cpu": 8 * 256**2}
_BATCH_ELSEWHERE = 64 * 256**2

#: What a variant tells of its change; its noise is told by seed, crop and number.
_PARAMETERS = tuple(field.name for field in fields(Change) if field.name != "noise_key")


def augment(
    crops: Sequence[Pair],
    settings: AugmentationSettings = AugmentationSettings(),
    *,
    variants: int | None = None,
    total: int | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> Iterator[Pair]:
    """Make the variants of crops, crop by crop, each as it is asked for.

    Parameters
    ----------
    crops
        The crop's place in this sequence decides what its variants are.
    settings
        Ranges and probabilities of the transforms.
    variants
        Pairs of each crop, the crop itself among them; `VARIANTS` where `total` is not given either.
    total
        Pairs in all, spread so that no crop has two more than another.
    seed
        Not negative; the same seed gives the same variants.
    device
        Where they are computed, as PyTorch names it.

    Returns
    -------
    iterator of Pair
        The crop itself first, then its variants, called ``NAME_v001`` and on.

    Raises
    ------
    SettingsError
        If there is no crop, or fewer pairs than crops are asked for; on the way, if a crop is a variant.

    References
    ----------
    Rotation, translation, negation and noise as in a paper on GDXray welds, where 360 crops became 11 871.
    """
    numbers = counts(len(crops), variants=variants, total=total)
    return (
        varied
        for index, number in enumerate(numbers)
        for varied in _variants(crops[index], index, range(number), settings, seed, device)
    )


def variant(
    crop: Pair,
    index: int,
    number: int,
    settings: AugmentationSettings = AugmentationSettings(),
    seed: int = 0,
) -> Pair:
    """Make one variant of a crop: the very pair that `augment` gives.

    Parameters
    ----------
    crop
        Any pair that is not a variant.
    index
        Its place in its dataset, from 0.
    number
        Which variant; 0 is the crop itself.
    settings, seed
        As for `augment`.

    Returns
    -------
    Pair
        With the crop's dtype and shape, and the `normalisation` that its film would have: a negated
        variant has its film's mean negated.

    Raises
    ------
    SettingsError
        If the crop is itself a variant.
    """
    return next(_variants(crop, index, range(number, number + 1), settings, seed, "cpu"))


def draw(settings: AugmentationSettings, seed: int, index: int, number: int) -> Change:
    """Say what is done to crop `index` in its variant `number`; nothing for number 0.

    Every range is drawn from evenly, angles and shifts both ways, sigmas from 0.
    """
    if number == 0:
        return Change()
    words = np.random.SeedSequence([seed, index, number]).generate_state(10, np.uint64)
    even = (words[:9] >> np.uint64(11)) * 2.0**-53
    turned, shifted, negated, noisy = (even[:4] < _probabilities(settings)).tolist()
    angle, down, right = (2 * even[4:7] - 1).tolist()
    gaussian, poisson = even[7:].tolist()
    return Change(
        angle=settings.rotation * angle if turned else 0.0,
        shift_row=settings.translation * down if shifted else 0.0,
        shift_column=settings.translation * right if shifted else 0.0,
        negated=negated,
        gaussian_sigma=settings.gaussian_sigma * gaussian if noisy else 0.0,
        poisson_sigma=settings.poisson_sigma * poisson if noisy else 0.0,
        noise_key=int(words[9].view(np.int64)),
    )


def _probabilities(settings: AugmentationSettings) -> tuple[float, ...]:
    return (
        settings.rotation_probability,
        settings.translation_probability,
        settings.negation_probability,
        settings.noise_probability,
    )


def _variants(
    crop: Pair, index: int, numbers: range, settings: AugmentationSettings, seed: int, device: str
) -> Iterator[Pair]:
    if crop.variant != 0:
        raise SettingsError(f"{crop.name} is a variant already; augment the crops themselves.")
    if 0 in numbers:
        yield crop
    made = range(max(numbers.start, 1), numbers.stop)
    size = max(_BATCH.get(torch.device(device).type, _BATCH_ELSEWHERE) // crop.pixels.size, 1)
    for start in range(0, len(made), size):
        part = made[start : start + size]
        changes = [draw(settings, seed, index, number) for number in part]
        yield from _varied(crop, part, changes, device)


def _varied(crop: Pair, numbers: range, changes: Sequence[Change], device: str) -> Iterator[Pair]:
    scale = GreyScale.of(crop.pixels, crop.full_scale)
    images, masks = vary(
        _batch(crop.pixels.astype(_working_dtype(crop.pixels.dtype)), len(changes), device),
        _batch(crop.mask, len(changes), device),
        changes,
        [scale] * len(changes),
    )
    levels = images[:, 0].cpu().numpy().astype(crop.pixels.dtype)
    for number, change, pixels, mask in zip(numbers, changes, levels, masks[:, 0].cpu().numpy(), strict=True):
        yield _as_pair(crop, number, change, pixels, mask, scale)


def _as_pair(
    crop: Pair, number: int, change: Change, pixels: np.ndarray, mask: np.ndarray, scale: GreyScale
) -> Pair:
    film = crop.normalisation
    return replace(
        crop,
        name=f"{crop.name}_v{number:03d}",
        pixels=pixels,
        mask=mask,
        normalisation=_negated(film, scale) if change.negated else film,
        variant=number,
        parameters={name: float(getattr(change, name)) for name in _PARAMETERS},
    )


def _negated(film: Normalisation, scale: GreyScale) -> Normalisation:
    return replace(
        film,
        mean=scale.negated(film.mean),
        low=scale.negated(film.high),
        high=scale.negated(film.low),
    )


def _working_dtype(dtype: np.dtype[Any]) -> type[np.float32 | np.float64]:
    """The least float that holds every pixel of `dtype` exactly, or nearly so for wide integers."""
    return np.float32 if np.can_cast(dtype, np.float32) else np.float64


def _batch(plane: np.ndarray, size: int, device: str) -> torch.Tensor:
    """``(size, 1, rows, columns)``: the same plane every time, in memory once."""
    return torch.from_numpy(np.require(plane, requirements=["C", "W"])).to(device).expand(size, 1, -1, -1)

"""Which crops train and which validate, so that the score is one for a film that was never seen.

Two crops of one film share its grain, its scanner and often the same pore, and a score over crops that were
dealt out at random is mostly memory. So whole films go to one side, with all their crops and all variants of
those. Where there is one film alone it is cut in two parts with a gap between them, and the split says so:
such a score tells how the rest of *this* film will be read, and no more.

A side without flaws cannot train, or be scored, and is refused with the reason. The split depends on the
films, places and flaw of the crops and on the seed, never on the order in which crops are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from napari_weld_fcn.dataset.places import Place, Split, cut_in_two, distance
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import DatasetError, SettingsError

#: Values of a split belong to its interface.
__all__ = ["Place", "Split", "folds", "split_places"]


def split_places(places: Sequence[Place], settings: SplitSettings) -> Split:
    """Split crops, or whole films, into training and validation.

    Parameters
    ----------
    places
        One for each; variants have the place of their crop.
    settings
        `kind` decides: ``ratio`` chooses films until about `validation_share` of the crops and of the flaw
        validates, or cuts a film that is alone; ``films`` takes those named; ``leave-one-out`` and ``k-fold``
        take fold `fold` of `folds`.

    Returns
    -------
    Split
        The same for the same films, places and seed, whatever their order.

    Raises
    ------
    DatasetError
        If there is nothing, or no flaw, for one of the two sides.
    SettingsError
        If a film is named that is not there, or a fold asked for that is not there.
    """
    if settings.kind == "ratio":
        films = _films(places)
        return cut_in_two(places, settings) if len(films) == 1 else _by_share(places, films, settings)
    if settings.kind == "films":
        return _by_name(places, settings.films)
    groups = _groups(places, settings)
    if settings.fold >= len(groups):
        raise SettingsError(
            f"Fold {settings.fold} was asked for, but there are {len(groups)} folds, counted from 0."
        )
    return _by_films(places, groups[settings.fold])


def folds(places: Sequence[Place], settings: SplitSettings) -> tuple[Split, ...]:
    """Split so that in turn each film, or each of `folds` groups of films, validates.

    Parameters
    ----------
    places
        As for `split_places`.
    settings
        Of kind ``leave-one-out``, where a film without flaws never validates, since nothing can be scored on
        it; or ``k-fold``, where such a film goes to the smallest group.

    Returns
    -------
    tuple of Split
        By film names, or `folds` groups of about equal flaw.

    Raises
    ------
    DatasetError
        If fewer than two films have flaws.
    SettingsError
        If there are more folds than films with flaws, or the kind has no folds.
    """
    if settings.kind not in ("leave-one-out", "k-fold"):
        raise SettingsError(f"A split by {settings.kind} has no folds.")
    return tuple(_by_films(places, group) for group in _groups(places, settings))


@dataclass(frozen=True)
class _Film:
    name: str
    crops: int
    flaw: int


def _films(places: Sequence[Place]) -> list[_Film]:
    if not places:
        raise DatasetError("There is nothing to split.")
    crops: dict[str, int] = {}
    flaw: dict[str, int] = {}
    for place in places:
        crops[place.film] = crops.get(place.film, 0) + 1
        flaw[place.film] = flaw.get(place.film, 0) + place.flaw_pixels
    if not any(flaw.values()):
        raise DatasetError("No mask has a flaw: there is nothing to learn from and nothing to score.")
    return [_Film(name, crops[name], flaw[name]) for name in sorted(crops)]


def _check_flawed(films: list[_Film]) -> None:
    """Refuse what cannot be split by film, since only one film has flaws."""
    flawed = [film.name for film in films if film.flaw]
    if len(films) == 1:
        raise DatasetError(
            f"Film {films[0].name} is alone and cannot be held out; a split by ratio cuts it in two parts."
        )
    if len(flawed) == 1:
        raise DatasetError(
            f"Only film {flawed[0]} of {len(films)} films has flaws, "
            "but training and validation both need some."
        )


def _by_films(places: Sequence[Place], validating: set[str]) -> Split:
    """The split in which the films `validating` validate; both sides must have flaws."""
    training = tuple(i for i, place in enumerate(places) if place.film not in validating)
    validation = tuple(i for i, place in enumerate(places) if place.film in validating)
    for side, positions in (("training", training), ("validation", validation)):
        if not positions:
            raise DatasetError(f"No film is left for {side}.")
        if not any(places[i].flaw_pixels for i in positions):
            names = _listed({places[i].film for i in positions})
            raise DatasetError(f"The {side} would have no flaw: it would be {names}.")
    note = f"{len(validation)} of {len(places)} crops validate, those of {_listed(validating)}."
    return Split(training, validation, note=note)


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    shown = ", ".join(ordered[:8]) + (f" and {len(ordered) - 8} more" if len(ordered) > 8 else "")
    return f"{'film' if len(ordered) == 1 else 'films'} {shown}"


def _by_name(places: Sequence[Place], names: tuple[str, ...]) -> Split:
    films = {film.name for film in _films(places)}
    unknown = [name for name in names if name not in films]
    if unknown:
        raise SettingsError(f"There is no film {unknown[0]}; there are {_listed(films)}.")
    if not names:
        raise SettingsError(f"Name the films that validate; there are {_listed(films)}.")
    return _by_films(places, set(names))


def _by_share(places: Sequence[Place], films: list[_Film], settings: SplitSettings) -> Split:
    """Begin with a film that the seed draws, then add what brings both shares closest, while it does."""
    _check_flawed(films)
    films = sorted(films, key=_chance(settings.seed))
    shares = np.array([(film.crops, film.flaw) for film in films], np.float64)
    shares /= shares.sum(axis=0)
    flawed = shares[:, 1] > 0
    alone = np.where(flawed, distance(shares, settings), np.inf)
    nearer = np.flatnonzero(alone < distance(np.zeros(2), settings))
    chosen = np.zeros(len(films), np.bool_)
    chosen[nearer[0] if nearer.size else alone.argmin()] = True
    while True:
        held = shares[chosen].sum(axis=0)
        distances = distance(held + shares, settings)
        distances[chosen] = np.inf
        if np.count_nonzero(flawed & ~chosen) == 1:
            distances[flawed] = np.inf  # training keeps one
        if distances.min() >= distance(held, settings):
            break
        chosen[distances.argmin()] = True
    return _by_films(places, {film.name for film, validates in zip(films, chosen, strict=True) if validates})


def _chance(seed: int) -> Callable[[_Film], bytes]:
    """A random order of films that depends on nothing but their names and the seed."""
    return lambda film: blake2b(f"{seed}/{film.name}".encode(errors="surrogatepass")).digest()


def _groups(places: Sequence[Place], settings: SplitSettings) -> list[set[str]]:
    """The names of the films that validate together."""
    films = _films(places)
    _check_flawed(films)
    if settings.kind == "leave-one-out":
        return [{film.name} for film in films if film.flaw]
    return _dealt(films, settings)


def _dealt(films: list[_Film], settings: SplitSettings) -> list[set[str]]:
    """Deal films out, those with most flaw first, each to the group that has least."""
    flawed = sum(film.flaw > 0 for film in films)
    if flawed < settings.folds:
        raise SettingsError(
            f"{settings.folds} folds need as many films with flaws, but {flawed} of {len(films)} have any."
        )
    groups: list[set[str]] = [set() for _ in range(settings.folds)]
    crops, flaw = np.zeros(settings.folds, np.int64), np.zeros(settings.folds, np.int64)
    chance = _chance(settings.seed)
    for film in sorted(films, key=lambda film: (-film.flaw, -film.crops, chance(film))):
        least = int(np.lexsort((crops, flaw) if film.flaw else (flaw, crops))[0])
        groups[least].add(film.name)
        crops[least] += film.crops
        flaw[least] += film.flaw
    return sorted(groups, key=min)

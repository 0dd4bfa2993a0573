"""Which crops train and which validate, so that the score is one for a film that was never seen.

Two crops of one film share its grain, its scanner and often the same pore, and a score over crops that were
dealt out at random is mostly memory. So whole films go to one side, with all their crops and all variants of
those. Where there is one film alone it is cut in two parts with a gap between them, and the split says so:
such a score tells how the rest of *this* film will be read, and no more.

A side without flaws cannot train, or be scored, and is refused with the reason. The split depends on the
films, places and flaw of the crops and on the seed, never on the order in which crops are listed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import DatasetError, SettingsError

_LISTS = ("training", "validation", "left_out")


@dataclass(frozen=True)
class Place:
    """Where a crop, or a whole film, lies and how much flaw it has.

    Attributes
    ----------
    film
        Identifies the film.
    row, column
        Place of the first pixel in the film.
    rows, columns
        Size in pixels.
    flaw_pixels
        Pixels of the mask that are flaw.
    """

    film: str
    row: int
    column: int
    rows: int
    columns: int
    flaw_pixels: int


@dataclass(frozen=True)
class Split:
    """Positions in the list that was split, each list ascending; every position is in exactly one.

    Attributes
    ----------
    training, validation
        Neither is empty, and both have flaws.
    left_out
        What touches the gap where a film that is alone was cut in two; else empty.
    note
        A sentence on what validates.
    """

    training: tuple[int, ...]
    validation: tuple[int, ...]
    left_out: tuple[int, ...] = ()
    note: str = ""

    def to_json(self) -> str:
        """Return the text of `splits.json`."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @staticmethod
    def from_json(text: str, source: str = "splits.json") -> Split:
        """Read what `to_json` wrote.

        Parameters
        ----------
        text
            The file's content.
        source
            What to call it where it is damaged.

        Raises
        ------
        DatasetError
            If it is no split, or holds a position twice.
        """
        try:
            given = json.loads(text)
            training, validation, left_out = (tuple(given[name]) for name in _LISTS)
            note = given["note"]
        except (ValueError, TypeError, KeyError, RecursionError) as fault:
            raise DatasetError(f"{source}: is no split of a dataset ({fault}).") from fault
        positions = [*training, *validation, *left_out]
        whole = all(type(position) is int and position >= 0 for position in positions)
        if not whole or len(set(positions)) < len(positions) or not isinstance(note, str):
            raise DatasetError(f"{source}: is no split of a dataset (a position is twice in it, or is none).")
        return Split(training, validation, left_out, note)


def split(places: Sequence[Place], settings: SplitSettings) -> Split:
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
        return _cut_in_two(places, settings) if len(films) == 1 else _by_share(places, films, settings)
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
        As for `split`.
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
    alone = np.where(flawed, _distance(shares, settings), np.inf)
    nearer = np.flatnonzero(alone < _distance(np.zeros(2), settings))
    chosen = np.zeros(len(films), np.bool_)
    chosen[nearer[0] if nearer.size else alone.argmin()] = True
    while True:
        held = shares[chosen].sum(axis=0)
        distances = _distance(held + shares, settings)
        distances[chosen] = np.inf
        if np.count_nonzero(flawed & ~chosen) == 1:
            distances[flawed] = np.inf  # training keeps one
        if distances.min() >= _distance(held, settings):
            break
        chosen[distances.argmin()] = True
    return _by_films(places, {film.name for film, validates in zip(films, chosen, strict=True) if validates})


def _distance(shares: np.ndarray, settings: SplitSettings) -> Any:
    """How far shares of the crops and of the flaw, on the last axis, are from what is asked for."""
    return np.abs(shares - settings.validation_share).sum(axis=-1)


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


@dataclass(frozen=True)
class _Cut:
    """Crops that end by `low` are below the gap, those that begin from `high` on are above it."""

    low: int
    high: int
    below_validates: bool


def _cut_in_two(places: Sequence[Place], settings: SplitSettings) -> Split:
    """Cut the one film where both shares come closest to what is asked for and least is lost to the gap."""
    extents = {
        "column": np.array([(place.column, place.column + place.columns) for place in places]),
        "row": np.array([(place.row, place.row + place.rows) for place in places]),
    }
    flaw = np.array([place.flaw_pixels for place in places])
    for axis in sorted(extents, key=lambda axis: -np.ptp(extents[axis])):
        cut = _best_cut(extents[axis], flaw, settings)
        if cut is not None:
            return _apart(places[0].film, axis, extents[axis], cut)
    raise DatasetError(
        f"Film {places[0].film} is alone and cannot be cut in two parts, {settings.gap} pixels apart, "
        "that both have a crop with a flaw; give more films, more crops or a smaller gap."
    )


def _apart(film: str, axis: str, extents: np.ndarray, cut: _Cut) -> Split:
    below, above = extents[:, 1] <= cut.low, extents[:, 0] >= cut.high
    sides = (above, below, ~(below | above)) if cut.below_validates else (below, above, ~(below | above))
    training, validation, left_out = (tuple(np.flatnonzero(side).tolist()) for side in sides)
    where = f"before {axis} {cut.low}" if cut.below_validates else f"from {axis} {cut.high} on"
    note = (
        f"Film {film} is alone and was cut in two: {len(validation)} of {len(extents)} crops, those {where}, "
        f"validate; {len(left_out)} that touch the gap of {cut.high - cut.low} pixels take no part, and the "
        "score holds for this film only."
    )
    return Split(training, validation, left_out, note)


def _best_cut(extents: np.ndarray, flaw: np.ndarray, settings: SplitSettings) -> _Cut | None:
    """Weigh every cut at the end of a crop; None where no cut leaves flaws on both sides."""
    starts, ends = extents.T
    cuts = np.unique(ends)
    amounts = np.stack([np.ones_like(flaw), flaw], axis=-1)  # of crops, of flaw
    below = _summed(ends, amounts, cuts, "right")
    above = amounts.sum(axis=0) - _summed(starts, amounts, cuts + settings.gap, "left")
    possible = (below[:, 1] > 0) & (above[:, 1] > 0)
    if not possible.any():
        return None
    kept = below + above
    lost = 1 - kept[:, 0] / len(flaw)
    with np.errstate(invalid="ignore"):
        costs = np.stack([_distance(side / kept, settings) + lost for side in (below, above)], axis=-1)
    costs[~possible] = np.inf
    later_first = settings.seed % 2 == 0  # of two cuts that are as good
    cut, side = np.unravel_index((costs[:, ::-1] if later_first else costs).argmin(), costs.shape)
    return _Cut(int(cuts[cut]), int(cuts[cut]) + settings.gap, bool(side == 0) != later_first)


def _summed(values: np.ndarray, amounts: np.ndarray, limits: np.ndarray, side: Any) -> np.ndarray:
    """For each limit, the sum of the amounts whose value comes before it (or is it, for "right")."""
    order = values.argsort(kind="stable")
    sums = np.concatenate([np.zeros_like(amounts[:1]), amounts[order].cumsum(axis=0)])
    return np.asarray(sums[np.searchsorted(values[order], limits, side)])

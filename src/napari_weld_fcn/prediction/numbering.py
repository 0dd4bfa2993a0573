"""Numbers that stay with their indications when a film is marked anew, and hand work that stays as it is.

Numbering each marking by itself, the obvious way, makes number 7 another flaw at every threshold, so that
what was noted, painted or erased of number 7 is soon said of something else. Here a new marking takes its
numbers from where earlier ones lay, also from those that are not marked at the moment.

What a person changed is told by comparing the marking as it was made with the labels as they stand; nothing
has to be recorded while somebody paints, so undo, redo and every tool are seen through. An indication
that was changed stays exactly as it was left, one that was erased stays erased, and the rest is marked anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Marking:
    """Labels as the program made them, and what their numbers mean.

    Attributes
    ----------
    labels
        ``(rows, columns)`` or ``(planes, rows, columns)`` int32: 0 background; numbers may be missing.
    known
        The same shape: the number that lies or once lay at each pixel, whether it is marked now or not.
    changed
        Numbers that a person changed: those that occur stay as they are, those that do not stay erased.
    """

    labels: Labels
    known: Labels
    changed: frozenset[int] = frozenset()


def marked(labels: Labels) -> Marking:
    """Take a first marking, which nobody has changed."""
    return Marking(labels, labels)


def taken_over(marking: Marking, shown: NDArray[Any]) -> Marking:
    """Take over the labels as they stand, with what a person painted and erased.

    Parameters
    ----------
    marking
        As it was made.
    shown
        The same shape, any integers: the marking after a person's work.

    Returns
    -------
    Marking
        `marking` itself where nothing was changed.
    """
    places = np.flatnonzero(shown != marking.labels)
    if not places.size:
        return marking
    before = marking.labels.reshape(-1)[places]
    after = shown.reshape(-1)[places].astype(np.int32)
    changed = marking.changed | {int(number) for number in np.unique((before, after)) if number}
    known = marking.known.copy()
    present = set(np.flatnonzero(np.bincount(marking.labels.reshape(-1))).tolist())
    for number in changed - marking.changed - present:
        known[known == number] = 0  # once another indication's, which is not marked now
    painted = after != 0
    known.reshape(-1)[places[painted]] = after[painted]
    return Marking(shown.astype(np.int32), known, changed)


def marked_anew(marking: Marking, found: Labels) -> Marking:
    """Mark anew, with the numbers and the hand work of the marking before.

    Parameters
    ----------
    marking
        The one before, after `taken_over`.
    found
        The same shape, numbered from 1 without gaps, by the program alone.

    Returns
    -------
    Marking
        What overlaps an earlier indication has its number; what is new has numbers that were never used. What
        lies only where something was changed by hand is left out.
    """
    used = (marking.known.max(initial=0), marking.labels.max(initial=0), *marking.changed)
    free = 1 + int(max(used))
    places = np.flatnonzero(found)
    new, old = found.reshape(-1)[places], marking.known.reshape(-1)[places]
    kept = np.zeros(0, np.int64)
    if marking.changed:
        by_hand = np.zeros(free, dtype=bool)
        by_hand[list(marking.changed)] = True
        now = np.flatnonzero(marking.labels)
        kept = now[by_hand[marking.labels.reshape(-1)[now]]]
        open_ = ~(by_hand[old] | by_hand[marking.labels.reshape(-1)[places]])
        elsewhere = np.bincount(new[open_], old[open_] > 0, int(found.max(initial=0)) + 1) > 0
        untouched = np.bincount(new[~open_], minlength=elsewhere.size) == 0
        chosen = open_ & (elsewhere | untouched)[new]
        places, new, old = places[chosen], new[chosen], old[chosen]
    labels = np.zeros(found.shape, np.int32)
    labels.reshape(-1)[places] = numbers = _numbers(new, old, free)[new]
    labels.reshape(-1)[kept] = marking.labels.reshape(-1)[kept]
    known = marking.known.copy()
    known.reshape(-1)[places[old == 0]] = numbers[old == 0]
    return Marking(labels, known, marking.changed)


def renumbered(new: Labels, old: Labels, free: int = 0) -> Labels:
    """Give each new indication the number of the old one that it overlaps most.

    Parameters
    ----------
    new, old
        ``(rows, columns)`` or ``(planes, rows, columns)`` integers of equal shape, 0 background.
    free
        The first number for what is new; 0 takes the one after the largest of `old`.

    Returns
    -------
    Same shape, int32. No two indications have one number: where several overlap the same old one, that with
    the most pixels of it keeps the number. What overlaps none is numbered from `free` on, in its order.
    """
    places = np.flatnonzero(new)
    at = new.reshape(-1)[places]
    labels = np.zeros(new.shape, np.int32)
    first = free or int(old.max(initial=0)) + 1
    labels.reshape(-1)[places] = _numbers(at, old.reshape(-1)[places], first)[at]
    return labels


def _numbers(new: Labels, old: Labels, free: int) -> Labels:
    """The number of each new indication, by its place; `new` and `old` at the pixels that are marked now."""
    pairs = new[old != 0], old[old != 0]
    shape = tuple(int(each.max(initial=0)) + 1 for each in pairs)
    shared = coo_array((np.ones(pairs[0].size, np.int64), pairs), shape=shape)
    shared.sum_duplicates()
    order = np.lexsort((shared.col, shared.row, -shared.data))
    present = np.bincount(new) > 0
    numbers = np.zeros(present.size, np.int32)
    taken = set()
    for number, former in zip(shared.row[order].tolist(), shared.col[order].tolist(), strict=True):
        if not numbers[number] and former not in taken:
            numbers[number] = former
            taken.add(former)
    fresh = np.flatnonzero(present & (numbers == 0))
    numbers[fresh] = np.arange(free, free + fresh.size)
    return numbers


def in_one_plane_each(labels: NDArray[Any], before: Labels) -> NDArray[Any]:
    """Give a number that was painted in several planes of a stack to one of them, and new ones to the others.

    Parameters
    ----------
    labels
        ``(rows, columns)`` or ``(planes, rows, columns)`` integers, 0 background.
    before
        The same shape, before the painting: the plane that had the number keeps it, else the first.

    Returns
    -------
    `labels` itself where every number lies in one plane.
    """
    if labels.ndim < 3:
        return labels
    numbers = [np.unique(plane[plane != 0]) for plane in labels]
    every, planes = np.unique(np.concatenate(numbers), return_counts=True)
    result = labels.copy() if (planes > 1).any() else labels
    free = int(max(labels.max(initial=0), before.max(initial=0))) + 1
    for number in every[planes > 1]:
        places = [place for place, present in enumerate(numbers) if number in present]
        had = [np.count_nonzero(before[place] == number) for place in places]
        places.pop(int(np.argmax(had)))
        for place in places:
            result[place][labels[place] == number] = free
            free += 1
    return result

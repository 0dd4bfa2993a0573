"""What the Crop ROIs widget does, as jobs: saying what will be cut, and cutting it.

Both go through the films one by one and hold one film in memory. A film that cannot be read, or whose truth
does not fit, is told and the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_weld_fcn.dataset.crops import Survey, crop, survey_crops
from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.plan import Plan
from napari_weld_fcn.dataset.settings import CropSettings
from napari_weld_fcn.dataset.store import write_dataset
from napari_weld_fcn.errors import SettingsError, WeldFcnError
from napari_weld_fcn.events import Event, JobControl, Message, TileDone, ignore
from napari_weld_fcn.viewer.crop.stacks import Stacks, as_stacks, refuse_too_many
from napari_weld_fcn.viewer.films import Part, Source

#: What will be cut from a film that cannot be read; as the survey of one plane it keeps the places of others.
NOTHING = Survey((Plan(()),), 0, 0, 0.0)
#: Films that a sentence names before it only counts them.
_NAMED = 2

#: A sentence with the film that it holds for, which is empty where the sentence names it itself.
Note = tuple[str, str]


@dataclass(frozen=True)
class Surveyed:
    """What will be cut from a layer: one survey for each of its films, and what the user ought to know."""

    surveys: tuple[Survey, ...]
    notes: tuple[Note, ...] = ()

    @property
    def crops(self) -> int:
        """How many crops there will be."""
        return sum(each.crops for each in self.surveys)

    @property
    def with_flaw(self) -> int:
        """How many of them show some flaw."""
        return sum(each.with_flaw for each in self.surveys)

    @property
    def flaw_share(self) -> float:
        """Share of their pixels that is flaw."""
        return sum(each.flaw_share * each.crops for each in self.surveys) / max(self.crops, 1)


@dataclass(frozen=True)
class Cropped:
    """What was cut: how many pairs, the stacks where they are to be shown, and what there is to say."""

    pairs: int
    stacks: Stacks | None
    notes: tuple[str, ...]


def notes_by_film(notes: Iterable[Note]) -> tuple[str, ...]:
    """Return each sentence once, its films before it, such as ``a, b and 66 more: There is no truth``."""
    films: dict[str, list[str]] = {}
    for film, note in notes:
        films.setdefault(note, []).append(film)
    return tuple(f"{_some(names)}: {note}" if any(names) else note for note, names in films.items())


def survey_all(
    sources: Sequence[Source], settings: CropSettings, seed: int, job: JobControl
) -> list[Surveyed]:
    """Say what will be cut from each film.

    Raises
    ------
    Stopped
        If the job was stopped, between two films.
    """
    return [_survey(source, settings, seed, job) for source in sources]


def crop_all(
    sources: Sequence[Source],
    settings: CropSettings,
    seed: int,
    job: JobControl,
    *,
    folder: str | Path | None = None,
    keep: bool = True,
    total: int = 0,
) -> Cropped:
    """Cut the crops of all films.

    Parameters
    ----------
    sources
        The films.
    settings, seed
        As for `dataset.crops.crop`.
    folder
        Dataset folder to write; None writes none.
    keep
        Whether the crops are returned as stacks.
    total
        How many crops are expected, for progress.

    Raises
    ------
    SettingsError
        If there is no crop at all, or more are to be kept than layers may hold.
    DatasetError
        If the folder cannot be written.
    Stopped
        If the job was stopped; a dataset then holds what was cut until then.
    """
    kept: list[Pair] = []
    notes: list[Note] = []
    count = 0

    def cut() -> Iterator[Pair]:
        nonlocal count
        for pair in _pairs(sources, settings, seed, notes, job):
            count += 1
            job.tell(TileDone(count, max(total, count)))
            if keep:
                refuse_too_many(count, pair)
                kept.append(pair)
            yield pair

    pairs = cut()
    first = next(pairs, None)
    if first is None:
        raise SettingsError(" ".join(["There is nothing to crop.", *notes_by_film(notes)][:2]))
    if folder is not None:
        write_dataset(_again(first, pairs), folder, total=total, job=job.heard_by(ignore))
    for _ in pairs:
        pass
    return Cropped(count, as_stacks(kept) if keep else None, notes_by_film(notes))


def _again(first: Pair, others: Iterator[Pair]) -> Iterator[Pair]:
    yield first
    yield from others


def _pairs(
    sources: Sequence[Source], settings: CropSettings, seed: int, notes: list[Note], job: JobControl
) -> Iterator[Pair]:
    seen: set[str] = set()
    for source in sources:
        for read in source.reads:
            try:
                yield from _of_part(read(), settings, seed, notes, seen, job)
            except WeldFcnError as fault:
                notes.append(_fault(source.name, fault))


def _of_part(
    part: Part, settings: CropSettings, seed: int, notes: list[Note], seen: set[str], job: JobControl
) -> Iterator[Pair]:
    name = part.radiograph.name
    if name.casefold() in seen:
        raise SettingsError(f"{name}: two films have this name; rename one of their layers.")
    seen.add(name.casefold())

    def listen(event: Event) -> None:
        if isinstance(event, Message):
            notes.append((name, event.text))

    yield from crop(part.radiograph, part.truth, settings, part.rectangles, seed, job=job.heard_by(listen))


def _survey(source: Source, settings: CropSettings, seed: int, job: JobControl) -> Surveyed:
    surveys: list[Survey] = []
    notes: list[Note] = []
    for read in source.reads:
        job.check()
        try:
            part = read()
            found = survey_crops(part.radiograph, part.truth, settings, part.rectangles, seed)
        except WeldFcnError as fault:
            surveys.append(NOTHING)
            notes.append(_fault(source.name, fault))
        else:
            surveys.append(found)
            notes += [(part.radiograph.name, note) for note in found.notes]
    return Surveyed(tuple(surveys), tuple(notes))


def _fault(name: str, fault: WeldFcnError) -> Note:
    return ("" if name in str(fault) else name), str(fault)


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")

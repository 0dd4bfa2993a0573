"""Films without labels, off the layers of a viewer or out of files, that teach by flaws that are put in.

They are taken as labelled films are: what belongs to the layers at once, pixels in the job. What lies outside
the rectangles that say what is known takes no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_weld_fcn.dataset.films import LabelledFilm
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.errors import Stopped
from napari_weld_fcn.events import ShouldStop, never
from napari_weld_fcn.radiograph.files import read as read_file
from napari_weld_fcn.radiograph.image_paths import image_paths
from napari_weld_fcn.training.clean_films import CleanFilms, CleanKind
from napari_weld_fcn.viewer.labelled import LabelledLayer, check_twins, read


@dataclass(frozen=True)
class WithoutLabels:
    """What the form names, as it was when it was taken.

    Attributes
    ----------
    kind
        Whether they are known to be free of flaws.
    layers
        Taken without a convention of labels.
    files
        Image files, of which all is known.
    """

    kind: CleanKind
    layers: Sequence[LabelledLayer] = ()
    files: tuple[Path, ...] = ()

    def read(self, should_stop: ShouldStop = never) -> tuple[CleanFilms, SplitSettings]:
        """Read all films, in any thread, and say which of them are to validate if they are alone.

        Raises
        ------
        DatasetError
            If two have the same name.
        WeldFcnError
            If one cannot be read.
        Stopped
            If `should_stop` said so.
        """
        taken = read(self.layers, should_stop)
        films = (*taken.films, *_of_files(self.files, should_stop))
        check_twins([film.film for film in films])
        return CleanFilms(films, self.kind), taken.split


def _of_files(paths: Sequence[Path], should_stop: ShouldStop) -> Iterator[LabelledFilm]:
    for path in image_paths(paths):
        if should_stop():
            raise Stopped
        yield from CleanFilms.of([read_file(path)]).films

"""Crops as what a run learns from: varied anew in each epoch, or shown as they are if they are variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_weld_fcn.dataset.films import FilmSplit
from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.places import Split
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.splits import split_places as split_of
from napari_weld_fcn.dataset.store import Dataset, write_dataset
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.events import ALONE, JobControl, Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.training.crop_validation import validate_crops
from napari_weld_fcn.training.material import Kind, Labelled, Lesson
from napari_weld_fcn.training.settings import RunSettings
from napari_weld_fcn.training.sources import (
    CropSource,
    fingerprint,
    pixel_sizes_of,
    places_of,
    variants_of,
)


@dataclass(frozen=True)
class Crops:
    """Crops, and perhaps variants of them, of a dataset folder or in memory.

    Attributes
    ----------
    by_pixels
        Whether those of a folder came from memory, and are told from others as those in memory are.
    """

    pairs: Sequence[Pair]
    kind: Kind = "crops"
    by_pixels: bool = False

    @property
    def folder(self) -> str:
        """Where they lie; empty where they are in memory."""
        return str(self.pairs.folder.absolute()) if isinstance(self.pairs, Dataset) else ""

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def sha256(self) -> str:
        """Of what is listed of them and what their files hold; in memory, of pixels and masks."""
        return fingerprint(self.pairs, by_pixels=self.by_pixels)

    @property
    def pixel_sizes_mm(self) -> list[float]:
        """Those that are known."""
        return pixel_sizes_of(self.pairs)

    def split(self, settings: SplitSettings) -> Split:
        """Split by film; DatasetError where a side has nothing, or nothing to be scored on."""
        divided = split_of(places_of(self.pairs), settings)
        if all(variants_of(self.pairs)[i] for i in divided.validation):
            raise DatasetError(
                "The films that validate have variants only; scores are taken on the crops themselves."
            )
        return divided

    def read_split(self, text: str, source: str) -> Split:
        """Read what `to_json` of its split wrote."""
        return Split.from_json(text, source)

    def lesson(
        self,
        about: RunSettings,
        split: Split | FilmSplit,
        start: Model | None,
        job: JobControl = ALONE,
    ) -> Lesson:
        """Begin the run that `about` describes."""
        assert isinstance(split, Split)
        return CropLesson(self.pairs, about, split)

    def save(self, folder: Path) -> None:
        """Write them as a dataset folder."""
        write_dataset(self.pairs, folder)

    def notes(self, about: RunSettings) -> list[str]:
        """Say that variants are not varied again."""
        varied = any(variants_of(self.pairs))
        return ["The dataset holds variants already; they are shown as they are."] if varied else []


class CropLesson(Labelled):
    """Crops varied anew in each epoch; of those held out the crops themselves are scored."""

    def __init__(self, pairs: Sequence[Pair], about: RunSettings, split: Split) -> None:
        variants = variants_of(pairs)
        self.pairs, self.threshold = pairs, about.threshold
        self.held_out = [i for i in split.validation if variants[i] == 0]
        source = CropSource(
            pairs,
            split.training,
            places_of(pairs),
            None if any(variants) else about.augmentation,
            batch=about.train.batch,
            window=about.train.window,
            seed=about.train.seed,
        )
        self.source, self._held_bytes = source, 2 * source.kept_pixels

    @property
    def held_bytes(self) -> int:
        """Memory that crops take, at most, if they have 8 bits."""
        return self._held_bytes

    def validate(self, model: Model, step: int, job: JobControl) -> Validated:
        """Score a model on the crops that are held out."""
        return validate_crops(model.network, self.pairs, self.held_out, step, self.threshold, job)

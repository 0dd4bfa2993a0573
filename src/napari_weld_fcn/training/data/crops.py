"""Crops as what a run learns from: varied anew in each epoch, or shown as they are if they are variants.

To be scored each crop is shown as it is, whole, as its film's normalisation shows it; ignored pixels take no
part. Counts are pooled over all crops.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from napari_weld_fcn.dataset.films import FilmSplit
from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.places import Place, Split
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.splits import split_places as split_of
from napari_weld_fcn.dataset.store import Dataset, read_dataset, write_dataset
from napari_weld_fcn.dataset.table import TABLE
from napari_weld_fcn.dataset.writing import as_stored
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.evaluation.scores import ThresholdCounts, threshold_counts
from napari_weld_fcn.events import ALONE, JobControl, Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.training.data.crop_sampler import CropSampler
from napari_weld_fcn.training.data.sampling import Kind, Task
from napari_weld_fcn.training.settings import RunSettings


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

    def task(
        self, about: RunSettings, split: Split | FilmSplit, start: Model | None, job: JobControl = ALONE
    ) -> Task:
        """Show crops varied anew in each epoch; of those held out the crops themselves are scored."""
        assert isinstance(split, Split)
        variants, pairs = variants_of(self.pairs), self.pairs
        held_out = [i for i in split.validation if variants[i] == 0]
        sampler = CropSampler(
            pairs,
            split.training,
            places_of(pairs),
            None if any(variants) else about.augmentation,
            batch=about.train.batch,
            window=about.train.window,
            seed=about.train.seed,
        )

        def validate(model: Model, step: int, job: JobControl) -> Validated:
            return validate_crops(model.network, pairs, held_out, step, about.threshold, job)

        return Task(sampler, validate, held_bytes=2 * sampler.kept_pixels)

    def save(self, folder: Path) -> None:
        """Write them as a dataset folder."""
        write_dataset(self.pairs, folder)

    def notes(self, about: RunSettings) -> list[str]:
        """Say that variants are not varied again."""
        varied = any(variants_of(self.pairs))
        return ["The dataset holds variants already; they are shown as they are."] if varied else []


def pairs_of(dataset: str | Path | Sequence[Pair]) -> Sequence[Pair]:
    """Return the pairs of a dataset folder, or those that are given.

    Raises
    ------
    DatasetError
        If the folder is no dataset, or there is no pair.
    """
    pairs = read_dataset(dataset) if isinstance(dataset, str | Path) else dataset
    if not len(pairs):
        raise DatasetError("There are no crops to train with.")
    return pairs


def places_of(pairs: Sequence[Pair]) -> list[Place]:
    """Say where each pair lies and how much flaw it has."""
    if isinstance(pairs, Dataset):
        return pairs.places()
    return [
        Place(p.film, p.row, p.column, *_shape(p.mask), int(np.count_nonzero(p.mask == FLAW))) for p in pairs
    ]


def _shape(mask: np.ndarray) -> tuple[int, int]:
    rows, columns = mask.shape
    return rows, columns


def variants_of(pairs: Sequence[Pair]) -> list[int]:
    """Return the number of each pair's variant, without reading a pair of a folder."""
    return [row.variant for row in (pairs.rows if isinstance(pairs, Dataset) else pairs)]


def pixel_sizes_of(pairs: Sequence[Pair]) -> list[float]:
    """Return the pixel sizes that are known, in mm, without reading a pair of a folder."""
    listed = pairs.rows if isinstance(pairs, Dataset) else pairs
    return [x.pixel_size_mm for x in listed if x.pixel_size_mm is not None]


def fingerprint(pairs: Sequence[Pair], *, by_pixels: bool = False) -> str:
    """Return what tells pairs from any others: the SHA-256 of what is listed of them, and of what they show.

    Parameters
    ----------
    pairs
        Of a folder, or in memory.
    by_pixels
        Whether the files of a folder are decoded, which takes ten times as long: so it has the fingerprint
        of the same pairs in memory. Otherwise the bytes of its files and its table count.

    Raises
    ------
    DatasetError
        If a file cannot be read.
    """
    listed = pairs.rows if isinstance(pairs, Dataset) else pairs
    lines = (f"{x.name}\t{x.film}\t{x.row}\t{x.column}\t{x.variant}\n" for x in listed)
    digest = hashlib.sha256("".join(lines).encode(errors="surrogatepass"))
    shown = _bytes_of(pairs) if isinstance(pairs, Dataset) and not by_pixels else _pixels_of(pairs)
    for part in shown:
        digest.update(part)
    return digest.hexdigest()


def _bytes_of(dataset: Dataset) -> Iterator[bytes]:
    files = [name for row in dataset.rows for name in (row.image, row.mask)]
    if (dataset.folder / TABLE).exists():
        files.append(TABLE)
    for name in files:
        try:
            yield hashlib.sha256((dataset.folder / name).read_bytes()).digest()
        except OSError as fault:
            raise DatasetError(f"{dataset.folder / name}: cannot be read ({fault.strerror}).") from fault


def _pixels_of(pairs: Sequence[Pair]) -> Iterator[bytes]:
    for pair in pairs:
        pixels = as_stored(pair.pixels)
        yield f"{pixels.dtype.str}\t{pixels.shape}\n".encode()
        yield pixels.tobytes()
        yield pair.mask.tobytes()


def validate_crops(
    network: torch.nn.Module,
    pairs: Sequence[Pair],
    positions: Sequence[int],
    step: int,
    threshold: float = 0.0,
    job: JobControl = ALONE,
) -> Validated:
    """Score a network at a threshold.

    Parameters
    ----------
    network
        On any device; left in its mode.
    pairs, positions
        The dataset, and which of its pairs validate.
    step
        Told with the scores.
    threshold
        0 takes that of the largest pooled pixel F1.
    job
        Asked after each crop.

    Raises
    ------
    Stopped
        If `job` said so.
    DatasetError
        If every pixel of these crops is ignored, or a file is missing or damaged.
    """
    counts: ThresholdCounts | None = None
    considered = 0
    for probability, truth in _considered(network, (pairs[position] for position in positions)):
        more = threshold_counts(probability, truth)
        counts = more if counts is None else counts + more
        job.check()
        considered += truth.size
    if counts is None or not considered:
        raise DatasetError("Every pixel of the crops that validate is ignored.")
    best = counts.nearest(threshold) if threshold else counts.best()
    scores = best.scores
    share = counts.flaws / considered
    return Validated(step, scores.f1, scores.precision, scores.recall, best.threshold, share)


@torch.inference_mode()
def _considered(network: torch.nn.Module, pairs: Iterator[Pair]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Probabilities and truth of the pixels of each pair that take part."""
    device = next(network.parameters()).device
    mode = network.training
    network.eval()
    try:
        for pair in pairs:
            pixels = torch.from_numpy(pair.seen())[None, None].to(device)
            probability = network(pixels).float().sigmoid()[0, 0].cpu().numpy()
            part = pair.mask != IGNORED
            yield probability[part], pair.mask[part] == FLAW
    finally:
        network.train(mode)

"""`weld-fcn augment`: a dataset of crops becomes one of crops and their variants."""

from __future__ import annotations

from pathlib import Path

from napari_weld_fcn.cli.terminal import DONE, Terminal
from napari_weld_fcn.dataset.augmentation import augment
from napari_weld_fcn.dataset.settings import AugmentationSettings
from napari_weld_fcn.dataset.store import write_dataset
from napari_weld_fcn.dataset.variants import counts, read_crops, summary


def run_augment(
    terminal: Terminal,
    dataset: Path,
    out: Path,
    settings: AugmentationSettings,
    variants: int | None,
    total: int | None,
    seed: int,
) -> int:
    """Write the crops of `dataset` and their variants into `out`."""
    crops = read_crops(dataset)
    for caution in crops.cautions():
        terminal.say(caution)
    expected = sum(counts(len(crops), variants=variants, total=total))
    pairs = augment(crops, settings, variants=variants, total=total, seed=seed)
    with terminal.progress("augment", 1) as progress:
        written = write_dataset(pairs, out, total=expected, on_event=progress.film("augment"))
    terminal.result(
        {"dataset": str(out), "pairs": written},
        lambda console: console.print(f"{summary(len(crops), written)} in {out}"),
    )
    return DONE

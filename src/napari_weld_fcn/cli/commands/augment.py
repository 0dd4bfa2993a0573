"""Vary the crops of a dataset: rotated, shifted, negated, noisy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_weld_fcn.cli.app import plain_app
from napari_weld_fcn.cli.options import Out
from napari_weld_fcn.cli.terminal import DONE, Terminal, guarded
from napari_weld_fcn.dataset.settings import VARIANTS, AugmentationSettings

app = plain_app()


@app.command()
@guarded(AugmentationSettings)
def augment_dataset(
    terminal: Terminal,
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Dataset folder of crops")],
    out: Out,
    variants: Annotated[
        int | None,
        typer.Option(min=1, help=f"Pairs of each crop, the crop itself among them  [default: {VARIANTS}]"),
    ] = None,
    total: Annotated[
        int | None, typer.Option(min=1, help="Pairs in all, spread evenly over the crops")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same variants")] = 0,
    *,
    given: dict[str, Any],
) -> int:
    """Vary the crops of a dataset: rotated, shifted, negated, noisy; the crops themselves stay among them."""
    from napari_weld_fcn.dataset.augmentation import augment
    from napari_weld_fcn.dataset.settings import counts, variants_in_words
    from napari_weld_fcn.dataset.store import read_crops, write_dataset

    settings = AugmentationSettings(**given)
    crops = read_crops(dataset)
    for caution in crops.cautions():
        terminal.say(caution)
    expected = sum(counts(len(crops), variants=variants, total=total))
    pairs = augment(crops, settings, variants=variants, total=total, seed=seed)
    with terminal.progress("augment", 1) as progress:
        written = write_dataset(pairs, out, total=expected, job=progress.film("augment"))
    terminal.result(
        {"dataset": str(out), "pairs": written}, f"{variants_in_words(len(crops), written)} in {out}"
    )
    return DONE

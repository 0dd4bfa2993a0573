"""How a network is scored on crops that are held out.

Each crop is shown as it is, whole, as its film's normalisation shows it; ignored pixels take no part. Counts
are pooled over all crops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.evaluation.scores import ThresholdCounts, threshold_counts
from napari_weld_fcn.events import ALONE, JobControl, Validated


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

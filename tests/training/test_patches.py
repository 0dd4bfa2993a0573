import numpy as np
import pytest

from napari_weld_fcn.training.patches import WINDOWS, batch_of, batches, patch
from napari_weld_fcn.training.settings import PatchSettings

SMALL = WINDOWS.model_copy(update={"rows": 48, "columns": 48})


def test_batches_are_functions_of_their_step_whichever_process_makes_them() -> None:
    settings = PatchSettings(workers=2)
    whole = list(batches(0, 4, 3, simulation=SMALL, settings=settings))
    later = list(batches(2, 4, 3, simulation=SMALL, settings=settings))
    assert len(whole) == 4
    for made, again in zip(whole[2:], later, strict=True):
        assert np.array_equal(made.pixels, again.pixels)
        assert np.array_equal(made.truth, again.truth)
    here = batch_of(range(3), SMALL, settings)
    assert np.array_equal(here.pixels, whole[0].pixels)


def test_no_patch_is_shown_twice() -> None:
    made = list(batches(0, 5, 4, simulation=SMALL)) + list(batches(0, 2, 4, seed=1, simulation=SMALL))
    patches = np.concatenate([batch.pixels for batch in made])
    assert len({pixels.tobytes() for pixels in patches}) == len(patches) == 28


def test_patches_are_seen_as_parts_of_other_films() -> None:
    settings = PatchSettings()
    plain = PatchSettings(spread_min=1, spread_max=1, shift=0)
    means, factors = [], []
    for number in range(30):
        pixels, _ = patch(number, SMALL, settings)
        own, _ = patch(number, SMALL, plain)
        factors.append(pixels.std() / own.std())
        means.append(pixels.mean())
    assert min(factors) == pytest.approx(0.6, abs=0.15)
    assert max(factors) == pytest.approx(1.5, abs=0.25)
    assert max(np.abs(means)) <= settings.shift + 1e-3
    assert max(np.abs(means)) > 0.4

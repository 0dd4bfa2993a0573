import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_weld_fcn.training.settings import PatchSettings
from napari_weld_fcn.training.simulated.patches import WINDOWS, batch_of, batches, patch

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
    assert min(factors) == pytest.approx(settings.spread_min, abs=0.15)
    assert max(factors) == pytest.approx(settings.spread_max, abs=0.25)
    assert max(np.abs(means)) <= settings.shift + 1e-3
    assert max(np.abs(means)) > 0.4


SCRIPT = """
import os, sys
from napari_weld_fcn.training.simulated.patches import WINDOWS, batches
if __name__ == "__main__":
    made = batches(0, 10_000, 2, simulation=WINDOWS.model_copy(update={"rows": 48, "columns": 48}))
    next(made)
    import multiprocessing
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    for _ in made:
        pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_workers_end_with_a_fit_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "fit.py"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as fit:
        assert fit.stdout is not None
        workers = [int(number) for number in fit.stdout.readline().split()]
        assert workers
        os.kill(fit.pid, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while any(_runs(worker) for worker in workers):
        assert time.monotonic() < deadline, "a worker outlived its fit"
        time.sleep(0.1)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return (
        "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
        if Path("/proc").is_dir()
        else True
    )

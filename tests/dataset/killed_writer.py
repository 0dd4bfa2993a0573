"""Writes datasets again and again in processes that are killed, and tells what each has left.

Run with a folder, how often, and `step`, `first` or `moment`: killed right before the n-th change of the file
system once the pairs are written (`first`: into no folder), or at a random moment. Prints one line of JSON a
kill: which version of the dataset was readable before and after, or what was wrong.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

from napari_weld_fcn.dataset import writing
from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.store import read_dataset, write_dataset
from napari_weld_fcn.radiograph.normalisation import Normalisation


def pairs(version):
    """Five pairs, of which odd and even versions have three names in common."""
    for k in range(version % 2 * 2, version % 2 * 2 + 5):
        mask = np.full((16, 16), 255 * (version % 2), np.uint8)
        yield Pair(
            f"p{k}", np.full((16, 16), version, np.uint8), mask, "film", k, 0, Normalisation(9, 2), 255.0
        )


def version_of(folder):
    """The version that can be read, checked pair by pair; -1 where there is no dataset."""
    if not (folder / "images").exists() and not (folder / writing.COMPLETE).exists():
        return -1
    read = list(read_dataset(folder))
    version = int(read[0].pixels[0, 0])
    wanted = list(pairs(version))
    assert [pair.name for pair in read] == [pair.name for pair in wanted]
    for pair, other in zip(read, wanted, strict=True):
        assert np.array_equal(pair.pixels, other.pixels)
        assert np.array_equal(pair.mask, other.mask)
    files = sorted(path.name for name in ("images", "masks") for path in (folder / name).iterdir())
    assert files == sorted(2 * [f"{pair.name}.png" for pair in wanted])
    return version


def kill_before_change(number):
    """Kill this process right before change `number` of the file system from the commit on."""
    left = [number]

    def counted(change):
        def changed(*arguments, **keywords):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*arguments, **keywords)

        return changed

    for name in ("rename", "replace", "unlink", "mkdir"):
        setattr(Path, name, counted(getattr(Path, name)))
    shutil.rmtree = counted(shutil.rmtree)


def write_and_die(folder, version, how, number):
    """In a process of its own; True if it was killed."""
    child = os.fork()
    if child:
        if how == "moment":
            time.sleep(random.uniform(0, 0.03))
            os.kill(child, signal.SIGKILL)
        return os.waitpid(child, 0)[1] != 0
    try:
        if how != "moment":
            commit = writing.commit_stage
            writing.commit_stage = lambda stage: (kill_before_change(number), commit(stage))
        write_dataset(pairs(version), folder)
    finally:
        os._exit(0)


def main(folder, times, how):
    """Write, die and look, as often as asked for."""
    random.seed(0)
    write_dataset(pairs(0), folder)
    for number in range(times):
        if how == "first":
            shutil.rmtree(folder)
        before = version_of(folder)
        killed = write_and_die(folder, before + 1, how, number)
        try:
            after = version_of(folder)
        except Exception as fault:
            after = repr(fault)
        sys.stdout.write(json.dumps({"before": before, "after": after, "killed": killed}) + "\n")
        if not isinstance(after, int):
            return
    write_dataset(pairs(7), folder)
    left = sorted(path.name for path in folder.iterdir())
    sys.stdout.write(json.dumps({"left": left}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])

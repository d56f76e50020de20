"""How much memory a large case takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import segae

# A process of its own: a peak never falls, and the test run has one already. Linux hands what getrusage says
# on to child processes; VmHWM is this program's alone.
SCORE_A_LARGE_CASE = """
import resource, sys
import numpy as np
import segae
from segae.geometry.box import Box
from segae.geometry.grid import Grid
from segae.labels.table import offered_structures

shape = (133, 512, 512)
grid = Grid(shape[::-1], np.diag([0.8, 0.8, 3.0, 1.0]))  # RAS: turned for the network
rows = np.random.default_rng(0).integers(-150, 150, (1, 512, 512), np.int16)
ct = segae.Volume(np.repeat(rows, 133, axis=0), grid)
segments = []
for n, structure in enumerate(offered_structures()[:84]):
    box = Box((slice(n, n + 49), slice(4 * n, 4 * n + 170), slice(20, 20 + 3 * n + 60)))
    bits = np.packbits(np.ones(box.shape, bool), axis=-1)
    segments.append(segae.Segment(structure.name, structure, "made for a test", grid, box, bits))
report = segae.score(ct, segae.Segmentation(tuple(segments)), model=sys.argv[1], slices=1, device="cpu")
if sys.platform == "linux":
    status = dict(line.split(":", 1) for line in open("/proc/self/status", encoding="utf-8"))
    peak = int(status["VmHWM"].split()[0]) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(report.n_slices, peak)
"""


def test_a_case_of_133_slices_and_84_structures_stays_under_a_gigabyte_and_a_half(
    mild_checkpoint: Callable[[str], Path],
) -> None:
    command = [sys.executable, "-c", SCORE_A_LARGE_CASE, str(mild_checkpoint("LAS"))]
    printed = subprocess.check_output(command, cwd=Path(segae.__file__).parents[1], text=True)
    n_slices, peak = (int(number) for number in printed.split())
    assert n_slices == 84
    assert peak < 1.5e9

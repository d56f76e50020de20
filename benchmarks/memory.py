"""Peak memory of scoring a case of 512 x 512 x 133 voxels with 84 structures, in a process of its own.

    python benchmarks/memory.py [--slices 4]

The number of slices per structure changes the time, not the peak: batches are of one size.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource

from case import clinical_case

from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer

MIB = 1024  # ru_maxrss counts KiB on Linux


def peak_mib(slices: int, model: str) -> float:
    """Peak resident memory in MiB of this process after scoring."""
    ct, masks = clinical_case(depth=133, structures=84)
    Scorer(model, device="cpu").score_case(ct, masks, options=ScoringOptions(slices=slices))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=4, help="slices per structure")
    parser.add_argument("--model", default="bundled")
    arguments = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        peak = pool.apply(peak_mib, (arguments.slices, arguments.model))
    print(f"512 x 512 x 133, 84 structures: peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()

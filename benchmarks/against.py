"""Seconds of this tree's commands against those of another one, for example an earlier commit.

    git worktree add ../earlier 25e3f6f
    python benchmarks/against.py ../earlier --ct ct.nii.gz --masks labels.nii.gz [--command name-check]
    python benchmarks/against.py ../earlier --command batch --cases 200

Both run as a user starts them, in turns and in processes of their own, so that what else the machine does
hits both; the ratio of the totals is what counts. Without --ct the bundled sample is taken. A batch scores it
--cases times, each as a case of its own; with --slices 1 reading weighs most.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
SAMPLE = HERE / "SegAE/Resources/SampleData/totalsegmentator_s0001"


def seconds(
    tree: Path, command: str, ct: Path, masks: Path, threads: int, cases: int, slices: int | None
) -> tuple[float, float]:
    """Wall-clock and CPU seconds of one command of a tree; of a batch over `cases` links to one case."""
    environment = os.environ | {"PYTHONPATH": str(tree / "SegAE"), "OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        what: list[str | Path] = [ct, masks]
        if command == "batch":
            what = [linked_cases(Path(folder) / "data", ct, masks, cases)]
        what += ["--out", f"{folder}/names.csv" if command == "name-check" else f"{folder}/out"]
        what += [] if slices is None else ["--slices", str(slices)]
        started, before = time.perf_counter(), _children()
        subprocess.run(
            [sys.executable, "-m", "segae", command, *what, "--device", "cpu"],
            env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return time.perf_counter() - started, _children() - before


def linked_cases(data: Path, ct: Path, masks: Path, cases: int) -> Path:
    """A data set in TotalSegmentator's layout with `cases` times the same CT and masks."""
    for n in range(cases):
        folder = data / f"s{n:04d}"
        folder.mkdir(parents=True)
        (folder / "ct.nii.gz").symlink_to(ct.resolve())
        (folder / "segmentations").symlink_to(masks.resolve(), target_is_directory=True)
    return data


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("earlier", type=Path, help="folder of the other tree")
    parser.add_argument("--ct", type=Path, default=SAMPLE / "ct.nii.gz")
    parser.add_argument("--masks", type=Path, default=SAMPLE / "segmentations")
    parser.add_argument("--command", choices=("score", "name-check", "batch"), default="score")
    parser.add_argument("--cases", type=int, default=5, help="of a batch")
    parser.add_argument("--slices", type=int, help="per structure, instead of all")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    trees = {"earlier": arguments.earlier.resolve(), "now": HERE}
    total = {name: [0.0, 0.0] for name in trees}
    for number in range(arguments.rounds):
        for name, tree in trees.items():
            took = seconds(
                tree, arguments.command, arguments.ct, arguments.masks, arguments.threads, arguments.cases,
                arguments.slices,
            )  # fmt: skip
            total[name] = [a + b for a, b in zip(total[name], took, strict=True)]
            print(f"round {number + 1}, {name:8s} {took[0]:7.1f} s, {took[1]:7.1f} CPU-s", flush=True)
    wall, cpu = (now / before for now, before in zip(total["now"], total["earlier"], strict=True))
    print(f"{arguments.command}: now takes {wall:.2f} of the time and {cpu:.2f} of the CPU time")


if __name__ == "__main__":
    main()

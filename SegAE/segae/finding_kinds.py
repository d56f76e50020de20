"""What each code of a finding means, for people: the reference page is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FindingKind:
    """What a code means: `severity` and when another, `meaning`, and an `example` of its sentence."""

    severity: str
    meaning: str
    example: str


# Every code that a check, a reader, a layout or an index may give. A test compares it with the program.
KINDS: Mapping[str, FindingKind] = {
    "GRID_DIFFERS": FindingKind(
        "error; warning where other masks lie on the CT, or with --resample",
        "masks and CT have another size, spacing, place or direction",
        '"aorta.nii.gz" does not lie on the grid of the CT "ct.nii.gz": size 100x101x30 instead of '
        "122x101x30 voxels; give the CT that the masks were drawn on, or allow resampling (--resample).",
    ),
    "HU_NOT_CT": FindingKind(
        "error",
        "a label map, an image of 0..255, an MR-like or a constant image",
        '"ct.nii.gz" looks like a label map (whole numbers from 0 to 117), not a CT; give the CT, not the '
        "masks.",
    ),
    "NOT_FINITE": FindingKind(
        "error",
        "NaN or infinity in the CT",
        '"ct.nii.gz" holds 12 voxels that are NaN or infinite; replace them, by -1024 where nothing was '
        "scanned.",
    ),
    "HU_RANGE": FindingKind(
        "warning",
        "Hounsfield units of an unusual range",
        'In "ct.nii.gz" 2% of the voxels lie above 3100 HU; check that it holds Hounsfield units.',
    ),
    "HU_CLIPPED": FindingKind(
        "warning",
        "the range was clipped within what organs are made of, so that no score is reliable",
        'The values of "ct.nii.gz" were clipped: nothing lies below -160 HU (38.8% at it) and nothing lies '
        "above 240 HU (0.7% at it); give the CT as the scanner stored it.",
    ),
    "HU_LIMITED": FindingKind(
        "note",
        "the range was clipped where no score depends on it",
        'The values of "ct.nii.gz" were limited: nothing lies above 1000 HU (0.1% at it); no score depends '
        "on it, nothing to do.",
    ),
    "HU_PADDING": FindingKind(
        "note",
        "a value below air where nothing was scanned",
        '"ct.nii.gz" is filled with -3024 where nothing was scanned (21% of the voxels); nothing to do.',
    ),
    "OBLIQUE": FindingKind(
        "warning",
        "slices are tilted by more than 20 degrees",
        '"ct.nii.gz" (LPS) lies 32.0 degrees oblique in the patient, more than 20, so that scores are less '
        "sure; turn CT and masks upright first.",
    ),
    "SHEARED": FindingKind(
        "warning; note for rounding",
        "the axes are off right angles, as with a tilted gantry",
        'The axes of "ct" are off right angles by 12.0 degrees, as those of a scan with a tilted gantry are'
        " (corners move by 54.1 mm); masks on the same grid are scored, check that the tilt is real.",
    ),
    "ONE_SLICE": FindingKind(
        "warning for a CT, note for a mask",
        "a single axial slice",
        '"ct.nii.gz" holds a single axial slice; read its score without the context of neighbours.',
    ),
    "GEOMETRY_CONTRADICTS": FindingKind(
        "warning",
        "two parts of a header give the image another place; the format's own rule decides",
        'The header of "ct.nii.gz" contradicts itself by up to 18.7 mm: sform and qform place voxels '
        "differently, and the sform is taken; check in a viewer that left is left, or write the file again.",
    ),
    "NO_RESCALE": FindingKind(
        "warning",
        "DICOM slices without a rescale to Hounsfield units",
        '"series" does not say how its numbers become Hounsfield units (RescaleSlope, RescaleIntercept), '
        "so they are taken as they are; check that air is near -1000.",
    ),
    "FILE_LEFT_OUT": FindingKind(
        "warning; note for what is no image",
        "files in a DICOM folder that are not in the volume, with the reason",
        '"000.dcm" in "series" is not part of the CT: an image of another size, as localizers are; see '
        "whether that is right.",
    ),
    "EMPTY_MASK": FindingKind(
        "warning; error when all are empty",
        "the mask has no voxels and gets no score",
        'The mask "colon" in "colon.nii.gz" is empty and gets no score; right only if the structure is '
        "absent.",
    ),
    "TINY_MASK": FindingKind(
        "note",
        "a few voxels only; the score says little",
        'The mask "colon" in "colon.nii.gz" has 12 of at least 20 voxels; look at it whatever its score.',
    ),
    "OUTSIDE_FOV": FindingKind(
        "warning; error when nothing is left",
        "the mask lies where nothing was scanned, whatever constant value fills it",
        'The mask "spleen" in "spleen.nii.gz" lies by 85% where the CT holds -1024, outside the scanned '
        "field; check that mask and CT belong together.",
    ),
    "AT_BORDER": FindingKind(
        "note",
        "the mask touches the edge of the image",
        'The mask "liver" in "liver.nii.gz" touches the last axial slice; the organ may be cut there.',
    ),
    "METAL": FindingKind(
        "warning",
        "metal near the mask in a fifth of its slices or more",
        'The mask "hip_left" in "hip_left.nii.gz" has metal (above 3000 HU) close by in 60% of its slices; '
        "look at it whatever its score.",
    ),
    "UNLIKE_TRAINING": FindingKind(
        "warning",
        "the CT looks unlike those that the model was trained on",
        'The CT looks unlike the pictures that model "segae-starter" was trained on; do not rely on its '
        "scores.",
    ),
    "UNKNOWN_NAME": FindingKind(
        "warning; error when no name is known",
        "the name or value means nothing, or several structures; in an index said once for all scans",
        "The mask \"kidney\" in \"kidney.nii.gz\" gets no score: 'kidney' may mean 'kidney left' or 'kidney"
        " right'; name one of them.",
    ),
    "NAME_UNDERSTOOD": FindingKind(
        "note",
        "a known name with something around it",
        'The mask "s0001_liver" in "s0001_liver.nii.gz" is taken for liver (table name, without '
        "'s0001'); rename it if that is wrong.",
    ),
    "NAMES_FOUND": FindingKind(
        "note",
        "a file beside a label map names its values",
        'The values in "case.nii.gz" are named by "dataset.json" beside it; give --names if that is wrong.',
    ),
    "NAMES_NOT_USED": FindingKind(
        "note; warning where it contradicts the file's name",
        "a file beside a mask is not used, and why",
        '"liver.json" beside "liver.nii.gz" is not used: it holds no label names.',
    ),
    "UNNAMED_VALUE": FindingKind(
        "warning",
        "voxels of a .seg.nrrd that belong to no segment",
        '"s.seg.nrrd" holds the value 7 of no segment; these voxels are left out, name them in 3D Slicer.',
    ),
    "CONTOURS_LEFT_OUT": FindingKind(
        "warning",
        "contours of a structure set that enclose nothing, or lie outside of the CT",
        'The mask "liver" in "rs.dcm" has 3 contours of the type POINT; left out, as only closed contours '
        "enclose anything.",
    ),
    "CONTOURS_CROSS": FindingKind(
        "warning",
        "contours of one slice that lie partly in each other: hole or second part",
        'The mask "liver" in "rs.dcm" has 1 contour that crosses another one; look whether the mask is what '
        "was meant.",
    ),
    "CONTOUR_GAPS": FindingKind(
        "warning",
        "slices without a contour between others",
        'The mask "liver" in "rs.dcm" has no contour on 4 slices between others; left empty, draw the organ '
        "where it is.",
    ),
    "FRACTIONAL_MASK": FindingKind(
        "warning",
        "a DICOM segmentation of probabilities, or of the shares of voxels that are occupied",
        '"seg.dcm" holds probabilities, and voxels from 0.5 on are taken; see whether the masks are right.',
    ),
    "SAME_NAME": FindingKind(
        "warning",
        "masks or cases of one name, and the names that they have in results",
        '2 masks in "s.seg.nrrd" are called "liver" and are listed as liver [Segment_1] and liver '
        "[Segment_2]; give each its own name.",
    ),
    "DUPLICATE_STRUCTURE": FindingKind(
        "warning",
        "masks that are taken for the same structure",
        'The mask "liver_old" in "masks" is one of 2 taken for liver; keep one of them, or rename the '
        "others.",
    ),
    "MASK_LEFT_OUT": FindingKind(
        "warning",
        "a file in a folder of masks that is no mask or cannot be read",
        'The mask is left out: "spleen.nii.gz" is empty (0 bytes); copy it again from its source.',
    ),
    "HIDDEN_FILES": FindingKind(
        "note",
        "hidden files among the masks",
        '10 hidden files, the first of them "._aorta.nii.gz", are left out: macOS writes such files beside '
        "the real ones; nothing to do.",
    ),
    "NAME_NOT_IN_MODEL": FindingKind(
        "warning; error when nothing is left",
        "the model has no vector for that structure",
        'Model "m" has no vector for "spleen", so segment "spleen" is not scored; use a model that knows it.',
    ),
    "NAME_NOT_TRAINED": FindingKind(
        "warning",
        "the model was trained on no mask of this name",
        'Model "m" was never trained on "patella", so the score of segment "patella" is a guess from '
        "similar names; do not rely on it.",
    ),
    "NAME_DOUBTFUL": FindingKind(
        "warning when sure, else note; with --check-names",
        "the mask looks like another structure",
        'The mask "kidney_left" is named kidney left, looks like spleen (predicted Dice 0.12 against 0.90):'
        " fits better under that name; look at it, and rename it if that is right.",
    ),
    "PIECES": FindingKind(
        "warning",
        "an island of 5 % of the volume or more, also far away at the scan's end",
        'The mask "spleen" has 1 island, 24% of its volume and up to 90 mm away; remove what is no part of '
        "the organ.",
    ),
    "ISLANDS": FindingKind(
        "note; warning from 50 mm distance",
        "small islands",
        'The mask "spleen" has 3 islands, 1.2% of its volume and up to 20 mm away; remove what is no part '
        "of the organ.",
    ),
    "HOLES": FindingKind(
        "note; warning from 5 %",
        "room that the mask encloses on all sides",
        'The mask "spleen" has holes of 3.4 ml together, 2.1% of its volume; fill them unless something '
        "else lies there.",
    ),
    "OVERLAP": FindingKind(
        "note; warning from 10 % of the smaller mask",
        "two masks share voxels",
        'The masks "duodenum" and "pancreas" share 4.0 ml, 12% of "duodenum"; give each voxel to one of '
        "them.",
    ),
    "SWALLOWED": FindingKind(
        "warning",
        "a mask holds nearly all of another one",
        'The mask "kidney_left" holds 100% of "kidney_right", as if it had swallowed it; take '
        '"kidney_right" out of it, or see whether a name is wrong.',
    ),
    "VOLUME": FindingKind(
        "note",
        "less than a quarter or more than four times what a body of this size has (ICRP Publication 89)",
        'The mask "pancreas" has 14.8 ml, unusually small for pancreas of an adult (30 to 560 ml); see '
        "whether it is whole and has the right name.",
    ),
    "ASYMMETRY": FindingKind(
        "note",
        "one side much smaller than the other though the scan cuts neither",
        'The mask "kidney_left" has 40 ml and "kidney_right" 4.0 times as much; see whether one is '
        "incomplete or the other too large.",
    ),
    "WRONG_SIDE": FindingKind(
        "warning",
        "left and right are swapped, or a lone mask lies beyond the spine",
        'The mask "kidney_left" lies to the right of "kidney_right"; see whether the names are swapped or '
        "the picture is mirrored.",
    ),
    "UPSIDE_DOWN": FindingKind(
        "warning",
        "most organs lie the other way round from head to foot, so that no score is reliable",
        "The scan seems to lie upside down: 9 of 9 pairs of organs lie the other way round than in nearly "
        "every patient; see whether the header says the truth.",
    ),
    "BACK_TO_FRONT": FindingKind(
        "warning",
        "most organs lie the other way round from front to back, so that no score is reliable",
        "The scan seems to lie back to front: 6 of 6 pairs of organs lie the other way round than in nearly"
        " every patient; see whether the header says the truth.",
    ),
    "HEIGHT": FindingKind(
        "warning",
        "heart below liver, bladder above kidney, and the like",
        'The mask "heart" lies below "liver" and belongs above it; see whether both have the right name and'
        " place.",
    ),
    "KIDNEY_PLACE": FindingKind(
        "warning",
        "a kidney that does not lie beside the spine",
        'The mask "kidney_left" lies 150 mm beside the middle of the spine, where kidneys lie 20 to 130 mm '
        "beside it; see whether it is one.",
    ),
    "LEVEL_ORDER": FindingKind(
        "warning",
        "vertebrae or ribs out of order",
        'The mask "vertebrae_L2" lies 30 mm above "vertebrae_L1" and belongs below it; see whether the '
        "names are swapped.",
    ),
    "LEVEL_TWICE": FindingKind(
        "warning",
        "two masks mark one level",
        'The masks "vertebrae_L1" and "vertebrae_L2" mark one and the same level; keep one and count again.',
    ),
    "LEVEL_GAP": FindingKind(
        "warning",
        "a level left out without room, or room for one that has no mask",
        'Between "vertebrae_T11" and "vertebrae_L1" a level is left out though there is no room; count '
        "again.",
    ),
    "RIB_PAIR": FindingKind(
        "note",
        "ribs of one number begin at different heights",
        'The ribs "rib_left_7" and "rib_right_7" begin 31 mm apart in height; see whether both sides are '
        "counted alike.",
    ),
    "CT_MISSING": FindingKind(
        "warning; a failed case in a batch",
        "masks without their CT",
        '"s0005" has no file "ct.nii.gz"; add it, or the case is left out.',
    ),
    "MASK_MISSING": FindingKind(
        "warning; a failed case in a batch",
        "a CT without its masks",
        '"s0005" has no folder "segmentations"; add it, or the case is left out.',
    ),
    "SEVERAL_CTS": FindingKind(
        "warning; a failed case in a batch",
        "several CTs fit a mask",
        'Several CTs fit the mask "a.nii.gz" ("one/a.nii.gz", "two/a.nii.gz"); remove one, or use a CSV '
        "manifest.",
    ),
    "MANIFEST_LINE": FindingKind(
        "a failed case in a batch",
        "a line of a manifest that lacks its CT or its masks",
        'Line 4 of "manifest.csv" has no ct or no masks; fill in both or delete it.',
    ),
    "DUPLICATE": FindingKind(
        "warning",
        "a case, a CT or a mask that is there twice",
        'The case "s0001" is listed twice with the same files; it is scored once.',
    ),
    "TABLE_NOT_USED": FindingKind(
        "warning",
        "why the split in meta.csv is not used",
        'The split in "meta.csv" is not used: it needs the columns image_id and split, and has case, fold; '
        "correct it, or a new split may be drawn.",
    ),
    "UNREADABLE": FindingKind(
        "error; the scan is left out of an index",
        "a scan, a folder or a mask that cannot be read",
        'The scan "s0001" is left out: "ct.nii.gz" is cut short; copy it again from its source.',
    ),
    "SPLIT_COMPLETED": FindingKind(
        "warning; index",
        "the split that comes with the data leaves scans out",
        "The split that comes with the data has no scans to validate on; some of the patients to train on "
        "were drawn for it.",
    ),
    "PATIENT_IN_TWO_SPLITS": FindingKind(
        "warning; index",
        "a given split divides the scans of a patient",
        'Scans of patient "p7" are in test and train; split anew.',
    ),
    "CLASS_MISSING": FindingKind(
        "warning; index",
        "structures that have voxels in no scan",
        'None of the 3 scans under "data" has voxels of brain, so that no model can learn them; add scans '
        "that show them or leave them out.",
    ),
    "PREDICTION_MISSING": FindingKind(
        "warning; pseudo labels",
        "a scan without a prediction",
        '"predictions" holds no prediction of "s0001"; predict it, or the scan is trained on without.',
    ),
}

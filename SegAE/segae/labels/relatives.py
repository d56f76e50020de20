"""Which names of the label table are taken for each other: the other side, levels, and similar shapes."""

from __future__ import annotations

from segae.labels.structure import Structure
from segae.labels.table import LabelTable

_OTHER = {"left": "right", "right": "left"}
# Names without their side that annotators and networks mix up: neighbours of one shape, or on one course.
_SIMILAR = (
    ("gluteus maximus", "gluteus medius", "gluteus minimus"),
    ("iliopsoas", "autochthon"),
    ("iliac artery", "iliac vena"),
    ("artery common carotid", "artery internal carotid", "internal jugular vein"),
    ("artery subclavian", "artery common carotid", "artery brachiocephalic", "vein brachiocephalic"),
    ("aorta", "inferior vena cava"),
    ("aorta", "pulmonary artery"),
    ("inferior vena cava", "portal vein and splenic vein"),
    ("heart", "liver"),
    ("heart", "heart myocardium", "heart ventricle", "heart atrium"),
    ("lung upper lobe", "lung middle lobe", "lung lower lobe"),
    ("esophagus", "trachea", "bronchie"),
    ("liver", "spleen", "stomach"),
    ("small bowel", "duodenum", "colon"),
    ("colon", "rectum", "stomach"),
    ("pancreas", "duodenum", "gallbladder"),
    ("kidney", "adrenal gland", "spleen"),
    ("bladder", "prostate", "uterus", "uterocervix", "rectum"),
    ("vertebrae L5", "sacrum", "hip"),
    ("sternum", "sternum manubrium", "rib_cartilage"),
    ("clavicle", "scapula", "costa 1"),
    ("humerus", "femur"),
    ("thyroid", "thymus"),
)


def other_side(structure: Structure, table: LabelTable | None = None) -> Structure | None:
    """The same organ on the other side; None where the table has none."""
    other = _OTHER.get(structure.laterality, "none")
    return (table or LabelTable.default()).by_name(f"{structure.sideless} {other}")


def levels_near(
    structure: Structure, reach: int = 2, table: LabelTable | None = None
) -> tuple[Structure, ...]:
    """The levels above and below in its series, nearest first, at most `reach` away."""
    for series in (table or LabelTable.default()).level_series:
        if structure in series:
            at = series.index(structure)
            near = (row for row in series if 0 < abs(series.index(row) - at) <= reach)
            return tuple(sorted(near, key=lambda row: abs(series.index(row) - at)))
    return ()


def similar(structure: Structure, table: LabelTable | None = None) -> tuple[Structure, ...]:
    """Structures of similar shape or course, on the same side where they have sides."""
    table, own = table or LabelTable.default(), structure.sideless
    names = [name for group in _SIMILAR if own in group for name in group if name != own]
    return tuple(
        row for name in dict.fromkeys(names) for row in _rows_named(name, structure.laterality, table)
    )


def _rows_named(name: str, side: str, table: LabelTable) -> tuple[Structure, ...]:
    """The row `name`, or that of the side (both sides when there is none)."""
    sides = (side,) if side else ("left", "right")
    found = [table.by_name(text) for text in (name, *(f"{name} {one}" for one in sides))]
    return tuple(row for row in found if row is not None)

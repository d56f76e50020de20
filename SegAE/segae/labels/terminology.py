"""Slicer's terminology entry of a segment, as it stands in the segment's tag and in `.seg.nrrd` headers."""

from __future__ import annotations

from dataclasses import dataclass

from segae.errors import InputError
from segae.labels.resolver import Resolution, resolve
from segae.labels.structure import Structure, UnknownName
from segae.labels.table import LabelTable

# Category codes of SNOMED CT, and of SRT as older scenes hold them
_ORGAN = {"123037004", "T-D000A"}
_TISSUE = {"85756007", "T-D0050"}
_LESION = {"49755003", "M-01000"}
_GENERAL = "Segmentation category and type - 3D Slicer General Anatomy list"  # as Slicer writes by default
_REGIONS = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class Code:
    """A coded term: scheme ("SCT"), code value and meaning; all "" where an entry leaves it out."""

    scheme: str = ""
    value: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Terminology:
    """What a segment is (category, type, its modifier) and where it lies (region and its modifier)."""

    context: str
    category: Code
    type: Code
    type_modifier: Code
    region_context: str = ""
    region: Code = Code()
    region_modifier: Code = Code()


def parse_terminology(text: str) -> Terminology:
    """Reads `context~category~type~modifier~region context~region~region modifier`, each scheme^code^meaning.

    The last three fields may be missing. Raises `InputError` for text of another form.
    """
    fields = text.strip().split("~")
    if not 4 <= len(fields) <= 7:
        raise InputError(
            f"{text[:60]!r} is no terminology entry (4 to 7 fields joined by '~'); choose the organ by name."
        )
    context, category, kind, modifier, region_context, region, region_modifier = [*fields, "", "", ""][:7]
    return Terminology(
        context=context,
        category=_code(category, text),
        type=_code(kind, text),
        type_modifier=_code(modifier, text),
        region_context=region_context,
        region=_code(region, text),
        region_modifier=_code(region_modifier, text),
    )


def resolve_terminology(text: str, table: LabelTable | None = None) -> Resolution | None:
    """The structure of `table` that a terminology entry means; None if it says nothing, as the default
    "Tissue".

    Codes count first, the meanings of unknown codes after them. Raises `UnknownName` for a lesion, another
    thing that is no organ, or an organ that the table does not have; `AmbiguousName` for a missing side;
    `InputError` for text that is no entry.
    """
    if not text.strip():
        return None
    entry = parse_terminology(text)
    if entry.category.value in _LESION or entry.category.meaning.casefold().startswith("morphologically"):
        where = f" in the region '{entry.region.meaning}'" if entry.region.meaning else ""
        raise UnknownName(
            f"The terminology says '{entry.type.meaning or entry.category.meaning}'{where}, a lesion and not "
            "the organ it lies in; leave the segment out or name the organ yourself.",
            no_organ=True,
        )
    # A segment of the category "Tissue" tells a material (fat, bone), not an organ.
    if entry.category.value in _TISSUE or entry.type.value in _TISSUE or entry.type == Code():
        return None
    if entry.category != Code() and entry.category.value not in _ORGAN:
        raise UnknownName(
            f"The terminology says '{entry.type.meaning}' of the category '{entry.category.meaning}', "
            "which is no organ; leave the segment out or name the organ yourself.",
            no_organ=True,
        )
    return _resolve_term(entry.type, entry.type_modifier, table)


def terminology_for(structure: Structure) -> str:
    """Slicer's terminology entry for a structure, "" for one without a SNOMED code.

    It is what Slicer exports as the segment's type in a DICOM segmentation.
    """
    kind, modifier = structure.snomed
    if not kind:
        return ""
    meaning = " ".join(word for word in structure.name.split() if word != structure.laterality)
    side = f"SCT^{modifier}^{structure.laterality.capitalize()}" if modifier else "^^"
    category = "SCT^123037004^Anatomical Structure"
    return f"{_GENERAL}~{category}~SCT^{kind}^{meaning}~{side}~{_REGIONS}~^^~^^"


def _resolve_term(kind: Code, modifier: Code, table: LabelTable | None) -> Resolution:
    if kind.scheme == "SCT":
        try:
            return resolve((kind.value, modifier.value), table=table)
        except UnknownName:
            if not kind.meaning:
                raise
    found = resolve(f"{kind.meaning} {modifier.meaning}", table=table)
    return Resolution(found.structure, f"terminology meaning, {found.reason}", min(found.confidence, 0.8))


def _code(field: str, text: str) -> Code:
    if not field:
        return Code()
    parts = field.split("^")
    if len(parts) != 3:
        raise InputError(
            f"{field[:40]!r} in the terminology entry {text[:60]!r} is not scheme^code^meaning; "
            "choose the organ by name."
        )
    return Code(*parts)

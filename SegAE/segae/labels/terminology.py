"""Slicer's terminology entry of a segment, as it stands in the segment's tag and in `.seg.nrrd` headers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from segae.errors import InputError
from segae.labels.resolver import Resolution, resolve
from segae.labels.structure import Structure, UnknownName
from segae.labels.table import LabelTable

# Category codes of SNOMED CT, and of SRT as older scenes hold them
_ORGAN = {"123037004", "91723000", "T-D000A"}
_TISSUE = {"85756007", "T-D0050"}
_ANY = {*_ORGAN, *_TISSUE, "113343008"}  # types without a name: the region has the word, if there is one
_LESION = {"49755003", "M-01000"}
_GENERAL = "Segmentation category and type - 3D Slicer General Anatomy list"  # as Slicer writes by default
_REGIONS = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class Code:
    """A coded term: scheme ("SCT"), code value and meaning; all "" where an entry leaves it out."""

    scheme: str = ""
    value: str = ""
    meaning: str = ""

    def __str__(self) -> str:
        return "^".join(re.sub(r"[\^~|]", " ", part) for part in (self.scheme, self.value, self.meaning))


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

    @property
    def side(self) -> Code:
        """The modifier of the type, or that of the region where both are one organ."""
        same = self.region.value == self.type.value and self.type_modifier == Code()
        return self.region_modifier if same else self.type_modifier

    @property
    def entry(self) -> str:
        """As Slicer writes it; `parse_terminology` reads it."""
        codes = self.category, self.type, self.type_modifier, self.region, self.region_modifier
        category, kind, modifier, region, region_modifier = map(str, codes)
        kinds = f"{self.context}~{category}~{kind}~{modifier}"
        return f"{kinds}~{self.region_context}~{region}~{region_modifier}"


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
    if entry.type.value in _ANY and entry.region != Code():
        return _resolve_term(entry.region, entry.region_modifier, table)
    if entry.type.value in _ANY or entry.type == Code():
        return None
    if entry.category.value in _TISSUE:
        return _of_tissue(entry, table)
    if entry.category != Code() and entry.category.value not in _ORGAN:
        raise UnknownName(
            f"The terminology says '{entry.type.meaning}' of the category '{entry.category.meaning}', "
            "which is no organ; leave the segment out or name the organ yourself.",
            no_organ=True,
        )
    return _resolve_term(entry.type, entry.side, table)


def terminology_for(structure: Structure) -> str:
    """Slicer's terminology entry for a structure, "" for one without a SNOMED code.

    It is what Slicer exports as the segment's type in a DICOM segmentation.
    """
    kind, modifier = structure.snomed
    if not kind:
        return ""
    meaning = " ".join(word for word in structure.name.split() if word != structure.laterality)
    return Terminology(
        context=_GENERAL,
        category=Code("SCT", "123037004", "Anatomical Structure"),
        type=Code("SCT", kind, meaning),
        type_modifier=Code("SCT", modifier, structure.laterality.capitalize()) if modifier else Code(),
        region_context=_REGIONS,
    ).entry


def _of_tissue(entry: Terminology, table: LabelTable | None) -> Resolution | None:
    """What a type of the category "Tissue" means: mostly a material (fat, bone) and no organ; but some
    programs put organs there, too."""
    try:
        found = _resolve_term(entry.type, entry.side, table)
    except InputError:  # a material, or one that several organs are made of
        return None
    return found if found.structure.snomed[0] else None


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

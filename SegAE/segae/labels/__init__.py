"""The label table, and the way from any usual name to one of its rows."""

from segae.labels.resolver import Resolution, resolve
from segae.labels.structure import AmbiguousName, Structure, UnknownName
from segae.labels.table import by_index, load_structures, offered_structures
from segae.labels.terminology import Terminology, parse_terminology, resolve_terminology

__all__ = [
    "AmbiguousName",
    "Resolution",
    "Structure",
    "Terminology",
    "UnknownName",
    "by_index",
    "load_structures",
    "offered_structures",
    "parse_terminology",
    "resolve",
    "resolve_terminology",
]

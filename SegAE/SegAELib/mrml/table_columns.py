"""Columns of a vtkMRMLTableNode that come back from a file as they went in.

Slicer writes tables as delimited text with six digits and does not escape quotes or line ends (seen in VTK
9.6). So text is stored with those characters as %XX, and exact numbers as text beside the rounded ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote, unquote

import vtk

from segae.errors import InputError
from SegAELib.mrml.binding import TableNode

_UNSAFE = '%"\t\n\r\x0b\x0c\x85\u2028\u2029'
_ESCAPES = str.maketrans({c: quote(c, safe="") for c in _UNSAFE})
_COLUMN_TYPES = {str: vtk.vtkStringArray, int: vtk.vtkIntArray, float: vtk.vtkDoubleArray}


def encode(text: str) -> str:
    """`text` without characters that a delimited file cannot hold."""
    return text.translate(_ESCAPES)


def decode(text: str) -> str:
    """Inverse of `encode`."""
    return unquote(text, errors="strict")


def column(name: str, kind: type, values: Iterable[str | int | float]) -> vtk.vtkAbstractArray:
    """A named VTK array of `kind` (str, int or float)."""
    array = _COLUMN_TYPES[kind]()
    array.SetName(name)
    for value in values:
        array.InsertNextValue(encode(str(value)) if kind is str else kind(value))
    return array


def set_columns(node: TableNode, columns: Sequence[vtk.vtkAbstractArray]) -> None:
    """Replace all columns of a table node at once, with one event."""
    table = vtk.vtkTable()
    for array in columns:
        table.AddColumn(array)
    node.SetAndObserveTable(table)


def values_of(node: TableNode, name: str, kind: type) -> list:
    """A column as Python values of `kind`; raises `InputError` when it is missing or holds other types."""
    array = node.GetTable().GetColumnByName(name)
    if array is None:
        raise InputError(
            f'Table "{node.GetName()}" has no column "{name}"; it was not written by SegAE, or changed.'
        )
    raw = [array.GetValue(row) for row in range(array.GetNumberOfTuples())]
    try:
        return [decode(str(value)) for value in raw] if kind is str else [kind(value) for value in raw]
    except ValueError as error:
        raise InputError(
            f'Column "{name}" of "{node.GetName()}" was changed outside of SegAE ({error}); score again.'
        ) from error

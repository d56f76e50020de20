"""Read masks with their names: a folder of binary files, or a file with one or several segments."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from segae.data import CTPlace, Segmentation
from segae.errors import InputError
from segae.files import shown_path
from segae.io.dicom_mask_folder import DICOM_MASK_FOLDER
from segae.io.dicom_seg import DICOM_SEG
from segae.io.label_map import LABEL_MAP
from segae.io.mask_folder import MASK_FOLDER
from segae.io.masks import MaskReader, MaskRequest
from segae.io.rtstruct import RTSTRUCT
from segae.io.seg_nrrd import SEG_NRRD
from segae.labels.table import LabelTable

# The first that can read a path does. To add a format: its file beside this one, and a line here.
MASK_READERS: tuple[MaskReader, ...] = (
    DICOM_MASK_FOLDER,
    MASK_FOLDER,
    SEG_NRRD,
    DICOM_SEG,
    RTSTRUCT,
    LABEL_MAP,
)


def read_segmentation(
    path: str | Path,
    *,
    name: str | None = None,
    names: str | Path | None = None,
    only: Collection[str] | None = None,
    table: LabelTable | None = None,
    values: str | None = None,
    ct: CTPlace | None = None,
) -> Segmentation:
    """Masks at `path`, each kept as bits inside its box.

    `path` is a folder of binary files named by organ; or one binary file, with `name` (or its file name)
    saying what it is; or a file with several segments. What its values stand for comes from `names` (a file,
    or a named scheme of `segae.labels.schemes`), from its `.seg.nrrd` fields, from its NIfTI header, from a
    file beside it, or else from the scheme `values`, which only a layout of a data set may give. Values that
    nothing names are refused. `only` keeps the masks with these names. `table`: the structures that names can
    mean (None: the default one). `ct`: the CT that they belong to; masks in DICOM that say that they were
    drawn on another one are refused, and contours need it. Segments that no structure was found for have
    `structure` None and say why. The findings of the result tell what was left out of a folder, and of names
    that are not unique.

    Raises `InputError` for what cannot be read, is no mask, or when no name is known.
    """
    path = Path(path)
    given = None if names is None else Path(names)
    request = MaskRequest(table or LabelTable.default(), name, given, only, values, ct)
    reader = next(reader for reader in MASK_READERS if reader.can_read(path, request))
    read = reader.read(path, request)
    segments = [s for s in read.segments if name or request.keeps(s.name, s.structure)]
    if not segments and only is not None:
        raise InputError(f'"{path}" holds none of the masks {", ".join(only)}; ask for names that are there.')
    return Segmentation(tuple(segments), shown_path(path), read.findings)

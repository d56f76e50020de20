"""NRRD files, alone or with a header of their own; also those of segmentations, which have layers."""

from __future__ import annotations

from segae.io.image import ImageReader

NRRD = ImageReader(
    "NRRD",
    (".nrrd", ".nhdr"),
    is_layered=lambda header: header.get("NRRD_kinds[pixel]") in ("list", "vector"),
)

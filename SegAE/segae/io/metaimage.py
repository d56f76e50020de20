"""MetaImage files: a header with its voxels behind it, or in a file beside it."""

from __future__ import annotations

from segae.io.image import ImageReader

METAIMAGE = ImageReader("MetaImage", (".mha", ".mhd"))

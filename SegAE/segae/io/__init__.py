"""Reading CT volumes and segmentations from files."""

from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation

__all__ = ["read_ct", "read_segmentation"]

"""The bundled case in the module Sample Data."""

from __future__ import annotations

import hashlib
from pathlib import Path

from SegAELib.app.binding import _

CATEGORY, NAME = "SegAE", "SegAEDemo"
CASE = "totalsegmentator_s0001"
FILES = {"ct.nii.gz": "VolumeFile", "segmentation.seg.nrrd": "SegmentationFile"}
NODES = ("s0001 CT", "s0001 masks")
THUMBNAIL = "SegAESample.png"


def register_sample_data(samples: Path, icons: Path) -> None:
    """Offer the CT and its masks; `samples` and `icons` are folders of the module's resources."""
    import SampleData  # type: ignore[import-not-found]  (a module of the application, loaded after start-up)

    logic, paths = SampleData.SampleDataLogic, [samples / CASE / name for name in FILES]
    if hasattr(logic, "registerCustomSampleDataCategory"):  # from Slicer 5.12 on
        logic.registerCustomSampleDataCategory(CATEGORY, _("SegAE"))
    logic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=NAME,
        uris=[path.as_uri() for path in paths],
        fileNames=[f"SegAE-{path.name}" for path in paths],
        nodeNames=list(NODES),
        checksums=[f"SHA256:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths],
        loadFileTypes=list(FILES.values()),
        thumbnailFileName=str(icons / THUMBNAIL),
    )

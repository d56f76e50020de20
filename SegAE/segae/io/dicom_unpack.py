"""The program that unpacks the pixels of DICOM files with GDCM, in a process of its own: `FOLDER`.

Beside each `NAME.dcm` in the folder it writes `NAME.npy` (frames, rows, columns). It needs nothing of this
package, and a file on which it crashes stays without its result.
"""

from __future__ import annotations

import sys
from pathlib import Path

# What of a header the decoder needs.
KEPT = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
    "PhotometricInterpretation",
)  # fmt: skip


def unpack(folder: Path) -> None:
    """Unpack every file of `folder` that can be."""
    import numpy as np
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    for path in sorted(folder.glob("*.dcm")):
        reader = SimpleITK.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        try:
            pixels = SimpleITK.GetArrayFromImage(reader.Execute())
        except RuntimeError:
            continue  # without its result the file is called damaged
        np.save(path.with_suffix(".npy"), pixels.reshape(-1, *pixels.shape[-2:]), allow_pickle=False)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))

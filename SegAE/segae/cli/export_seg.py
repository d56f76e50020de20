"""`segae export-seg`: masks as a DICOM segmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segae.cli import options as opt


def export_seg(
    ct: Annotated[
        Path, typer.Argument(metavar="CT", help="Folder with the DICOM series that the masks lie on.")
    ],
    masks: Annotated[
        Path,
        typer.Argument(
            metavar="MASKS", help="What `segae score` takes: a folder of masks, a multi-label file, one mask."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to write, such as seg.dcm.")],
    name: Annotated[
        str | None, typer.Option(help="Organ of a single binary mask, for example 'left kidney'.")
    ] = None,
    names: opt.Names = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Write this mask alone; give it again for more of them.")
    ] = None,
    series: opt.Series = None,
) -> None:
    """Write masks as a DICOM segmentation (SEG) of their CT, with the codes of their organs."""
    from rich.console import Console

    from segae import __version__
    from segae.cli.output import print_findings
    from segae.io.dicom import ct_images
    from segae.io.dicom_seg_writer import write_dicom_seg
    from segae.io.segmentation import read_segmentation

    place, _ = ct_images(ct, series)
    segmentation = read_segmentation(masks, name=name, names=names, only=only, ct=place)
    write_dicom_seg(segmentation, ct, out, series=series, version=__version__)
    print_findings(Console(stderr=True), segmentation.findings)
    Console().print(f"Written: {out}", soft_wrap=True, highlight=False, markup=False)

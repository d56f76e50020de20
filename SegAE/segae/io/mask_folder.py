"""A folder of binary files, each named after its organ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segae.data import Segment
from segae.errors import InputError
from segae.io.masks import MaskReader, MaskRequest, binary_segment
from segae.io.readers import is_image_name, read_image, stem


def _read(folder: Path, request: MaskRequest) -> Sequence[Segment]:
    if request.name is not None or request.names is not None:
        raise InputError(f'"{folder}" is a folder, where files name the masks; give no other names.')
    inner = folder / "segmentations"
    if inner.is_dir():
        raise InputError(f'"{folder}" is no folder of masks but of a case; give "{inner}" or a single file.')
    files = sorted(file for file in folder.iterdir() if is_image_name(file) and stem(file) != "ct")
    if not files:
        raise InputError(f'"{folder}" holds no mask files (.nii.gz, .nrrd, .mha); give another folder.')
    segments = []
    for file in files:
        found = request.identify(stem(file))
        if request.keeps(stem(file), found.structure):
            segments.append(binary_segment(read_image(file), stem(file), found))
    if segments and all(segment.structure is None for segment in segments):
        raise InputError(f'No file name in "{folder}" is a known structure: {segments[0].reason}')
    return segments


MASK_FOLDER = MaskReader("folder of masks", lambda path, request: path.is_dir(), _read)

"""A folder of binary files, each named after its organ.

One file that does not belong never costs the others: what is hidden, broken, empty, unreadable or no mask is
left out, and a finding says which file and why.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from segae.data import Segmentation, unique_names
from segae.errors import InputError
from segae.files import reason
from segae.finding import Finding
from segae.io.masks import MaskReader, MaskRequest, binary_segment, same_names
from segae.io.readers import SUFFIXES, is_hidden, is_image_name, read_image, stem

_NO_MASK = ("ct", "image", "volume")  # names under which a CT lies beside its masks


def _read(folder: Path, request: MaskRequest) -> Segmentation:
    if request.name is not None or request.names is not None:
        raise InputError(f'"{folder}" is a folder, where files name the masks; give no other names.')
    inner = folder / "segmentations"
    if inner.is_dir():
        raise InputError(f'"{folder}" is no folder of masks but of a case; give "{inner}" or a single file.')
    images = sorted(file for file in folder.iterdir() if is_image_name(file))
    hidden = [file for file in images if is_hidden(file)]
    files = [file for file in images if file not in hidden and stem(file).lower() not in _NO_MASK]
    if not files:
        raise InputError(
            f'"{folder}" holds no mask files (.nii.gz, .nrrd, .mha, DICOM); give another folder.'
        )
    names = unique_names([stem(file) for file in files], [file.name for file in files])
    findings = [*_about_hidden(hidden), *same_names([stem(file) for file in files], names, folder)]
    segments, left_out = [], []
    for name, file in zip(names, files, strict=True):
        found = request.identify(stem(file))
        if not request.keeps(stem(file), found.structure):
            continue
        try:
            image = read_image(file)
            segments.append(binary_segment(image, name, found))
            findings += (replace(finding, segments=(name,)) for finding in image.findings)
        except (InputError, OSError) as error:
            left_out.append(_left_out(name, file, error))
    if left_out and not any(segment.structure for segment in segments):
        raise InputError(f'No mask in "{folder}" can be read; the first reason: {left_out[0].message}')
    if segments and all(segment.structure is None for segment in segments):
        raise InputError(f'No file name in "{folder}" is a known structure: {segments[0].reason}')
    return Segmentation(tuple(segments), str(folder), (*findings, *left_out))


def _left_out(name: str, file: Path, error: InputError | OSError) -> Finding:
    why = str(error) if isinstance(error, InputError) else f'"{file}" cannot be read ({reason(error)}).'
    return Finding("MASK_LEFT_OUT", "warning", f"The mask is left out: {why}", (name,), str(file))


def _about_hidden(files: list[Path]) -> list[Finding]:
    if not files:
        return []
    which = f'The hidden file "{files[0]}" is' if len(files) == 1 else (
        f'{len(files)} hidden files, the first of them "{files[0]}", are'
    )  # fmt: skip
    text = f"{which} left out: macOS writes such files beside the real ones; nothing to do."
    return [Finding("HIDDEN_FILES", "info", text, source=str(files[0].parent))]


MASK_FOLDER = MaskReader(
    "folder of masks",
    SUFFIXES,
    "A folder of images with one mask each, every one named after its organ.",
    "Hidden and unreadable files, and what is no mask, are left out with a finding.",
    lambda path, request: path.is_dir(),
    _read,
)

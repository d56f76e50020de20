"""A CT in DICOM: a folder with a series, or one file with several frames.

Every file of the folder is in the volume, or a finding names it with the reason.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from segae.data import CTPlace, DicomIds
from segae.errors import InputError, way
from segae.files import shown_path
from segae.finding import Finding, Severity
from segae.geometry.grid import Grid
from segae.io.content import cannot_open, start_of
from segae.io.dicom_slices import NO_UID, Slice, is_dicom, read_pixels, read_slices
from segae.io.image import ImageReader, Opened, check_grid, in_a_sentence, ras_from_lps

_UNEVEN = 0.1  # share of the slice distance by which a slice may lie off its place
_FEW = 3  # images of another shape that may stand in a series, as localizers do
_SAME_PLACE = 0.01  # mm
_NAMED = 3  # files that a sentence names
_MODALITIES = {
    "PT": "PET images", "MR": "MR images", "SEG": "segmentations", "RTSTRUCT": "structure sets",
    "SR": "reports", "RTDOSE": "dose", "RTPLAN": "plans", "PR": "presentation states", "KO": "key objects",
    "REG": "registrations",
}  # fmt: skip


@dataclass
class _LeftOut:
    """Files that are not in the volume, by reason; `foreign` ones were never candidates for it."""

    of_series: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    foreign: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    unreadable: list[InputError] = field(default_factory=list)

    def findings(self, folder: Path) -> tuple[Finding, ...]:
        """A finding for each reason."""
        kinds: tuple[tuple[Severity, dict[str, list[Path]]], ...] = (
            ("warning", self.of_series),
            ("info", self.foreign),
        )
        found = [
            Finding("FILE_LEFT_OUT", severity, _left_out(folder, why, files), source=shown_path(folder))
            for severity, reasons in kinds
            for why, files in reasons.items()
        ]
        if self.unreadable:
            n = len(self.unreadable)
            text = (
                f'{n} of the files in "{folder}" cannot be read and {"is" if n == 1 else "are"} not part of '
                f"the CT; the first reason: {self.unreadable[0]}"
            )
            found.append(Finding("FILE_LEFT_OUT", "warning", text, source=shown_path(folder)))
        return tuple(found)

    def sentence(self) -> str:
        """What was left out of the series, to end another sentence with."""
        told = [f"{_listed(files)} ({why})" for why, files in self.of_series.items()]
        told += [str(error) for error in self.unreadable[:1]]
        return f" Left out before: {'; '.join(told)}." if told else ""


def _left_out(folder: Path, why: str, files: Sequence[Path]) -> str:
    verb = "is" if len(files) == 1 else "are"
    return f'{_listed(files)} in "{folder}" {verb} not part of the CT: {why}; see whether that is right.'


def _listed(files: Sequence[Path]) -> str:
    names = ", ".join(f'"{file.name}"' for file in files[:_NAMED])
    return names + (f" and {len(files) - _NAMED} more" if len(files) > _NAMED else "")


def _open(path: Path, series: str | None = None) -> Opened:
    left_out = _LeftOut()
    slices, grid = _volume(path, series, left_out)
    findings = left_out.findings(path if path.is_dir() else path.parent)
    if any(one.slope is None or one.intercept is None for one in slices):
        text = (
            f'"{path}" does not say how its numbers become Hounsfield units (RescaleSlope, Rescale'
            "Intercept), so they are taken as they are; check that air is near -1000."
        )
        findings = (*findings, Finding("NO_RESCALE", "warning", text, source=shown_path(path)))
    return Opened(grid, {}, lambda: _load(slices, grid), findings=findings, ids=_ids(slices))


def ct_images(path: Path, series: str | None = None) -> tuple[CTPlace, list[Slice]]:
    """Where the CT in a folder or file in DICOM lies, and its images in the order of its slices. Raises
    `InputError` as the reader does."""
    with in_a_sentence(path):
        slices, grid = _volume(path, series, _LeftOut())
    check_grid(grid, path)
    return CTPlace(grid, _ids(slices), shown_path(path)), slices


def _volume(path: Path, series: str | None, left_out: _LeftOut) -> tuple[list[Slice], Grid]:
    slices = _chosen(path, _images(path, left_out), series, left_out)
    return _in_order(path, _one_shape(path, slices, left_out), left_out)


def _ids(slices: Sequence[Slice]) -> DicomIds:
    frames = {one.frame_of_reference for one in slices}
    frame = frames.pop() if len(frames) == 1 else ""
    series = slices[0].series if slices[0].series != NO_UID else ""
    return DicomIds(frame, series, frozenset(one.uid for one in slices if one.uid != str(one.path)))


def modality_of(folder: Path) -> str | None:
    """Modality that the first DICOM file of a folder states; None when there is none that can be read."""
    for path in sorted(folder.iterdir()):
        try:
            if path.is_file() and not path.name.startswith(".") and is_dicom(start_of(path)):
                return next((one.modality for one in read_slices(path)), None)
        except InputError:
            continue  # another file of the folder will do
    return None


def _images(path: Path, left_out: _LeftOut) -> list[Slice]:
    """All images in the file or folder `path`; what is none is noted."""
    found = []
    for file in [path] if path.is_file() else _files(path):
        if path.is_dir() and (file.name.startswith(".") or file.name.upper() == "DICOMDIR"):
            left_out.foreign["no image"].append(file)
            continue
        try:
            if not is_dicom(start_of(file)):
                left_out.foreign["no DICOM file"].append(file)
                continue
            images = read_slices(file)
            if not images[0].modality and not images[0].size[0]:
                left_out.foreign["a DICOM file without an image"].append(file)
                continue
            found += images
        except InputError as error:
            if path.is_file():
                raise
            left_out.unreadable.append(error)
    return found


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.is_file())
    except OSError as error:
        raise cannot_open(folder, error) from None


def _chosen(path: Path, images: Sequence[Slice], series: str | None, left_out: _LeftOut) -> list[Slice]:
    """The images of the one CT series, or of that which `series` names."""
    if not images:
        raise _no_images(path, left_out)
    by_series: dict[str, list[Slice]] = defaultdict(list)
    for image in images:
        by_series[image.series].append(image)
    cts = {uid: those for uid, those in by_series.items() if _is_ct(those)}
    whole = {uid: those for uid, those in cts.items() if not _is_scout(those)} or cts
    candidates = {uid: those for uid, those in whole.items() if any(s.has_place for s in those)} or whole
    if series is not None and series not in by_series:
        listed = _choice(candidates or by_series)
        raise InputError(f'"{path}" holds no DICOM series {series}; choose one of {listed}.')
    if series is not None and not _is_ct(by_series[series]):
        raise InputError(f'The DICOM series in "{path}" is {_kind(by_series[series])}; give a CT.')
    if not cts:
        kinds = ", ".join(sorted({_kind(those) for those in by_series.values()}))
        raise InputError(f'The DICOM series in "{path}" is {kinds}; give a CT.')
    if series is None and len(candidates) > 1:
        raise InputError(
            f'"{path}" holds {len(candidates)} DICOM series of CT, {_choice(candidates)}; '
            + way(
                'choose one with --series, or in a manifest with the column "series".',
                "give each a folder of its own.",
            )
        )
    taken = series or next(iter(candidates))
    for uid, those in by_series.items():
        if uid != taken:
            why = f"another series, {_kind(those)}" + (
                f' "{those[0].description}"' * bool(those[0].description)
            )
            left_out.foreign[why] += dict.fromkeys(one.path for one in those)
    return by_series[taken]


def _no_images(path: Path, left_out: _LeftOut) -> InputError:
    if left_out.unreadable:
        return InputError(
            f'"{path}" holds no readable DICOM images; the first reason: {left_out.unreadable[0]}'
        )
    deeper = (one for one in sorted(path.glob("*/**/*")) if _is_dicom_file(one))
    below = next((one.parent for one in deeper), None)
    if below is not None:
        return InputError(
            f'"{path}" holds no readable DICOM images itself, but "{below}" does; give that folder.'
        )
    return InputError(f'"{path}" holds no readable DICOM images; give the folder with the slices.')


def _is_dicom_file(path: Path) -> bool:
    try:
        return path.is_file() and not path.name.startswith(".") and is_dicom(start_of(path))
    except InputError:
        return False


def _is_ct(images: Sequence[Slice]) -> bool:
    return any(one.modality in ("CT", "") and one.samples == 1 and one.size[0] > 0 for one in images)


def _is_scout(images: Sequence[Slice]) -> bool:
    """Whether a series holds localizers alone, by their type or by few images that are not axial."""
    if all(one.is_localizer for one in images):
        return True
    upright = [abs(_normal(one)[2]) for one in images if one.orientation is not None]
    return 0 < len(images) <= _FEW and bool(upright) and max(upright) < 0.5


def _kind(images: Sequence[Slice]) -> str:
    modality = images[0].modality
    if modality == "CT":
        return "localizers" if _is_scout(images) else "CT images" if _is_ct(images) else "colour pictures"
    known = f" ({_MODALITIES[modality]})" if modality in _MODALITIES else ""
    return f"of modality {modality}{known}"


def _choice(series: dict[str, list[Slice]]) -> str:
    def told(uid: str, images: Sequence[Slice]) -> str:
        files = len({one.path for one in images})
        named = f' "{images[0].description}"' if images[0].description else ""
        return f"{uid} ({files} {'file' if files == 1 else 'files'}){named}"

    return ", ".join(told(uid, images) for uid, images in series.items())


def _normal(one: Slice) -> np.ndarray:
    assert one.orientation is not None
    return np.cross(one.orientation[:3], one.orientation[3:])


def _one_shape(path: Path, slices: Sequence[Slice], left_out: _LeftOut) -> list[Slice]:
    """The slices of one size, spacing and orientation; a few others are left out, many are an error."""
    kept = []
    for one in slices:
        if one.is_localizer:
            left_out.of_series["a localizer"].append(one.path)
        elif one.samples != 1:
            left_out.of_series["a colour picture"].append(one.path)
        else:
            kept.append(one)
    if not kept:
        raise InputError(f'"{path}" holds localizers or colour pictures alone; give the CT with its slices.')
    unplaced = [one for one in kept if not one.has_place]
    if len(unplaced) > max(_FEW, len(kept) // 10) or len(unplaced) == len(kept):
        raise InputError(
            f'{len(unplaced)} of {len(kept)} images in "{path}" do not say where they lie in the patient '
            "(ImagePositionPatient, ImageOrientationPatient or PixelSpacing is missing); export the CT again "
            "from its archive."
        )
    left_out_paths = _note(left_out, unplaced, "without position in the patient")
    kept = [one for one in kept if one.path not in left_out_paths]
    for what, key in (("size", _size_of), ("orientation", _orientation_of), ("pixel spacing", _spacing_of)):
        counts = Counter(key(one) for one in kept)
        usual, n = counts.most_common(1)[0]
        others = [one for one in kept if key(one) != usual]
        if len(others) > max(_FEW, n // 10):
            raise InputError(
                f'The images in "{path}" have {len(counts)} different values of {what} ({n} and '
                f"{len(others)} images); put each volume into a folder of its own."
            )
        _note(left_out, others, f"of another {what} than the {n} others")
        kept = [one for one in kept if key(one) == usual]
    return kept


def _note(left_out: _LeftOut, slices: Iterable[Slice], why: str) -> set[Path]:
    paths = {one.path: None for one in slices}
    if paths:
        left_out.of_series[why] += paths
    return set(paths)


def _size_of(one: Slice) -> tuple[int, int]:
    return one.size


def _orientation_of(one: Slice) -> tuple[float, ...]:
    assert one.orientation is not None
    return tuple((np.round(one.orientation, 2) + 0.0).tolist())


def _spacing_of(one: Slice) -> tuple[float, ...]:
    assert one.spacing is not None
    return tuple(round(mm, 4) for mm in one.spacing)


def _in_order(path: Path, slices: Sequence[Slice], left_out: _LeftOut) -> tuple[list[Slice], Grid]:
    """The slices along their normal, each place once, and their grid. The third axis follows the positions,
    so that a tilted gantry is kept."""
    normal = _normal(slices[0])
    ordered = sorted(slices, key=lambda one: float(normal @ _position(one)))
    single: list[Slice] = []
    doubles: list[Slice] = []
    for one in ordered:
        near = bool(single) and float(np.linalg.norm(_position(one) - _position(single[-1]))) <= _SAME_PLACE
        (doubles if near else single).append(one)
    _refuse_doubles(path, single, doubles)
    _note(left_out, doubles, "a copy of another file")
    positions = np.array([ras_from_lps(_position(one)) for one in single])
    step = _step(path, single, positions, left_out)
    first = single[0]
    assert first.orientation is not None and first.spacing is not None
    affine = np.eye(4)
    affine[:3, 0] = ras_from_lps(first.orientation[:3]) * first.spacing[1]
    affine[:3, 1] = ras_from_lps(first.orientation[3:]) * first.spacing[0]
    affine[:3, 2] = ras_from_lps(normal) if step is None else step
    affine[:3, 3] = positions[0]
    rows, columns = first.size
    return single, Grid((columns, rows, len(single)), affine)


def _position(one: Slice) -> np.ndarray:
    assert one.position is not None
    return one.position


def _refuse_doubles(path: Path, single: Sequence[Slice], doubles: Sequence[Slice]) -> None:
    """Raises `InputError` when images at one place are no copies: phases, or two reconstructions."""
    known = {one.uid for one in single}
    different = [one for one in doubles if one.uid not in known or one.frame is not None]
    if different:
        times = (len(single) + len(doubles)) / len(single)
        raise InputError(
            f'"{path}" holds {times:.3g} images at each place of one series, as of several phases '
            f"({_listed([one.path for one in different])} lie where others do); put each volume into a "
            "folder of its own."
        )


def _step(
    path: Path, slices: Sequence[Slice], positions: np.ndarray, left_out: _LeftOut
) -> np.ndarray | None:
    """From one slice to the next in RAS; None for a single one."""
    if len(slices) < 2:
        return None
    gaps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    usual = float(np.median(gaps))
    step = (positions[-1] - positions[0]) / (len(slices) - 1)
    off = np.linalg.norm(positions - (positions[0] + np.arange(len(slices))[:, None] * step), axis=1)
    if off.max() > _UNEVEN * usual or np.abs(gaps - usual).max() > _UNEVEN * max(usual, _SAME_PLACE):
        worst = int(np.abs(gaps - usual).argmax())
        raise InputError(
            f'The slices in "{path}" are not evenly spaced: "{slices[worst].path.name}" and '
            f'"{slices[worst + 1].path.name}" are {gaps[worst]:.4g} mm apart and others {usual:.4g} mm, so '
            f"that slices are missing or doubled; complete the series.{left_out.sentence()}"
        )
    return step


def _load(slices: Sequence[Slice], grid: Grid) -> np.ndarray:
    voxels: np.ndarray | None = None
    for k, pixels in enumerate(read_pixels(slices)):
        if voxels is None:
            voxels = np.empty(grid.shape, pixels.dtype)
        elif pixels.dtype.kind == "f" and voxels.dtype.kind != "f":
            voxels = voxels.astype(np.float32)
        voxels[k] = pixels
    assert voxels is not None
    return voxels


DICOM = ImageReader(
    "DICOM",
    (".dcm",),
    "A folder with one CT series in DICOM, or one DICOM file with several frames, packed or not.",
    "Series with missing slices, without positions, in several orientations or packed as HTJ2K are refused.",
    _open,
    takes_folder=True,
)

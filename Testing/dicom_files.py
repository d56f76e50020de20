"""A small CT in DICOM, and the objects that hold its masks, as programs write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from highdicom.seg import SegmentDescription
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from segae.data import Segmentation, Volume
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation

SHAPE = (8, 20, 24)
SPACING = (3.0, 2.0, 1.5)  # k, j, i
UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
OBLIQUE = (0.96, 0.28, 0.0, -0.28, 0.96, 0.0)
ORGAN = Code("123037004", "SCT", "Anatomical Structure")
LIVER, SPLEEN, KIDNEY = (
    Code("10200004", "SCT", "Liver"),
    Code("78961009", "SCT", "Spleen"),
    Code("64033007", "SCT", "Kidney"),
)
LEFT = Code("7771000", "SCT", "Left")


@dataclass(frozen=True)
class CT:
    """A series in `folder`; `images` without their pixels, from the lowest slice to the highest."""

    folder: Path
    images: list[Dataset] = field(repr=False)

    def uid(self, name: str) -> str:
        return str(self.images[0][name].value)


def write_ct(
    folder: Path,
    shape: tuple[int, int, int] = SHAPE,
    *,
    orientation: Sequence[float] = UPRIGHT,
    step: Sequence[float] | np.ndarray | None = None,
    start: Sequence[float] | np.ndarray = (-40.0, -60.0, 5.0),
    voxels: np.ndarray | None = None,
    **fields: Any,
) -> CT:
    """A CT of one file for each slice. `step`: from one slice to the next, None for upright on them; `start`:
    the first voxel (both LPS, mm); `fields` replace what is usual."""
    folder.mkdir(parents=True, exist_ok=True)
    uids = {name: generate_uid() for name in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")}
    normal = np.cross(orientation[:3], orientation[3:])
    way = normal * SPACING[0] if step is None else np.asarray(step, float)
    if voxels is None:
        voxels = np.random.default_rng(3).integers(-200, 300, shape).astype(np.int16)
    images = []
    for k, plane in enumerate(voxels):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        image = FileDataset(str(folder), {}, file_meta=meta, preamble=b"\0" * 128)
        usual: dict[str, Any] = {
            "SOPClassUID": CTImageStorage, "SOPInstanceUID": meta.MediaStorageSOPInstanceUID, **uids,
            "Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "PatientID": "p1",
            "PatientName": "A^B", "PatientBirthDate": "", "PatientSex": "", "StudyDate": "", "StudyTime": "",
            "StudyID": "1", "AccessionNumber": "", "ReferringPhysicianName": "", "Manufacturer": "maker",
            "SeriesNumber": 2, "InstanceNumber": k + 1, "Rows": plane.shape[0], "Columns": plane.shape[1],
            "PixelSpacing": [SPACING[1], SPACING[2]], "SliceThickness": SPACING[0],
            "ImageOrientationPatient": list(orientation),
            "ImagePositionPatient": [round(float(mm), 6) for mm in np.asarray(start) + k * way],
            "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16,
            "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1, "RescaleSlope": 1,
            "RescaleIntercept": 0,
        }  # fmt: skip
        for name, value in (usual | fields).items():
            setattr(image, name, value)
        image.PixelData = plane.astype("<i2").tobytes()
        image["PixelData"].VR = "OW"
        image.save_as(folder / f"IM{k:03d}", enforce_file_format=True)
        images.append(pydicom.dcmread(folder / f"IM{k:03d}", stop_before_pixels=True))
    return CT(folder, images)


def write_ct_of(folder: Path, volume: Volume) -> CT:
    """The voxels of a volume whose axes are at right angles, at their place, as a series."""
    to_lps, grid = np.diag([-1.0, -1.0, 1.0]), volume.grid
    return write_ct(
        folder, voxels=volume.voxels, orientation=(to_lps @ grid.directions[:, :2]).T.ravel().tolist(),
        step=to_lps @ grid.affine[:3, 2], start=to_lps @ grid.affine[:3, 3],
        PixelSpacing=grid.spacing[[1, 0]].tolist(),
    )  # fmt: skip


def described(
    number: int, label: str, kind: Code = LIVER, modifier: Code | None = None, category: Code = ORGAN
) -> SegmentDescription:
    """What a file says of a segment."""
    one = SegmentDescription(number, label, category, kind, "MANUAL")
    if modifier is not None:
        one.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [coded(modifier)]
    return one


def coded(code: Code) -> Dataset:
    """An item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = (
        code.value,
        code.scheme_designator,
        code.meaning,
    )
    return item


def write_seg(
    path: Path,
    ct: CT,
    masks: np.ndarray,
    segments: Sequence[SegmentDescription],
    kind: str = "BINARY",
    change: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path:
    """A SEG as highdicom writes it. `masks` as highdicom takes them: (slices, rows, columns) of labels, or
    with a last axis of segments. `change` sets elements afterwards."""
    seg = highdicom.seg.Segmentation(
        source_images=ct.images, pixel_array=masks, segmentation_type=kind, segment_descriptions=segments,
        series_instance_uid=generate_uid(), series_number=100, sop_instance_uid=generate_uid(),
        instance_number=1, manufacturer="maker", manufacturer_model_name="model", software_versions="1",
        device_serial_number="1", **options,
    )  # fmt: skip
    for name, value in (change or {}).items():
        setattr(seg, name, value)
    seg.save_as(path)
    return path


def blobs() -> np.ndarray:
    """Two masks (slices, rows, columns, masks) that overlap, neither in every slice."""
    masks = np.zeros((*SHAPE, 2), np.uint8)
    masks[1:4, 3:9, 4:13, 0] = 1
    masks[3:6, 6:15, 10:20, 1] = 1
    masks[5, 6, 10, 1] = 0
    return masks


def write_dcmqi(path: Path, ct: CT, masks: np.ndarray, segments: Sequence[Dataset], **fields: Any) -> Path:
    """A SEG with the structure that dcmqi gives it: frames segment by segment, those without voxels left out,
    each with its place, its content and the images that it was drawn on; bits packed across frames; the
    reference to the series; codes in the old scheme where `segments` have them."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.66.4")
    meta.MediaStorageSOPInstanceUID = generate_uid()
    seg = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    usual: dict[str, Any] = {
        "SOPClassUID": meta.MediaStorageSOPClassUID, "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "Modality": "SEG", "Manufacturer": "QIICR", "ImageType": ["DERIVED", "PRIMARY"],
        "StudyInstanceUID": ct.uid("StudyInstanceUID"), "SeriesInstanceUID": generate_uid(),
        "FrameOfReferenceUID": ct.uid("FrameOfReferenceUID"), "PatientID": "p1", "PatientName": "A^B",
        "SegmentationType": "BINARY", "ContentLabel": "SEGMENTATION", "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0,
        "PixelRepresentation": 0, "LossyImageCompression": "00", "Rows": masks.shape[1],
        "Columns": masks.shape[2], "SegmentSequence": list(segments),
    }  # fmt: skip
    organization = item(DimensionOrganizationUID=generate_uid())
    usual["DimensionOrganizationSequence"] = [organization]
    pointers = {0x0062000B: 0x0062000A, 0x00200032: 0x00209113}  # segment, then place
    usual["DimensionIndexSequence"] = [
        item(
            DimensionOrganizationUID=organization.DimensionOrganizationUID,
            DimensionIndexPointer=pointer, FunctionalGroupPointer=group,
        )
        for pointer, group in pointers.items()
    ]  # fmt: skip
    images = [
        item(ReferencedSOPClassUID=CTImageStorage, ReferencedSOPInstanceUID=one.SOPInstanceUID)
        for one in ct.images
    ]
    usual["ReferencedSeriesSequence"] = [
        item(SeriesInstanceUID=ct.uid("SeriesInstanceUID"), ReferencedInstanceSequence=images)
    ]
    usual["SharedFunctionalGroupsSequence"] = [
        item(
            PlaneOrientationSequence=[item(ImageOrientationPatient=ct.images[0].ImageOrientationPatient)],
            PixelMeasuresSequence=[
                item(SliceThickness=3, SpacingBetweenSlices=3, PixelSpacing=ct.images[0].PixelSpacing)
            ],
        )
    ]
    frames, planes = [], []
    for n in range(masks.shape[3]):
        for k in np.flatnonzero(masks[..., n].any(axis=(1, 2))).tolist():
            source = item(**{tag.keyword: tag.value for tag in images[k]})
            source.PurposeOfReferenceCodeSequence = [coded(Code("121322", "DCM", "Source image"))]
            frames.append(
                item(
                    DerivationImageSequence=[item(SourceImageSequence=[source])],
                    FrameContentSequence=[item(DimensionIndexValues=[n + 1, k + 1])],
                    PlanePositionSequence=[item(ImagePositionPatient=ct.images[k].ImagePositionPatient)],
                    SegmentIdentificationSequence=[item(ReferencedSegmentNumber=n + 1)],
                )
            )
            planes.append(masks[k, ..., n].ravel() != 0)
    usual["PerFrameFunctionalGroupsSequence"] = frames
    usual["NumberOfFrames"] = len(frames)
    for name, value in (usual | fields).items():
        setattr(seg, name, value)
    bits = np.packbits(np.concatenate(planes), bitorder="little").tobytes()
    seg.PixelData = bits + b"\0" * (len(bits) % 2)
    seg["PixelData"].VR = "OB"
    seg.save_as(path, enforce_file_format=True)
    return path


def item(**fields: Any) -> Dataset:
    """An item of a sequence."""
    made = Dataset()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@dataclass(frozen=True)
class Contour:
    """Points (n, 2: row, column) in slice `k` of the CT, which need not be a whole number."""

    k: float
    points: Any
    kind: str = "CLOSED_PLANAR"


def rectangle(top: float, left: float, bottom: float, right: float) -> np.ndarray:
    """A contour around the pixels from `top`, `left` to `bottom`, `right`, between their centres."""
    a, b, c, d = top - 0.5, left - 0.5, bottom + 0.5, right + 0.5
    return np.array([[a, b], [a, d], [c, d], [c, b]], float)


def write_rtstruct(path: Path, ct: CT, structures: Mapping[str, Sequence[Contour]], **fields: Any) -> Path:
    """A structure set with contours on the slices of `ct`, numbers rounded as planning systems do."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.481.3")
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    frame = ct.uid("FrameOfReferenceUID")
    images = [item(ReferencedSOPClassUID=CTImageStorage, ReferencedSOPInstanceUID=one.SOPInstanceUID)
              for one in ct.images]  # fmt: skip
    series = item(SeriesInstanceUID=ct.uid("SeriesInstanceUID"), ContourImageSequence=images)
    study = item(ReferencedSOPInstanceUID=ct.uid("StudyInstanceUID"), RTReferencedSeriesSequence=[series])
    usual: dict[str, Any] = {
        "SOPClassUID": meta.MediaStorageSOPClassUID, "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "Modality": "RTSTRUCT", "PatientID": "p1", "StudyInstanceUID": ct.uid("StudyInstanceUID"),
        "SeriesInstanceUID": generate_uid(), "StructureSetLabel": "set",
        "ReferencedFrameOfReferenceSequence": [
            item(FrameOfReferenceUID=frame, RTReferencedStudySequence=[study])
        ],
        "StructureSetROISequence": [
            item(ROINumber=n, ROIName=name, ReferencedFrameOfReferenceUID=frame, ROIGenerationAlgorithm="")
            for n, name in enumerate(structures, start=1)
        ],
        "ROIContourSequence": [
            item(ReferencedROINumber=n, ContourSequence=[_contour(one, ct) for one in contours])
            for n, contours in enumerate(structures.values(), start=1)
        ],
        "RTROIObservationsSequence": [
            item(ObservationNumber=n, ReferencedROINumber=n, RTROIInterpretedType="ORGAN", ROIInterpreter="")
            for n, _ in enumerate(structures, start=1)
        ],
    }  # fmt: skip
    for name, value in (usual | fields).items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def _contour(contour: Contour, ct: CT) -> Dataset:
    first, second = (np.array(ct.images[k].ImagePositionPatient, float) for k in (0, 1))
    rows, columns = np.split(np.array(ct.images[0].ImageOrientationPatient, float), 2)[::-1]
    spacing = np.array(ct.images[0].PixelSpacing, float)
    points = np.asarray(contour.points, float).reshape(-1, 2)
    place = first + contour.k * (second - first)
    lps = place + points[:, :1] * spacing[0] * rows + points[:, 1:] * spacing[1] * columns
    return item(
        ContourGeometricType=contour.kind, NumberOfContourPoints=len(points),
        ContourData=[f"{number:.3f}" for number in lps.ravel()],
    )  # fmt: skip


TWO = [described(1, "liver"), described(2, "the other", SPLEEN)]


def read(path: Path, ct: CT, **options: Any) -> Segmentation:
    """Masks as they are read for a CT."""
    return read_segmentation(path, ct=read_ct(ct.folder).place, **options)


def cut_short(path: Path, parts: Iterable[float]) -> Iterator[None]:
    """Leave nothing but the beginning of a file, a share of it at each step."""
    whole = path.read_bytes()
    for part in parts:
        path.write_bytes(whole[: int(len(whole) * part)])
        yield

"""Where a header puts its voxels: the format's rule, contradictions told in millimetres, nothing made up."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from segae.errors import InputError
from segae.io.ct import read_ct
from segae.io.readers import read_grid

VALUES = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
AFFINE = np.array([[-2.0, 0, 0, 50], [0, 2.0, 0, -60], [0, 0, 3.0, 70], [0, 0, 0, 1]])


def write(path: Path, sform: np.ndarray | None, qform: np.ndarray | None, **pixdim: float) -> Path:
    """A NIfTI file; keys of `pixdim` such as `x=-2.0` are put into the header as they are."""
    image = nibabel.Nifti1Image(VALUES, AFFINE)
    image.set_sform(sform, 0 if sform is None else 1)
    image.set_qform(qform, 0 if qform is None else 1)
    content = bytearray(image.to_bytes())
    for name, value in pixdim.items():
        at = 80 + 4 * "xyz".index(name)
        content[at : at + 4] = np.array([value], "<f4").tobytes()
    path.write_bytes(content)
    return path


def test_the_sform_is_taken_and_the_distance_to_the_qform_is_told(tmp_path: Path) -> None:
    moved = AFFINE.copy()
    moved[0, 3] += 18.7
    volume = read_ct(write(tmp_path / "ct.nii", AFFINE, moved))
    np.testing.assert_allclose(volume.grid.affine, AFFINE)
    (finding,) = volume.findings
    assert finding.code == "GEOMETRY_CONTRADICTS" and "up to 18.7 mm" in finding.message


@pytest.mark.parametrize("which", ["sform", "qform", "both"])
def test_one_form_or_two_equal_ones_give_no_finding(tmp_path: Path, which: str) -> None:
    sform, qform = (AFFINE if which in (name, "both") else None for name in ("sform", "qform"))
    volume = read_ct(write(tmp_path / "ct.nii", sform, qform))
    np.testing.assert_allclose(volume.grid.affine, AFFINE, atol=1e-4)
    assert volume.findings == ()


def test_a_negative_spacing_turns_nothing_and_is_told(tmp_path: Path) -> None:
    for forms in ((AFFINE, AFFINE), (AFFINE, None), (None, AFFINE)):
        volume = read_ct(write(tmp_path / "ct.nii", *forms, x=-2.0))
        np.testing.assert_allclose(volume.grid.affine, AFFINE, atol=1e-4)
        assert "pixdim is negative, -2 x 2 x 3 mm" in volume.findings[0].message
        assert "12.0 mm" in volume.findings[0].message  # 2 mm, 3 steps, there instead of here


def test_a_spacing_that_is_not_that_of_the_sform_is_told(tmp_path: Path) -> None:
    volume = read_ct(write(tmp_path / "ct.nii", AFFINE, None, z=5.0))
    np.testing.assert_allclose(volume.grid.affine, AFFINE)
    assert "pixdim gives 2 x 2 x 5 mm and the sform 2 x 2 x 3 mm" in volume.findings[0].message
    assert "10.0 mm" in volume.findings[0].message


def test_nifti_2_is_read(tmp_path: Path) -> None:
    for name in ("ct.nii", "ct.nii.gz"):
        nibabel.Nifti2Image(VALUES, AFFINE).to_filename(tmp_path / name)
        volume = read_ct(tmp_path / name)
        np.testing.assert_array_equal(volume.voxels, VALUES.T)
        np.testing.assert_allclose(volume.grid.affine, AFFINE)


def test_units_other_than_millimetres_are_converted(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES, np.diag([1e-3, 1e-3, 2e-3, 1.0]))
    image.header.set_xyzt_units("meter")
    image.to_filename(tmp_path / "ct.nii")
    np.testing.assert_allclose(read_ct(tmp_path / "ct.nii").grid.spacing, [1, 1, 2], rtol=1e-6)


@settings(max_examples=30)
@given(
    st.sampled_from(["ct.nrrd", "ct.nhdr", "ct.mha", "ct.mhd", "ct.nii.gz"]),
    st.tuples(*[st.floats(-3, 3)] * 3),
    st.tuples(*[st.floats(0.3, 5)] * 3),
    st.tuples(*[st.floats(-500, 500)] * 3),
)
def test_oblique_grids_are_those_that_simpleitk_wrote(
    tmp_path_factory, name, angles, spacing, origin
) -> None:
    turn = SimpleITK.Euler3DTransform((0, 0, 0), *angles)
    image = SimpleITK.GetImageFromArray(VALUES)
    image.SetDirection(turn.GetMatrix())
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    path = tmp_path_factory.mktemp("grid") / name
    SimpleITK.WriteImage(image, str(path))
    volume = read_ct(path)
    corner = np.array([5, 4, 3])
    expected = np.array(image.TransformIndexToPhysicalPoint(corner.tolist())) * [-1, -1, 1]
    np.testing.assert_allclose(volume.grid.world(corner), expected, atol=2e-3)
    np.testing.assert_array_equal(volume.voxels, VALUES)


NRRD = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 3 4\nencoding: raw\n%s\n" + bytes(24)
PLACED = [
    b"space: right-anterior-superior\n",
    b"space directions: (1,0,0) (0,1,0) (0,0,2)\n",
    b"space origin: (1,2,3)\n",
]


def test_a_nrrd_header_that_says_all_is_read_in_each_space(tmp_path: Path) -> None:
    path = tmp_path / "ct.nrrd"
    for space, signs in (
        ("right-anterior-superior", (1, 1)),
        ("LPS", (-1, -1)),
        ("left-anterior-superior", (-1, 1)),
    ):
        path.write_bytes(NRRD % b"".join([f"space: {space}\n".encode(), *PLACED[1:]]))
        expected = np.diag([signs[0], signs[1], 2, 1.0])
        expected[:3, 3] = [signs[0], 2 * signs[1], 3]
        np.testing.assert_allclose(read_grid(path).affine, expected)


@pytest.mark.parametrize("missing", range(3))
def test_what_a_nrrd_header_lacks_is_not_made_up(tmp_path: Path, missing: int) -> None:
    path = tmp_path / "ct.nrrd"
    path.write_bytes(NRRD % b"".join(line for n, line in enumerate(PLACED) if n != missing))
    with pytest.raises(InputError, match="does not say how its axes lie in the patient"):
        read_ct(path)


@pytest.mark.parametrize("missing", ["TransformMatrix", "Offset", "ElementSpacing"])
def test_what_a_metaimage_header_lacks_is_not_made_up(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "ct.mha"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(VALUES), str(path))
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(line for line in lines if not line.startswith(missing.encode())))
    with pytest.raises(InputError, match="does not say how its axes lie in the patient"):
        read_ct(path)


def test_voxels_in_several_files_are_read(tmp_path: Path) -> None:
    for k, plane in enumerate(VALUES):
        (tmp_path / f"slice{k + 1:02d}.raw").write_bytes(plane.tobytes())
    names = "\n".join(f"slice{k + 1:02d}.raw" for k in range(4))
    nrrd = b"NRRD0004\ntype: int16\nendian: little\ndimension: 3\nsizes: 6 5 4\nencoding: raw\n" + b"".join(
        PLACED
    )
    mhd = (
        "ObjectType = Image\nNDims = 3\nDimSize = 6 5 4\nElementType = MET_SHORT\nElementSpacing = 1 1 2\n"
        "Offset = 0 0 0\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n"
    )
    (tmp_path / "list.nhdr").write_bytes(nrrd + f"data file: LIST\n{names}\n".encode())
    (tmp_path / "pattern.nhdr").write_bytes(nrrd + b"data file: slice%02d.raw 1 4 1\n")
    (tmp_path / "list.mhd").write_text(f"{mhd}ElementDataFile = LIST\n{names}\n")
    (tmp_path / "pattern.mhd").write_text(f"{mhd}ElementDataFile = slice%02d.raw 1 4 1\n")
    for name in ("list.nhdr", "pattern.nhdr", "list.mhd", "pattern.mhd"):
        np.testing.assert_array_equal(read_ct(tmp_path / name).voxels, VALUES)
    (tmp_path / "slice03.raw").unlink()
    with pytest.raises(InputError, match=r"slice03\.raw"):
        read_ct(tmp_path / "list.mhd")

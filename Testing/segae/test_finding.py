"""A finding names the masks that it is about, and is read from files of today and of version 0.1."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from segae.finding import Finding


@pytest.mark.parametrize("segments", [(), ("liver",), ("kidney left", "kidney right")])
def test_a_finding_comes_back_from_its_dictionary(segments: tuple[str, ...]) -> None:
    finding = Finding("WRONG_SIDE", "warning", "See whether they are swapped.", segments, "masks.nii.gz")
    stored = asdict(finding)
    assert Finding.from_dict({**stored, "segments": list(stored["segments"])}) == finding  # as JSON has it


@pytest.mark.parametrize(("segment", "segments"), [(None, ()), ("liver", ("liver",))])
def test_a_finding_of_version_0_1_has_one_segment_or_none(
    segment: str | None, segments: tuple[str, ...]
) -> None:
    old = {"code": "METAL", "severity": "warning", "message": "Look.", "segment": segment, "source": None}
    assert Finding.from_dict(old) == Finding("METAL", "warning", "Look.", segments)


@pytest.mark.parametrize("change", [{"segments": None}, {"colour": "red"}])
def test_a_dictionary_that_is_no_finding_is_refused(change: dict[str, object]) -> None:
    stored = {**asdict(Finding("METAL", "warning", "Look.")), **change}
    with pytest.raises(TypeError):
        Finding.from_dict(stored)

"""A small CT in DICOM, for tests of masks that belong to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from dicom_files import CT, write_ct


@pytest.fixture
def ct(tmp_path: Path) -> CT:
    return write_ct(tmp_path / "ct")

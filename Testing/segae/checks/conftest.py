"""The sample's masks, changed and renamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from segae.checks.preflight import check_rules
from segae.data import Segment, Segmentation
from segae.finding import Finding
from segae.labels.table import offered_structures

BY_NAME = {structure.name: structure for structure in offered_structures()}


@pytest.fixture(scope="session")
def masks(sample_segmentation: Segmentation) -> Mapping[str, np.ndarray]:
    """Whole masks by the name of their structure; k towards the head, i towards the patient's right."""
    return {str(s.structure): s.full_mask() for s in sample_segmentation.segments if not s.is_empty}


@pytest.fixture(scope="session")
def rules_of(sample_segmentation: Segmentation) -> Callable[[Mapping[str, np.ndarray]], list[Finding]]:
    """Masks by the name of their structure -> what the rules say of them."""
    grid = sample_segmentation.segments[0].grid

    def check(masks: Mapping[str, np.ndarray]) -> list[Finding]:
        segments = (Segment.from_mask(name, BY_NAME[name], mask, grid) for name, mask in masks.items())
        return list(check_rules(Segmentation(tuple(segments))))

    return check

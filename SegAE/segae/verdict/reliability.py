"""When a score is not to be believed, whatever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segae.preflight.findings import Finding

# Code of a finding -> what it means for the score. One without a segment holds for every mask of the case.
UNRELIABLE: Mapping[str, str] = {
    "NAME_NOT_TRAINED": "The model has learned from no mask of this name.",
    "NAME_NOT_IN_MODEL": "The model does not know this name.",
    "UNLIKE_TRAINING": "The picture is unlike those that the model has learned from.",
    "HU_RANGE": "The CT's values are unusual.",
    "OBLIQUE": "The slices lie oblique in the patient.",
    "METAL": "Metal near the mask disturbs the picture.",
    "TINY_MASK": "The mask has too few voxels for a score.",
    "OUTSIDE_FOV": "The mask lies outside the scanned field.",
}


def doubts(findings: Sequence[Finding]) -> Mapping[str | None, tuple[str, ...]]:
    """Why scores are not reliable, by the name of the segment; None holds what concerns all."""
    reasons: dict[str | None, dict[str, None]] = {}
    for finding in findings:
        if finding.code in UNRELIABLE:
            reasons.setdefault(finding.segment, {})[UNRELIABLE[finding.code]] = None
    return {segment: tuple(sentences) for segment, sentences in reasons.items()}

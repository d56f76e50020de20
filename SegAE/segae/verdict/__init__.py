"""From slices to organs: one verdict for each mask of a report."""

from segae.verdict.judge import judge, worst_verdicts_first
from segae.verdict.organ_scores import with_organ_scores
from segae.verdict.verdict import OrganVerdict, Verdict
from segae.verdict.volume import volume_dice

__all__ = [
    "OrganVerdict",
    "Verdict",
    "judge",
    "volume_dice",
    "with_organ_scores",
    "worst_verdicts_first",
]

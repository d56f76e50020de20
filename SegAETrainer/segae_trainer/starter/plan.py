"""What the starter model is trained from, how, and where everything lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from segae.models.dense import DEFAULT_INPUT
from segae.models.registry import new_spec
from segae.models.spec import ModelSpec
from segae_trainer.pseudo_labels.small_unet import SegmenterPlan
from segae_trainer.starter.cohort import Cohort, Member
from segae_trainer.starter.rendering import Rendering
from segae_trainer.starter.training import Recipe

SPEC = new_spec(
    name="segae-starter",
    architecture="segae-dense",
    backbone="base",
    text_dim=384,
    input=DEFAULT_INPUT,
    licence="Apache-2.0",
    description="Starter model: trained from three patients; see its card for what it can and cannot do.",
)
FINAL = "final"


@dataclass(frozen=True)
class Plan:
    """`recipe` is the final model's; a fold takes `fold_share` of its steps. `fine_repeats`: versions of each
    slice of cases with small pixels, which have many; `repeats`: of the others; `coarse_repeats`: on larger
    pixels. `network_share`: share of the networks' masks that become pairs. `published_steps`: of the
    published architecture, which the model is compared with."""

    cohort: Cohort
    data: Path
    work: Path
    spec: ModelSpec = SPEC
    recipe: Recipe = field(default_factory=Recipe)
    fold_share: float = 0.5
    segmenter: SegmenterPlan = field(default_factory=SegmenterPlan)
    fine_repeats: int = 3
    repeats: int = 5
    coarse_repeats: int = 3
    network_share: float = 0.5
    published_steps: int = 400
    workers: int = 1

    @property
    def trainings(self) -> tuple[str, ...]:
        """Names of all trainings: a fold for each patient, then the final one."""
        return (*self.folds, FINAL)

    @property
    def folds(self) -> tuple[str, ...]:
        """Names of the trainings that keep a patient back."""
        return tuple(f"fold-{patient}" for patient in self.cohort.fold_patients)

    def taught(self, training: str) -> tuple[Member, ...]:
        """The cases that a training learns from."""
        return self.cohort.training(kept_back(training))

    def tested(self, training: str) -> tuple[Member, ...]:
        """The cases of the patient that a fold keeps back; none for the final training."""
        patient = kept_back(training)
        return () if patient is None else self.cohort.of_patient(patient)

    def rendering(self, member: Member) -> Rendering:
        """How a case becomes pairs."""
        return Rendering(self.fine_repeats if member.coarse else self.repeats)

    def pool(self, name: str) -> Path:
        """Folder of a pool."""
        return self.work / "pools" / name

    def masks(self, training: str, case: str) -> Path:
        """What the small networks of a training made of a case."""
        return self.work / "masks" / training / f"{case}.npz"

    def folder(self, training: str) -> Path:
        """Where a training keeps its state and its results."""
        return self.work / training


def kept_back(training: str) -> str | None:
    """The patient that a training must not see."""
    return None if training == FINAL else training.removeprefix("fold-")

"""Everything that an epoch needs, uncompressed on the disk: CTs, masks, truths and the Dice between them."""

from segae_trainer.training_set.build import build_training_set
from segae_trainer.training_set.layout import KINDS, PAIR
from segae_trainer.training_set.sampling import PUBLISHED, WHOLE, Sampling
from segae_trainer.training_set.store import SliceExample, StoredScan, TrainingSet

__all__ = [
    "KINDS",
    "PAIR",
    "PUBLISHED",
    "WHOLE",
    "Sampling",
    "SliceExample",
    "StoredScan",
    "TrainingSet",
    "build_training_set",
]

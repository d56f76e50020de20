"""A model whose raw scores are no Dice is refused, and not clipped to a perfect one."""

from __future__ import annotations

from pathlib import Path

import pytest

from segae.errors import ModelError
from segae.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.baselines import against_mask_features
from segae_trainer.evaluate.calibration import calibrate
from segae_trainer.evaluate.run import EvaluationOptions, evaluate_models

SAID = r'Model "tiny" is broken or hardly trained: \d+ of \d+ raw scores lie outside -0\.25 to 1\.25; .*\.$'


@pytest.fixture(scope="module")
def broken(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw scores in the hundreds, as after a training of four steps."""
    found = load_checkpoint(model)
    weights = dict(found.weights)
    last = [name for name in weights if name.endswith("bias")][-1]
    weights[last] = weights[last] + 300
    path = tmp_path_factory.mktemp("broken") / "broken.safetensors"
    save_checkpoint(Checkpoint(found.spec, weights, found.text_vectors), path)
    return path


@pytest.mark.parametrize("suite", ["network", "synthetic"])
def test_evaluate_refuses_it_in_suites_of_volumes_and_of_slices(
    training_set: TrainingSet, broken: Path, tmp_path: Path, suite: str
) -> None:
    options = EvaluationOptions((suite,), baselines=(), resamples=0, device="cpu")
    with pytest.raises(ModelError, match=SAID):
        evaluate_models(training_set, [broken], tmp_path / "page", options)
    assert not (tmp_path / "page").exists()


def test_calibrate_refuses_it_so_that_export_has_nothing_to_write(
    training_set: TrainingSet, broken: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=SAID):
        calibrate(broken, training_set, tmp_path / "calibration.json", split="test", device="cpu")
    assert not (tmp_path / "calibration.json").exists()


def test_a_training_that_made_it_says_so_at_its_end(training_set: TrainingSet, broken: Path) -> None:
    text = against_mask_features(broken, training_set, "cpu", "test")
    assert text.startswith('WARNING: Model "tiny" is broken or hardly trained: ')

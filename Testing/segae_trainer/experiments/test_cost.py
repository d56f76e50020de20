from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segae.errors import InputError
from segae_trainer.experiments import cost as module
from segae_trainer.experiments.claims import cost_claims
from segae_trainer.experiments.cost import METHODS, CostOptions, measure_cost
from segae_trainer.experiments.page.write import write_page
from segae_trainer.experiments.setting import Options

FEW = CostOptions(cases=1, members=2)


@pytest.fixture(scope="module")
def measured(patients: Path, tiny: Callable[..., Options], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an experiment that was carried out."""
    out = tmp_path_factory.mktemp("cost")
    measure_cost(patients, out, tiny(), FEW)
    return out


def test_every_method_judges_the_same_masks_and_has_a_cost(measured: Path):
    table = pd.read_csv(measured / "cost.csv")
    assert list(table["method"]) == list(METHODS)
    assert table["scan"].nunique() == 1
    assert table["masks"].nunique() == 1 and table["masks"].iloc[0] >= 1
    assert (table[["wall_s", "cpu_s", "disk_bytes"]] > 0).all(axis=None)
    assert (table["peak_mb"] >= table["peak_mb_loaded"]).all()
    assert table["peak_mb"].nunique() == len(METHODS)  # and not that of the process that started them


def test_passes_of_dropout_and_members_keep_a_map_of_probabilities_each(measured: Path):
    table = pd.read_csv(measured / "cost.csv").set_index("method")
    (case,) = (measured / "cost" / "entropy").iterdir()
    kept = np.load(case / "0.npy")
    assert kept.dtype == np.float16 and kept.shape[2:] == (32, 32)
    assert np.allclose(kept.sum(axis=1), 1, atol=5e-3)
    for name in ("mc-dropout", "ensemble"):
        assert len(list((measured / "cost" / name / case.name).glob("*.npy"))) == 2
    first, second = (np.load(measured / "cost" / "mc-dropout" / case.name / f"{n}.npy") for n in (0, 1))
    assert (first != second).any()
    assert table.loc["segae", "disk_bytes"] < 100 < kept.nbytes < table.loc["entropy", "disk_bytes"]


def test_a_run_that_was_killed_goes_on_and_one_that_is_done_measures_nothing_again(
    measured: Path, patients: Path, tiny: Callable[..., Options], monkeypatch: pytest.MonkeyPatch
):
    before = pd.read_csv(measured / "cost.csv").set_index("method")
    (measured / "cost" / "entropy.csv").unlink()  # as if killed before it was written
    started = []

    class Job(module.CallJob):
        def __init__(self, function, arguments, *rest, **more):
            started.append(arguments["method"])
            super().__init__(function, arguments, *rest, **more)

    monkeypatch.setattr(module, "CallJob", Job)
    after = measure_cost(patients, measured, tiny(), FEW).set_index("method")
    assert started == ["entropy"]
    assert after.drop("entropy").equals(before.drop("entropy"))


def test_the_page_has_the_ratios_and_a_sentence_for_each_claim(measured: Path):
    page, sentences = write_page(measured)
    text = page.read_text(encoding="utf-8")
    assert len(sentences) == 3 and all("than MC dropout: " in one for one in sentences)
    for method in METHODS:
        assert f'<th scope="row">{method}</th>' in text
    assert "20,640" in text or "2.06e+04" in text


def test_a_claim_holds_when_the_ratio_is_at_least_the_published_one():
    def row(method: str, wall: float, peak: float, disk: float) -> dict[str, object]:
        return {"method": method, "wall_s": wall, "peak_mb": peak, "disk_bytes": disk}

    time, memory, disk = cost_claims(
        pd.DataFrame([row("mc-dropout", 7, 100, 1e9), row("segae", 1, 100, 1e4)])
    )
    assert (time.verdict, memory.verdict, disk.verdict) == ("holds", "does not hold", "holds")


def test_too_few_unlabelled_patients_are_refused(
    patients: Path, tiny: Callable[..., Options], tmp_path: Path
):
    with pytest.raises(InputError, match=r"Masks of 5 unlabelled patients .* and 1 are there; ask for fewer"):
        measure_cost(patients, tmp_path / "out", tiny(), CostOptions(cases=5))

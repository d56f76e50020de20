"""What holds for every scoring job, in a child process or in this one."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flat_rows import slices

import segae
from segae.data import Segment, Segmentation, Volume
from segae.jobs.events import LAST, Cancelled, Event, Failed, Finished, Progress, Scores
from segae.jobs.scoring_job import ScoringJob
from segae.jobs.settings import JobSettings
from segae.results.types import CaseReport
from segae.scoring.options import ScoringOptions

Follow = Callable[..., list[Event]]


def report_of(events: list[Event]) -> CaseReport:
    last = events[-1]
    assert isinstance(last, Finished), last
    return last.report


def failure_of(events: list[Event]) -> Failed:
    last = events[-1]
    assert isinstance(last, Failed), last
    return last


def test_scores_are_those_of_segae_score(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, model: Path, follow: Follow
) -> None:
    job.start(ct, masks, settings)
    report = report_of(follow(job))
    expected = segae.score(ct, masks, model=model, device="cpu", batch_size=8, case="s0001")
    assert len(slices(expected)) > 40
    assert replace(report, timings={}) == replace(expected, timings={})
    assert report.timings.keys() == expected.timings.keys()


def test_scores_and_progress_come_while_it_works(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, follow: Follow
) -> None:
    job.start(ct, masks, settings)
    events = follow(job)
    batches = [event.slices for event in events if isinstance(event, Scores)]
    report = report_of(events)
    for place, segment in enumerate(report.segments):
        assert sum((batch.get(place, ()) for batch in batches), ()) == segment.slices
    lengths = [sum(map(len, batch.values())) for batch in batches]
    assert lengths[:-1] == [8] * (len(batches) - 1)
    steps = [event for event in events if isinstance(event, Progress)]
    done = [step.done for step in steps if step.stage == "scoring"]
    assert done == list(np.cumsum(lengths))
    assert steps[-1].done == steps[-1].total == len(slices(report))
    assert [step.stage for step in steps if step.stage not in ("starting", "scoring")] == [
        "loading",
        "checking",
    ]
    assert [event for event in events if isinstance(event, LAST)] == [events[-1]]
    assert not job.running and job.poll() == []


def test_only_the_slices_asked_for_are_scored(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, follow: Follow
) -> None:
    job.start(ct, masks, settings)
    everything = {(row.segment, row.slice): row for row in slices(report_of(follow(job)))}
    spleen = sorted(index for name, index in everything if name == "spleen")
    asked = {"spleen": [spleen[3], spleen[-1], 9999], "aorta": [2]}
    job.start(ct, masks, replace(settings, options=ScoringOptions(slices=10, only=asked)))
    again = report_of(follow(job))
    assert [(row.segment, row.slice) for row in slices(again)] == [
        ("aorta", 2), ("spleen", spleen[3]), ("spleen", spleen[-1])
    ]  # fmt: skip
    for row in slices(again):
        before = everything[row.segment, row.slice]
        assert row.raw_score == pytest.approx(before.raw_score, abs=1e-5)
        assert replace(row, raw_score=0.0, predicted_dice=0.0) == replace(
            before, raw_score=0.0, predicted_dice=0.0
        )
    assert again.options["only"] == {"spleen": asked["spleen"], "aorta": [2]}


def test_an_edited_mask_is_scored_as_edited(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, follow: Follow
) -> None:
    aorta = masks.segments[0]
    mask = aorta.full_mask()
    mask[5, :, 40:] = False
    mask[5, 10:40, 10:60] = True
    edited = Segment.from_mask(aorta.name, aorta.structure, mask, aorta.grid)
    only = ScoringOptions(only={aorta.name: [5]})
    job.start(ct, Segmentation((aorta,)), replace(settings, options=only))
    (before,) = slices(report_of(follow(job)))
    job.start(ct, Segmentation((edited,)), replace(settings, options=only))
    (after,) = slices(report_of(follow(job)))
    assert after.area_mm2 > before.area_mm2 and after.raw_score != before.raw_score


def test_cancel_ends_the_job_and_keeps_what_came(
    job: ScoringJob, ct: Volume, long_masks: Segmentation, settings: JobSettings, follow: Follow
) -> None:
    job.start(ct, long_masks, settings)
    follow(job, lambda event: isinstance(event, Scores))
    job.cancel()
    events = job.poll()
    assert events[-1] == Cancelled()
    while job.running:
        assert job.poll() == []
    job.cancel()
    assert job.poll() == []


def test_a_job_may_follow_a_cancelled_one(
    job: ScoringJob,
    ct: Volume,
    long_masks: Segmentation,
    masks: Segmentation,
    settings: JobSettings,
    follow: Follow,
) -> None:
    job.start(ct, long_masks, settings)
    job.cancel()
    assert job.poll()[-1] == Cancelled()
    job.start(ct, masks, settings)
    assert {row.segment for row in slices(report_of(follow(job)))} == {"aorta", "pancreas", "spleen"}


def test_a_second_job_waits_for_the_first(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings
) -> None:
    job.start(ct, masks, settings)
    with pytest.raises(RuntimeError, match="still running"):
        job.start(ct, masks, settings)


def test_bad_input_gives_the_preflights_sentence(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, follow: Follow
) -> None:
    job.start(replace(ct, voxels=np.zeros_like(ct.voxels)), masks, settings)
    failed = failure_of(follow(job))
    assert failed.kind == "input" and "everywhere" in failed.sentence
    job.start(ct, masks, settings)
    assert slices(report_of(follow(job)))


def test_a_model_that_is_not_there_is_an_input_error(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, follow: Follow
) -> None:
    job.start(ct, masks, replace(settings, model="no such model"))
    failed = failure_of(follow(job))
    assert failed.kind == "input" and "no such model" in failed.sentence


def test_a_damaged_model_file_is_a_model_error(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, model: Path, tmp_path: Path,
    follow: Follow,
) -> None:  # fmt: skip
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(model.read_bytes()[:5000])
    job.start(ct, masks, replace(settings, model=str(damaged)))
    failed = failure_of(follow(job))
    assert failed.kind == "model" and "damaged.safetensors" in failed.sentence


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["hostile.pth", "hostile.safetensors"])
def test_a_hostile_model_file_is_refused_and_runs_nothing(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, tmp_path: Path, name: str,
    follow: Follow,
) -> None:  # fmt: skip
    hostile = tmp_path / name
    hostile.write_bytes(pickle.dumps(Hostile(tmp_path / "owned")))
    job.start(ct, masks, replace(settings, model=str(hostile)))
    assert failure_of(follow(job)).kind == "model"
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("raw", [float("nan"), 300.0], ids=["no numbers", "hundreds"])
def test_a_model_whose_raw_scores_are_no_dice_shows_no_score(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, model: Path, tmp_path: Path,
    follow: Follow, raw: float,
) -> None:  # fmt: skip
    from segae.models.checkpoint import load_checkpoint, save_checkpoint

    checkpoint = load_checkpoint(model)
    checkpoint.weights["fc2.bias"].fill_(raw)
    save_checkpoint(checkpoint, tmp_path / "broken.safetensors")
    job.start(ct, masks, replace(settings, model=str(tmp_path / "broken.safetensors")))
    events = follow(job)
    failed = failure_of(events)
    assert failed.kind == "model" and "is broken or hardly trained" in failed.sentence
    assert not any(isinstance(event, Scores) for event in events)


def test_a_model_file_that_was_replaced_is_loaded_again(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, model: Path, tmp_path: Path,
    follow: Follow,
) -> None:  # fmt: skip
    from segae.models.checkpoint import load_checkpoint, save_checkpoint

    path = tmp_path / "changing.safetensors"
    path.write_bytes(model.read_bytes())
    some = replace(settings, model=str(path), options=ScoringOptions(slices=2))
    job.start(ct, masks, some)
    before = report_of(follow(job))
    checkpoint = load_checkpoint(path)
    checkpoint.weights["fc2.bias"] += 1
    save_checkpoint(checkpoint, path)
    job.start(ct, masks, some)
    after = report_of(follow(job))
    assert after.model.sha256 != before.model.sha256
    np.testing.assert_allclose(
        [row.raw_score - 1 for row in slices(after)], [row.raw_score for row in slices(before)], atol=1e-5
    )

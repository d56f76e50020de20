"""Errors of a mask and names of all masks, from a child process and from this one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.data import Segmentation, Volume
from segae.errors import Cancelled as CancelledError
from segae.geometry.box import Box
from segae.jobs.events import Cancelled, Event, Failed, Located, NamesChecked, Progress, decode, encode
from segae.jobs.scoring_job import ScoringJob
from segae.jobs.settings import JobSettings
from segae.jobs.tasks import steps_of
from segae.progress import CancelToken, Watch
from segae.scoring.error_map import locate_errors
from segae.scoring.name_check import check_names
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer

Follow = Callable[..., list[Event]]


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dense architecture with random weights."""
    import torch

    from segae.inputs.spec import CropRule, InputSpec
    from segae.models.checkpoint import Checkpoint, save_checkpoint
    from segae.models.registry import build_network, new_spec

    torch.manual_seed(5)
    crop = CropRule("context", scale=1.35, millimetres=70.0)
    shown = InputSpec(size=32, crop=crop, neighbours_mm=(-6.0, 6.0), position_features=True)
    spec = new_spec("tiny", "segae-dense", "small", 16, input=shown)
    path = tmp_path_factory.mktemp("model") / "dense.safetensors"
    save_checkpoint(Checkpoint(spec, build_network(spec).state_dict(), torch.randn(145, 16)), path)
    return path


@pytest.fixture
def spleen(masks: Segmentation) -> Segmentation:
    return Segmentation(tuple(s for s in masks.segments if s.name == "spleen"), "masks")


def last(events: list[Event], kind: type) -> Event:
    assert isinstance(events[-1], kind), events[-1]
    return events[-1]


def test_the_errors_of_a_mask_are_those_that_the_model_locates(
    job: ScoringJob, ct: Volume, spleen: Segmentation, settings: JobSettings, dense: Path, follow: Follow
) -> None:
    job.start(ct, spleen, replace(settings, task="locate", model=str(dense)))
    found = last(follow(job), Located)
    assert isinstance(found, Located)
    scorer = Scorer(dense, device="cpu")
    expected = locate_errors(scorer, scorer.orient(ct), spleen.segments[0])
    assert not (expected.missing.is_empty and expected.extra.is_empty)
    for one, other in ((found.missing, expected.missing), (found.extra, expected.extra)):
        assert (one.name, one.structure, one.box) == (other.name, other.structure, other.box)
        assert np.array_equal(one.bits, other.bits)
        assert one.grid.size == ct.grid.size and np.array_equal(one.grid.affine, ct.grid.affine)


def test_a_model_without_error_map_says_so(
    job: ScoringJob, ct: Volume, spleen: Segmentation, settings: JobSettings, follow: Follow
) -> None:
    job.start(ct, spleen, replace(settings, task="locate"))
    failed = last(follow(job), Failed)
    assert isinstance(failed, Failed) and failed.kind == "model"
    assert "not where it is wrong" in failed.sentence


def test_errors_are_shown_of_one_mask_at_a_time(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, dense: Path, follow: Follow
) -> None:
    job.start(ct, masks, replace(settings, task="locate", model=str(dense)))
    failed = last(follow(job), Failed)
    assert isinstance(failed, Failed) and failed.kind == "input"
    assert "one mask" in failed.sentence


def test_what_an_empty_mask_misses_is_looked_for(
    job: ScoringJob, ct: Volume, spleen: Segmentation, settings: JobSettings, dense: Path, follow: Follow
) -> None:
    nothing = replace(spleen.segments[0], box=Box.empty(), bits=spleen.segments[0].bits[:0, :0, :0])
    job.start(ct, Segmentation((nothing,), "masks"), replace(settings, task="locate", model=str(dense)))
    found = last(follow(job), Located)
    assert isinstance(found, Located)
    assert found.extra.is_empty


def test_names_are_checked_as_by_the_library(
    job: ScoringJob, ct: Volume, masks: Segmentation, settings: JobSettings, dense: Path, follow: Follow
) -> None:
    job.start(ct, masks, replace(settings, task="check names", model=str(dense)))
    events = follow(job)
    found = last(events, NamesChecked)
    scorer = Scorer(dense, device="cpu")
    checked = scorer.check(ct, masks, ScoringOptions())
    expected = check_names(scorer, ct, checked.segmentation.segments, checked.findings)
    assert isinstance(found, NamesChecked) and [c.segment for c in found.checks] == [
        c.segment for c in expected
    ]
    for one, other in zip(found.checks, expected, strict=True):
        assert one.looks_like == other.looks_like
        assert one.score_named == pytest.approx(other.score_named, abs=1e-5)
    steps = [e for e in events if isinstance(e, Progress) and e.stage == "checking names"]
    assert (steps[-1].done, steps[-1].total) == (3, 3)


def test_a_check_of_names_can_be_cancelled(
    job: ScoringJob, ct: Volume, long_masks: Segmentation, settings: JobSettings, dense: Path, follow: Follow
) -> None:
    job.start(ct, long_masks, replace(settings, task="check names", model=str(dense)))
    follow(job, lambda event: isinstance(event, Progress) and event.stage == "checking names")
    job.cancel()
    assert job.poll()[-1] == Cancelled()


def test_the_masks_of_an_answer_come_back_as_they_were(spleen: Segmentation, masks: Segmentation) -> None:
    empty = next(s for s in masks.segments if s.is_empty)
    line = encode(4, Located(spleen.segments[0], empty))
    assert line.count(b"\n") == 1 and line.isascii()
    decoded = decode(line)
    assert decoded is not None and isinstance(decoded[1], Located) and decoded[0] == 4
    assert np.array_equal(decoded[1].missing.full_mask(), spleen.segments[0].full_mask())
    assert decoded[1].extra.is_empty
    assert decode(line.replace(b'"bits": "', b'"bits": "AAAA')) is None


def test_a_long_call_tells_its_steps_and_gives_its_outcome() -> None:
    def work(watch: Watch) -> str:
        watch.step("counting", 1, 2)
        watch.step("counting", 2, 2)
        return "done"

    steps, told = steps_of(work, CancelToken()), []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            assert end.value == "done"
            break
    assert [(step.stage, step.done, step.total) for step in told] == [("counting", 1, 2), ("counting", 2, 2)]


def test_what_a_long_call_raises_comes_out() -> None:
    def work(watch: Watch) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(steps_of(work, CancelToken()))


def test_a_long_call_that_nobody_waits_for_stops() -> None:
    stopped = []

    def work(watch: Watch) -> None:
        try:
            for n in range(10**9):
                watch.step("counting", n, 10**9)
                time.sleep(0.001)
        except CancelledError:
            stopped.append(True)
            raise

    steps = steps_of(work, CancelToken())
    next(steps)
    steps.close()
    assert stopped

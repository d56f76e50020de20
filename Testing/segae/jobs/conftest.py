"""Masks of the bundled case, a small network with random weights, and jobs that leave nothing behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from in_process_job import InProcessJob

from segae.data import Segmentation, Volume
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation
from segae.jobs.events import LAST, Event
from segae.jobs.scoring_job import ScoringJob, WorkerJob
from segae.jobs.settings import JobSettings

SAMPLE = Path(__file__).parents[3] / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"
ORGANS = ("aorta", "pancreas", "spleen", "urinary_bladder")  # the last one is empty here
PATIENCE = 240.0  # only a failure waits so long


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """For the children; two cores are enough for all tests then."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    yield
    if before is None:
        del os.environ["OMP_NUM_THREADS"]
    else:
        os.environ["OMP_NUM_THREADS"] = before


@pytest.fixture(scope="session")
def ct() -> Volume:
    return read_ct(SAMPLE / "ct.nii.gz")


@pytest.fixture(scope="session")
def masks() -> Segmentation:
    segments = [
        read_segmentation(SAMPLE / "segmentations" / f"{organ}.nii.gz").segments[0] for organ in ORGANS
    ]
    return Segmentation(tuple(segments), "masks")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published architecture on a ResNet-18, small pictures, random weights."""
    import torch

    from segae.inputs.spec import InputSpec
    from segae.models.checkpoint import Checkpoint, save_checkpoint
    from segae.models.registry import build_network, new_spec

    torch.manual_seed(3)
    spec = new_spec("tiny", "segae-published", "resnet18", 16, input=InputSpec(size=64))
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_checkpoint(Checkpoint(spec, build_network(spec).state_dict(), torch.randn(145, 16)), path)
    return path


@pytest.fixture
def settings(model: Path) -> JobSettings:
    return JobSettings(model=str(model), device="cpu", batch_size=8, case="s0001")


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where jobs keep their private folders."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def worker(temporary: Path) -> Iterator[WorkerJob]:
    """A job in a child of this Python; nothing may be left of it."""
    job = WorkerJob(folder=temporary)
    yield job
    job.close()
    assert list(temporary.iterdir()) == []


@pytest.fixture(scope="session", params=["worker", "in process"])
def warm_job(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScoringJob]:
    """A job that keeps its model from test to test, as a panel's does."""
    folder = tmp_path_factory.mktemp("temporary")
    job = WorkerJob(folder=folder) if request.param == "worker" else InProcessJob()
    yield job
    job.close()
    assert list(folder.iterdir()) == []


@pytest.fixture
def job(warm_job: ScoringJob) -> Iterator[ScoringJob]:
    """The warm job, free at the beginning and at the end."""
    yield warm_job
    warm_job.cancel()
    while warm_job.running:
        warm_job.poll()
        time.sleep(0.01)


def follow(
    job: ScoringJob, until: Callable[[Event], bool] = lambda event: isinstance(event, LAST)
) -> list[Event]:
    """Poll until an event is the one waited for, and hand back all of them."""
    events: list[Event] = []
    deadline = time.monotonic() + PATIENCE
    while not any(map(until, events)):
        assert job.running and time.monotonic() < deadline, f"nothing more comes after {events}"
        events += job.poll()
        time.sleep(0.01)
    return events


@pytest.fixture(name="follow")
def follow_fixture() -> Callable[..., list[Event]]:
    return follow


@pytest.fixture
def long_masks(masks: Segmentation) -> Segmentation:
    """The same masks many times over, for work that lasts some seconds."""
    copies = [replace(s, name=f"{s.name} {n}") for n in range(30) for s in masks.segments]
    return Segmentation(tuple(copies), "many masks")

"""Fixtures of all panel tests. They run in a process of their own:

QT_QPA_PLATFORM=offscreen VTK_DEFAULT_OPENGL_WINDOW=vtkOSOpenGLRenderWindow python -m pytest Testing/panel
"""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

TESTING = Path(__file__).resolve().parents[1]
SAMPLE = TESTING.parent / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"
MODULE = TESTING.parent / "SegAE" / "SegAE.py"
if str(TESTING) not in sys.path:
    sys.path.insert(0, str(TESTING))

import slicer_standin  # noqa: E402
from in_process_job import InProcessJob  # noqa: E402

from segae.errors import speak_to_command_line  # noqa: E402

if TYPE_CHECKING:
    from slicer_standin import Guard, TestBed


@pytest.fixture(scope="session")
def running_bed() -> "TestBed":
    """The process's test bed; a machine without OpenGL fails here."""
    return slicer_standin.start()


@pytest.fixture
def guard(running_bed: "TestBed") -> Iterator["Guard"]:
    """Fails the test for whatever Qt, VTK or Slicer swallowed; `guard.expecting(...)` allows an exception."""
    with slicer_standin.Guard() as watching:
        yield watching


@pytest.fixture
def bed(running_bed: "TestBed", guard: "Guard") -> Iterator["TestBed"]:
    """A fresh test bed: no scripted modules, empty scene and settings. Guarded."""
    yield running_bed
    running_bed.reset()
    speak_to_command_line()  # a panel that was there speaks of its fields


@pytest.fixture
def ct(bed: "TestBed") -> Any:
    """The bundled CT (122 x 101 x 30 voxels of 3 mm), shown in the slice views."""
    import slicer

    node = slicer.util.loadVolume(str(SAMPLE / "ct.nii.gz"))
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    return node


@pytest.fixture
def segmentation(ct: Any) -> Any:
    """The bundled label map as a segmentation, with the CT as its reference volume."""
    import slicer

    node = slicer.util.loadSegmentation(str(SAMPLE / "segmentation_multilabel.nii.gz"))
    node.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    return node


# The panel of SegAE -----------------------------------------------------------------------------------------

ORGANS = ("spleen", "kidney_left", "aorta", "vertebrae_L1", "gallbladder")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network with random weights whose scores of the sample are spread over 0..1."""
    import torch

    from segae import score
    from segae.inputs.spec import InputSpec
    from segae.models.checkpoint import Checkpoint, save_checkpoint
    from segae.models.registry import build_network, new_spec

    torch.manual_seed(3)
    spec = new_spec("tiny", "segae-published", "resnet18", 16, input=InputSpec(size=32))
    weights, vectors = build_network(spec).state_dict(), torch.randn(145, 16)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_checkpoint(Checkpoint(spec, weights, vectors), path)
    report = score(SAMPLE / "ct.nii.gz", SAMPLE / "segmentations", model=path, slices=5, device="cpu")
    raw = torch.tensor([row.slice.raw_score for row in report.rows()])
    scale = 0.25 / raw.std()
    weights["fc2.weight"] *= scale
    weights["fc2.bias"] = (weights["fc2.bias"] - raw.mean()) * scale + 0.65
    save_checkpoint(Checkpoint(spec, weights, vectors), path)
    return path


@pytest.fixture(scope="session")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network with random weights that says where the organ is."""
    import torch

    from segae.inputs.spec import CropRule, InputSpec
    from segae.models.checkpoint import Checkpoint, save_checkpoint
    from segae.models.registry import build_network, new_spec

    torch.manual_seed(5)
    crop = CropRule("context", scale=1.35, millimetres=70.0)
    shown = InputSpec(size=32, crop=crop, neighbours_mm=(-6.0, 6.0), position_features=True)
    spec = new_spec("tiny-dense", "segae-dense", "small", 16, input=shown)
    path = tmp_path_factory.mktemp("model") / "dense.safetensors"
    save_checkpoint(Checkpoint(spec, build_network(spec).state_dict(), torch.randn(145, 16)), path)
    return path


@pytest.fixture
def masks(ct: Any) -> Any:
    """The bundled segmentation with names, cut down to `ORGANS`, with the CT as its reference volume."""
    import slicer

    node = slicer.util.loadSegmentation(str(SAMPLE / "segmentation.seg.nrrd"))
    node.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    for segment_id in node.GetSegmentation().GetSegmentIDs():
        if segment_id not in ORGANS:
            node.GetSegmentation().RemoveSegment(segment_id)
    return node


@pytest.fixture
def in_child() -> bool:
    """Whether the panel scores in a child process; a test that needs one says so with a parameter."""
    return False


@pytest.fixture
def scoring_here(in_child: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a child, scores are there at once and a debugger reaches them."""
    if not in_child:
        monkeypatch.setattr("SegAELib.app.runs.WorkerJob", InProcessJob)


@pytest.fixture
def widget(bed: "TestBed", model: Path, scoring_here: None) -> Iterator[Any]:
    """The module's panel (SegAEWidget). Nothing may stay behind."""
    made = bed.load_module(MODULE)
    made.panel.parameters.model = str(model)
    made.panel.parameters.device = "cpu"
    yield made
    bed.unload_module("SegAE")
    assert bed.leftovers() == ()


@pytest.fixture
def panel(widget: Any) -> Any:
    """The panel before anything is loaded."""
    return widget.panel


@pytest.fixture
def loaded(masks: Any, panel: Any, bed: "TestBed") -> Any:
    """The panel with CT and masks chosen."""
    panel.parameters.segmentation = masks
    bed.process_events()
    assert panel.session is not None
    return panel


@pytest.fixture
def finish(bed: "TestBed") -> Callable[[Any], None]:
    """Waits until a panel has nothing to do any more."""

    def wait(panel: Any, seconds: float = 120.0) -> None:
        bed.wait_until(lambda: not panel.scoring.running and not panel.runs.busy, seconds)

    return wait


@pytest.fixture
def ranked(loaded: Any, finish: Callable[[Any], None]) -> Any:
    """The panel after a press on the button."""
    loaded.ui.rankButton.click()
    finish(loaded)
    assert loaded.messages.text == ""
    return loaded


# Results of a data set --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def data_set(tmp_path_factory: pytest.TempPathFactory, sample_dir: Path, dense: Path) -> tuple[Path, Path]:
    """Two cases of the sample, and their results of a model that says where an organ is."""
    from worklist_steps import score_data_set

    data, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("results")
    score_data_set(data, out, sample_dir, dense)
    return data, out


@pytest.fixture
def results(data_set: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the results that a test may write to."""
    return Path(shutil.copytree(data_set[1], tmp_path / "results"))


@pytest.fixture
def desk(widget: Any, dense: Path) -> Any:
    """The panel of a reviewer, whose worklist is empty still."""
    from worklist_steps import start

    return start(widget, dense)


@pytest.fixture
def opened(desk: Any, results: Path, bed: "TestBed") -> Any:
    """The panel with the results in its worklist."""
    from worklist_steps import open_folder

    open_folder(desk, results, bed)
    return desk

"""What Qt, VTK and Slicer swallow becomes a failure: guide section 10, slicer-core notes section 9."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false, reportMissingModuleSource=false

import threading

import pytest
from slicer_standin import Guard


def test_an_exception_in_a_slot_does_not_stop_the_caller_but_fails_the_guard(running_bed):
    import qt

    button = qt.QPushButton("x")
    button.connect("clicked()", lambda: 1 / 0)
    with pytest.raises(AssertionError, match="ZeroDivisionError"), Guard():
        button.click()


def test_an_exception_in_a_vtk_observer_fails_the_guard(running_bed):
    import slicer

    def bad(caller, event):
        raise KeyError("organ")

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")
    tag = node.AddObserver("ModifiedEvent", bad)
    with pytest.raises(AssertionError, match="KeyError: 'organ'"), Guard():
        node.Modified()
    node.RemoveObserver(tag)


def test_an_exception_in_a_timer_fails(running_bed):
    import qt

    timer = qt.QTimer()
    timer.setInterval(1)
    timer.timeout.connect(lambda: {}["x"])
    with pytest.raises(AssertionError, match="KeyError"), Guard():
        timer.start()
        running_bed.process_events(0.05)
        timer.stop()


def test_an_exception_in_a_single_shot_timer_fails_but_does_not_reach_the_event_loop(running_bed):
    import qt

    with pytest.raises(AssertionError, match="ZeroDivisionError"), Guard():
        qt.QTimer.singleShot(0, lambda: 1 / 0)
        running_bed.process_events(0.05)


def test_an_exception_in_a_thread_fails(running_bed):
    with pytest.raises(AssertionError, match="ZeroDivisionError"), Guard():
        worker = threading.Thread(target=lambda: 1 / 0)
        worker.start()
        worker.join()


def test_an_unfinished_painter_fails(running_bed):
    """Guide 17.3: an exception in paintEvent before end() poisons the window."""
    import qt

    with pytest.raises(AssertionError, match="Qt: QPaint"), Guard():
        pixmap = qt.QPixmap(8, 8)
        first = qt.QPainter()
        first.begin(pixmap)
        second = qt.QPainter()
        second.begin(pixmap)
        first.end()


def test_a_vtk_error_fails(running_bed):
    import slicer

    with pytest.raises(AssertionError, match="VTK: "), Guard():
        slicer.mrmlScene.CreateNodeByClass("vtkMRMLNoSuchNode")
        reader = slicer.vtkMRMLTableStorageNode()
        reader.SetFileName("/no/such/table.csv")
        reader.ReadData(slicer.vtkMRMLTableNode())


def test_an_expected_exception_passes_and_is_handed_over(running_bed):
    import qt

    button = qt.QPushButton("x")
    button.connect("clicked()", lambda: 1 / 0)
    with Guard() as guard:
        with guard.expecting(ZeroDivisionError) as caught:
            button.click()
        assert len(caught) == 1


def test_an_expected_exception_that_does_not_come_fails(running_bed):
    with pytest.raises(AssertionError, match="expected a swallowed KeyError"):  # noqa: SIM117
        with Guard() as guard, guard.expecting(KeyError):
            pass


def test_an_unexpected_kind_of_exception_fails(running_bed):
    import qt

    button = qt.QPushButton("x")
    button.connect("clicked()", lambda: 1 / 0)
    with pytest.raises(AssertionError, match="expected a swallowed KeyError"):  # noqa: SIM117
        with Guard() as guard, guard.expecting(KeyError):
            button.click()


def test_nothing_swallowed_passes_and_the_hooks_are_put_back(running_bed):
    import sys

    before = sys.excepthook
    with Guard() as guard:
        assert sys.excepthook is not before
    assert sys.excepthook is before and guard.failures == []

"""Signals by C++ signature: guide section 10, 16 and 17.4."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false, reportMissingModuleSource=false

import sys

import pytest


def test_the_signature_decides_which_arguments_arrive(bed):
    import qt

    got = []
    button = qt.QPushButton("x")
    button.checkable = True
    button.connect("clicked(bool)", got.append)
    button.connect("clicked()", lambda *arguments: got.append(arguments))
    button.click()
    assert got == [True, ()]


def test_a_receiver_gets_no_more_arguments_than_it_takes(bed):
    import qt

    got = []
    table = qt.QTableWidget(2, 2)
    table.connect("cellClicked(int,int)", lambda row: got.append(row))
    table.connect("cellClicked(int,int)", lambda: got.append("none"))
    table.cellClicked.emit(1, 0)
    assert got == [1, "none"]


def test_clicked_connect_calls_with_false(bed):
    import qt

    got = []
    button = qt.QPushButton("x")
    button.clicked.connect(lambda *arguments: got.append(arguments))
    button.click()
    assert got == [(False,)]


@pytest.mark.parametrize(
    ("make", "signature"),
    [
        ("QPushButton", "clciked()"),
        ("QPushButton", "clicked(int)"),
        ("QComboBox", "currentIndexChanged(QString)"),  # Qt 5 only
        ("qMRMLNodeComboBox", "currentNodeChanged(vtkMRMLVolumeNode*)"),
        ("qMRMLNodeComboBox", "currentNodeChanged(PyObject)"),
    ],
)
def test_an_unknown_signal_is_refused_and_the_known_ones_are_named(bed, make, signature):
    import qt
    import slicer

    widget = getattr(slicer, make)() if make.startswith("qMRML") else getattr(qt, make)()
    with pytest.raises(ValueError, match="has no signal"):
        widget.connect(signature, print)


def test_disconnect_needs_the_same_function(bed):
    import qt

    class Panel:
        count = 0

        def on_click(self):
            self.count += 1

    panel, button = Panel(), qt.QPushButton("x")
    button.connect("clicked()", panel.on_click)
    assert button.disconnect("clicked()", lambda: None) is False
    button.click()
    assert button.disconnect("clicked()", panel.on_click) is True
    button.click()
    assert panel.count == 1


def test_a_connection_keeps_its_receiver_alive(bed):
    import gc

    import qt

    got = []

    class Receiver:
        def hear(self):
            got.append(1)

    button = qt.QPushButton("x")
    button.connect("clicked()", Receiver().hear)
    gc.collect()
    button.click()
    assert got == [1]


def test_something_that_cannot_be_called_is_refused(bed):
    import qt

    with pytest.raises(TypeError, match="not callable"):
        qt.QPushButton().connect("clicked()", None)


def test_process_gives_bytes_exit_codes_and_error_numbers_as_ints(bed):
    """Guide 17.4."""
    import qt

    events = []
    process = qt.QProcess()
    process.connect("finished(int,QProcess::ExitStatus)", lambda code, status: events.append((code, status)))
    process.connect("errorOccurred(QProcess::ProcessError)", lambda error: events.append(error))
    process.start(sys.executable, ["-X", "utf8", "-c", "print('Gr\\u00fc\\u00dfe'); raise SystemExit(5)"])
    bed.wait_until(lambda: events)
    data = process.readAllStandardOutput().data()
    assert events == [(5, 0)] and isinstance(data, bytes) and data.decode("utf-8").strip() == "Grüße"


def test_a_killed_process_reports_a_crash_and_then_finishes(bed):
    import qt

    events = []
    process = qt.QProcess()
    process.connect("finished(int,QProcess::ExitStatus)", lambda code, status: events.append((code, status)))
    process.connect("errorOccurred(QProcess::ProcessError)", events.append)
    process.start(sys.executable, ["-c", "import time; time.sleep(60)"])
    process.waitForStarted()
    process.kill()
    bed.wait_until(lambda: len(events) == 2)
    assert events == [1, (9, 1)]


def test_a_program_that_does_not_exist_only_reports_an_error(bed):
    import qt

    events = []
    process = qt.QProcess()
    process.connect("finished(int,QProcess::ExitStatus)", lambda code, status: events.append((code, status)))
    process.connect("errorOccurred(QProcess::ProcessError)", events.append)
    process.start("/no/such/program", [])
    bed.process_events(0.1)
    assert events == [0]

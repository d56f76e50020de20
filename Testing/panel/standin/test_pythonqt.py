"""Attribute rules: guide section 10 and 16."""
# pyright: reportCallIssue=false
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false, reportMissingModuleSource=false

import pytest


def test_properties_are_attributes_and_calling_them_fails(bed):
    import qt

    button = qt.QPushButton("go")
    assert button.text == "go" and button.enabled is True
    button.text = "stop"
    button.checkable = True
    button.checked = True
    assert (button.text, button.checked) == ("stop", True)
    with pytest.raises(TypeError, match="not callable"):
        button.text()


def test_setters_and_getters_that_are_no_properties_stay_calls(bed):
    import qt

    box = qt.QComboBox()
    box.addItem("liver", 5)
    box.setCurrentIndex(0)
    assert box.itemData(0) == 5 and box.findData(5) == 0 and box.count == 1 and box.currentText == "liver"


def test_a_misspelt_attribute_cannot_be_set_or_read(bed):
    import ctk
    import qt
    import slicer

    for widget in (qt.QPushButton(), ctk.ctkSliderWidget(), slicer.qMRMLNodeComboBox(), slicer.app):
        with pytest.raises(AttributeError, match="enbled"):
            widget.enbled = True
        with pytest.raises(AttributeError, match="enbled"):
            _ = widget.enbled


def test_a_read_only_property_cannot_be_written(bed):
    import qt

    with pytest.raises(AttributeError, match="cannot be written"):
        qt.QWidget().width = 5


def test_python_subclasses_may_have_attributes_and_override_virtual_methods(bed):
    import qt

    class Strip(qt.QWidget):
        def __init__(self):
            qt.QWidget.__init__(self)
            self.scores = [1, 2]
            self.painted = []

        def sizeHint(self):  # noqa: N802
            return qt.QSize(77, 33)

        def paintEvent(self, event):  # noqa: N802
            self.painted.append((self.width, self.height))

    strip = Strip()
    strip.resize(50, 20)
    strip.grab()
    assert strip.scores == [1, 2] and strip.painted[0] == (50, 20)
    assert strip.sizeHint().width() == 77


def test_a_click_reaches_a_python_widget_at_its_position(bed):
    import qt

    class Strip(qt.QWidget):
        pressed = None

        def mousePressEvent(self, event):  # noqa: N802
            self.pressed = (event.pos().x(), event.pos().y())

    strip = Strip()
    strip.resize(50, 20)
    strip.show()
    bed.click(strip, 7, 3)
    assert strip.pressed == (7, 3)
    strip.close()


def test_name_is_object_name_and_dynamic_properties_can_be_read(bed):
    import qt

    label = qt.QLabel()
    label.name = "status"
    label.setProperty("SlicerParameterName", "threshold")
    assert label.objectName == "status" and label.SlicerParameterName == "threshold"
    assert label.className() == "QLabel"


def test_lists_come_back_as_tuples(bed):
    import qt
    import slicer

    table = qt.QTableWidget(1, 1)
    assert table.selectedItems() == () and isinstance(slicer.app.layoutManager().sliceViewNames(), tuple)
    combo = slicer.qMRMLNodeComboBox()
    combo.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    assert combo.nodeTypes == ("vtkMRMLScalarVolumeNode",)


def test_enums_are_ints_and_enum_properties_take_ints(bed):
    import qt

    assert qt.QProcess.CrashExit == 1 and isinstance(qt.Qt.UserRole, int)
    table = qt.QTableWidget()
    table.selectionMode = 1
    assert table.selectionMode == qt.QAbstractItemView.SingleSelection


def test_children_are_found_by_class_name(bed):
    import qt

    window = qt.QWidget()
    layout = qt.QVBoxLayout(window)
    layout.addWidget(qt.QLabel("a"))
    layout.addWidget(qt.QPushButton("b"))
    assert [w.text for w in window.findChildren("QLabel")] == ["a"]


def test_table_widget_items_sort_by_number(bed):
    import qt

    table = qt.QTableWidget(0, 1)
    table.rowCount = 3
    for row, value in enumerate((10.0, 9.0, 100.0)):
        item = qt.QTableWidgetItem()
        item.setData(qt.Qt.DisplayRole, value)
        item.setBackground(qt.QBrush(qt.QColor("red")))
        table.setItem(row, 0, item)
    table.sortItems(0)
    assert [table.item(r, 0).text() for r in range(3)] == ["9", "10", "100"]


@pytest.mark.parametrize("name", ["Signal", "Slot", "Property", "QTest", "QTextCodec", "QtWidgets"])
def test_what_slicer_lacks_is_refused(bed, name):
    import qt

    with pytest.raises(AttributeError, match=name):
        getattr(qt, name)


def test_an_unknown_ctk_or_module_name_is_refused(bed):
    import ctk
    import slicer

    with pytest.raises(AttributeError, match=r"no stand-in for ctk\.ctkThumbnailLabel"):
        _ = ctk.ctkThumbnailLabel
    with pytest.raises(AttributeError, match="has no 'dicom'"):
        _ = slicer.modules.dicom


def test_completer_finds_inside_names_and_the_index_stays_at_the_old_entry(bed):
    """Guide 17.3: searchable organ list."""
    import qt

    combo = qt.QComboBox()
    combo.addItems(["liver", "kidney left", "kidney right"])
    combo.editable = True
    combo.setInsertPolicy(qt.QComboBox.NoInsert)
    completer = qt.QCompleter(["liver", "kidney left", "kidney right"], combo)
    completer.setCaseSensitivity(qt.Qt.CaseInsensitive)
    completer.setFilterMode(qt.Qt.MatchContains)
    combo.setCompleter(completer)
    completer.setCompletionPrefix("left")
    assert completer.completionCount() == 1 and completer.currentCompletion() == "kidney left"
    combo.lineEdit().setText("nonsense")
    assert combo.currentIndex == 0 and combo.findText("nonsense") == -1


def test_shortcut_on_the_main_window_fires_and_can_be_disabled(bed):
    """Guide 17.3."""
    import qt
    import slicer

    fired = []
    shortcut = qt.QShortcut(qt.QKeySequence("]"), slicer.util.mainWindow())
    shortcut.connect("activated()", lambda: fired.append(1))
    bed.press(slicer.util.mainWindow(), qt.Qt.Key_BracketRight)
    shortcut.setEnabled(False)
    bed.press(slicer.util.mainWindow(), qt.Qt.Key_BracketRight)
    assert fired == [1]
    shortcut.delete()

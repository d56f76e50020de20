"""CTK stand-ins: guide 2.6, 16, 17.3."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false, reportMissingModuleSource=false


def test_slider_clamps_signals_once_and_keeps_its_parts_in_step(bed):
    import ctk

    slider = ctk.ctkSliderWidget()
    slider.minimum, slider.maximum, slider.singleStep, slider.decimals = 0.0, 1.0, 0.05, 2
    got = []
    slider.connect("valueChanged(double)", got.append)
    slider.value = 0.7
    slider.setValue(0.7)
    slider.value = 3
    assert got == [0.7, 1.0] and slider.spinBox().value == 1.0
    slider.spinBox().value = 0.25
    assert slider.value == 0.25 and got[-1] == 0.25
    slider.maximum = 0.1
    assert slider.value == 0.1


def test_collapsible_button_hides_its_contents_and_a_click_opens_it(bed):
    import ctk
    import qt

    window = qt.QWidget()
    outer = qt.QVBoxLayout(window)
    button = ctk.ctkCollapsibleButton()
    button.text = "Advanced"
    outer.addWidget(button)
    label, hidden = qt.QLabel("inside"), qt.QLabel("never shown")
    inner = qt.QVBoxLayout(button)
    inner.addWidget(label)
    inner.addWidget(hidden)
    hidden.visible = False
    window.show()
    bed.process_events()
    got = []
    button.connect("contentsCollapsed(bool)", got.append)
    button.collapsed = True
    assert label.visible is False and got == [True]
    button.click()
    assert (
        button.collapsed is False
        and label.visible is True
        and hidden.visible is False
        and got == [True, False]
    )
    window.close()


def test_path_line_edit_signals_and_remembers(bed, tmp_path):
    import ctk

    edit = ctk.ctkPathLineEdit()
    edit.settingKey = "SegAEWeights"
    edit.filters = ctk.ctkPathLineEdit.Files
    got = []
    edit.connect("currentPathChanged(QString)", got.append)
    edit.currentPath = str(tmp_path)
    edit.addCurrentPathToHistory()
    other = ctk.ctkPathLineEdit()
    other.settingKey = "SegAEWeights"
    other.retrieveHistory()
    assert got == [str(tmp_path)] and other.currentPath == str(tmp_path)


def test_path_line_edit_tells_an_emptied_text_only_as_invalid(bed):
    import ctk

    edit = ctk.ctkPathLineEdit()
    edit.nameFilters = ["*.json"]
    paths, valid = [], []
    edit.connect("currentPathChanged(QString)", paths.append)
    edit.connect("validInputChanged(bool)", valid.append)
    for text in ("/a/b", "/a/b.json", "/c.json", "", "/c.json"):
        edit.currentPath = text
    assert paths == ["/a/b.json", "/c.json", "/c.json"]
    assert valid == [True, False, True]


def test_checkable_combo_box_has_all_checked_as_a_call(bed):
    import ctk

    combo = ctk.ctkCheckableComboBox()
    combo.addItems(["a", "b"])
    assert combo.allChecked() is False and combo.noneChecked() is True
    for row in range(2):
        combo.setCheckState(combo.model().index(row, 0), 2)
    assert combo.allChecked() is True and len(combo.checkedIndexes()) == 2


def test_range_widget_keeps_its_ends_in_order(bed):
    import ctk

    widget = ctk.ctkRangeWidget()
    widget.minimum, widget.maximum = 0.0, 10.0
    got = []
    widget.connect("valuesChanged(double,double)", lambda low, high: got.append((low, high)))
    widget.setValues(8.0, 2.0)
    widget.minimumValue = 9.0
    assert got[0] == (2.0, 8.0) and (widget.minimumValue, widget.maximumValue) == (9.0, 9.0)


def test_directory_button_signals(bed):
    import ctk

    button, got = ctk.ctkDirectoryButton(), []
    button.connect("directoryChanged(QString)", got.append)
    button.directory = "/data"
    assert got == ["/data"]

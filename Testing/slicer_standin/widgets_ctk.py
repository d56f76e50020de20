# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""Stand-ins for the CTK widgets that scripted modules use most, with CTK's property and signal names."""

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from .observers import weak
from .pythonqt import native
from .widget_base import plain_property, qt_property, stand_in

HEADER = 24  # height of a collapsible header, pixels
BAR_COLOUR = QtGui.QColor(218, 222, 230)


@stand_in
class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """Header that shows or hides the widgets laid out inside it."""

    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, *arguments: Any) -> None:
        """``ctkCollapsibleButton(parent)`` or ``ctkCollapsibleButton(text, parent)``."""
        text = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        parent = arguments[-1] if arguments and isinstance(arguments[-1], QtWidgets.QWidget) else None
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setChecked(True)
        self.setContentsMargins(6, HEADER, 6, 4)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Preferred)
        self._hidden: list[QtWidgets.QWidget] = []
        self.toggled.connect(weak(self._show_contents))

    def _is_collapsed(self) -> bool:
        return not self.isChecked()

    def _collapse(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = qt_property(bool, _is_collapsed, _collapse)
    collapsedHeight = plain_property(int, "collapsedHeight", HEADER)
    flat = plain_property(bool, "flat", False)
    contentsLineWidth = plain_property(int, "contentsLineWidth", 1)

    def _show_contents(self, visible: bool) -> None:
        if visible:
            for child in self._hidden:
                child.setVisible(True)
            self._hidden = []
        else:
            children = [c for c in self.children() if isinstance(c, QtWidgets.QWidget)]
            self._hidden = [c for c in children if not c.isHidden()]
            for child in self._hidden:
                child.setVisible(False)
        self.setMaximumHeight(16777215 if visible else HEADER)
        self.updateGeometry()
        self.contentsCollapsed.emit(not visible)

    def hitButton(self, position: QtCore.QPoint) -> bool:
        """Only the header reacts to clicks."""
        return 0 <= position.y() < HEADER

    def sizeHint(self) -> QtCore.QSize:
        """Header alone, or header and contents."""
        layout = self.layout()
        inside = layout.sizeHint() if layout is not None and self.isChecked() else QtCore.QSize(0, HEADER)
        return inside.expandedTo(QtCore.QSize(120, HEADER))

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Arrow and text on a button-coloured bar."""
        painter = QtGui.QPainter()
        painter.begin(self)
        try:
            size = native(self, "size")()
            painter.fillRect(0, 0, size.width(), HEADER - 2, BAR_COLOUR)
            arrow = (
                "\N{BLACK DOWN-POINTING TRIANGLE}"
                if self.isChecked()
                else "\N{BLACK RIGHT-POINTING TRIANGLE}"
            )
            painter.drawText(8, 16, f"{arrow}  {self.property('text')}")
        finally:
            painter.end()


@stand_in
class ctkCollapsibleGroupBox(QtWidgets.QGroupBox):
    """Group box whose check box collapses it."""

    def _is_collapsed(self) -> bool:
        return getattr(self, "_collapsed", False)

    def _collapse(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        for child in self.children():
            if isinstance(child, QtWidgets.QWidget):
                child.setVisible(not collapsed)

    collapsed = qt_property(bool, _is_collapsed, _collapse)
    collapsedHeight = plain_property(int, "collapsedHeight", 14)


@stand_in
class ctkSliderWidget(QtWidgets.QWidget):
    """Slider and spin box with one float value; the value stays inside minimum..maximum."""

    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)
    STEPS = 1000

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider: Any = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self)
        self._spin: Any = QtWidgets.QDoubleSpinBox(self)
        self._slider.setRange(0, self.STEPS)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._spin)
        self._apply_range()
        self._spin.connect("valueChanged(double)", weak(self._take_from_spin_box))
        self._slider.connect("sliderMoved(int)", weak(self._take_from_slider))

    def _low(self) -> float:
        return getattr(self, "_minimum", 0.0)

    def _high(self) -> float:
        return getattr(self, "_maximum", 99.0)

    def _apply_range(self) -> None:
        high = max(self._high(), self._low())
        self._maximum = high
        self._spin.setRange(self._low(), high)
        self._set_value(self._get_value())

    def _get_value(self) -> float:
        return getattr(self, "_current", 0.0)

    def _set_value(self, value: float) -> None:
        value = min(max(float(value), self._low()), self._high())
        changed = value != self._get_value()
        self._current = value
        span = self._high() - self._low()
        self._spin.blockSignals(True)
        self._spin.setValue(value)
        self._spin.blockSignals(False)
        self._slider.setValue(round(self.STEPS * (value - self._low()) / span) if span > 0 else 0)
        if changed:
            self.valueChanged.emit(value)

    def _take_from_spin_box(self, value: float) -> None:
        self._set_value(value)

    def _take_from_slider(self, step: int) -> None:
        self._set_value(self._low() + step * (self._high() - self._low()) / self.STEPS)

    def _apply_steps(self) -> None:
        self._spin.setSingleStep(getattr(self, "_singleStep", 1.0))
        self._spin.setDecimals(getattr(self, "_decimals", 2))
        self._spin.setSuffix(getattr(self, "_suffix", ""))
        self._spin.setPrefix(getattr(self, "_prefix", ""))
        self._spin.setVisible(getattr(self, "_spinBoxVisible", True))

    minimum = plain_property(float, "minimum", 0.0, _apply_range)
    maximum = plain_property(float, "maximum", 99.0, _apply_range)
    value = qt_property(float, _get_value, _set_value)
    singleStep = plain_property(float, "singleStep", 1.0, _apply_steps)
    pageStep = plain_property(float, "pageStep", 10.0)
    decimals = plain_property(int, "decimals", 2, _apply_steps)
    prefix = plain_property(str, "prefix", "", _apply_steps)
    suffix = plain_property(str, "suffix", "", _apply_steps)
    tickInterval = plain_property(float, "tickInterval", 0.0)
    tracking = plain_property(bool, "tracking", True)
    spinBoxVisible = plain_property(bool, "spinBoxVisible", True, _apply_steps)

    def setRange(self, low: float, high: float) -> None:
        """Both bounds at once."""
        self.setProperty("minimum", low)
        self.setProperty("maximum", high)

    def reset(self) -> None:
        """Back to zero, or the nearest bound."""
        self._set_value(0.0)

    def spinBox(self) -> QtWidgets.QDoubleSpinBox:
        """The spin box shown beside the slider."""
        return self._spin

    def slider(self) -> QtWidgets.QSlider:
        """The slider."""
        return self._slider


@stand_in
class ctkRangeWidget(QtWidgets.QWidget):
    """Two values inside minimum..maximum, the first not above the second."""

    valuesChanged = QtCore.Signal(float, float)
    minimumValueChanged = QtCore.Signal(float)
    maximumValueChanged = QtCore.Signal(float)

    def setValues(self, low: float, high: float) -> None:
        """Set both ends of the range."""
        low, high = sorted((self._clamp(low), self._clamp(high)))
        old = (self._get_low(), self._get_high())
        self._low, self._high = low, high
        if old[0] != low:
            self.minimumValueChanged.emit(low)
        if old[1] != high:
            self.maximumValueChanged.emit(high)
        if old != (low, high):
            self.valuesChanged.emit(low, high)

    def _clamp(self, value: float) -> float:
        return min(max(float(value), getattr(self, "_minimum", 0.0)), getattr(self, "_maximum", 99.0))

    def _get_low(self) -> float:
        return getattr(self, "_low", 0.0)

    def _get_high(self) -> float:
        return getattr(self, "_high", 99.0)

    def _set_low(self, value: float) -> None:
        self.setValues(value, max(value, self._get_high()))

    def _set_high(self, value: float) -> None:
        self.setValues(min(value, self._get_low()), value)

    def _apply_range(self) -> None:
        self.setValues(self._get_low(), self._get_high())

    minimum = plain_property(float, "minimum", 0.0, _apply_range)
    maximum = plain_property(float, "maximum", 99.0, _apply_range)
    minimumValue = qt_property(float, _get_low, _set_low)
    maximumValue = qt_property(float, _get_high, _set_high)
    singleStep = plain_property(float, "singleStep", 1.0)
    decimals = plain_property(int, "decimals", 2)


@stand_in
class ctkDoubleSpinBox(QtWidgets.QDoubleSpinBox):
    """Spin box; here as Qt's."""


@stand_in
class ctkMenuButton(QtWidgets.QPushButton):
    """Push button with a menu arrow; here as Qt's."""


@stand_in
class ctkCheckBox(QtWidgets.QCheckBox):
    """Check box that can show an icon; here as Qt's."""


@stand_in
class ctkSearchBox(QtWidgets.QLineEdit):
    """Line edit with a magnifier and a clear button."""

    showSearchIcon = plain_property(bool, "showSearchIcon", False)


@stand_in
class ctkComboBox(QtWidgets.QComboBox):
    """Combo box that shows `defaultText` while nothing is chosen."""

    def _show_default(self) -> None:
        self.setPlaceholderText(getattr(self, "_defaultText", ""))

    defaultText = plain_property(str, "defaultText", "", _show_default)


@stand_in
class ctkFittedTextBrowser(QtWidgets.QTextBrowser):
    """Text browser as high as its text."""

    collapsed = plain_property(bool, "collapsed", True)
    collapsibleText = plain_property(str, "collapsibleText", "")
    showDetailsText = plain_property(str, "showDetailsText", "")
    hideDetailsText = plain_property(str, "hideDetailsText", "")


CLASSES = (
    ctkCollapsibleButton,
    ctkCollapsibleGroupBox,
    ctkSliderWidget,
    ctkRangeWidget,
    ctkDoubleSpinBox,
    ctkMenuButton,
    ctkCheckBox,
    ctkSearchBox,
    ctkComboBox,
    ctkFittedTextBrowser,
)

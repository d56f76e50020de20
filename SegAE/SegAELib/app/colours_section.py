"""How the quality colours look, and what they mean."""

from __future__ import annotations

from collections.abc import Callable

from segae.draw.palette import Palette
from SegAELib.app.binding import Ui, _
from SegAELib.app.colours import Colours
from SegAELib.app.words import bin_word


class ColoursSection:
    """`on_palette` is called with the palette that the user chose."""

    def __init__(self, ui: Ui, on_palette: Callable[[Palette], None]) -> None:
        self._ui, self._on_palette = ui, on_palette
        ui.paletteCombo.addItem(_("red to green"), "traffic")
        ui.paletteCombo.addItem(_("for colour-blind eyes"), "safe")
        ui.paletteCombo.connect("currentIndexChanged(int)", self._chosen)

    def show(self, colours: Colours) -> None:
        """The palette in use, and the legend."""
        combo = self._ui.paletteCombo
        was = combo.blockSignals(True)
        combo.setCurrentIndex(combo.findData(colours.style.palette))
        combo.blockSignals(was)
        fields = []
        for entry in colours.legend:
            colour = "#" + "".join(f"{round(255 * value):02x}" for value in entry.colour)
            text = f"{bin_word(entry.key)} {entry.low:.2f}-{entry.high:.2f}"
            fields.append(f'<span style="color:{colour}; font-size:large">\u25a0</span>&nbsp;{text}')
        self._ui.legendLabel.text = "&nbsp;&nbsp; ".join(fields)

    def _chosen(self, index: int) -> None:
        if index >= 0:
            self._on_palette(self._ui.paletteCombo.itemData(index))

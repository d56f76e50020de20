"""The panel is a host: its sections share one protocol, and it needs to know no more of them."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import ast
from pathlib import Path

import pytest

MODULE = Path(__file__).resolve().parents[2] / "SegAE" / "SegAE.py"


class Recorder:
    """A section that notes what it is asked for, and changes something once while it is refreshed."""

    def __init__(self, calls):
        self.calls = calls

    def attach(self, context):
        self.context = context
        self.calls.append("attach")

    def refresh(self):
        self.calls.append("refresh")
        if len(self.calls) == 2:
            self.context.changed()

    def detach(self):
        self.calls.append("detach")


@pytest.fixture
def calls(bed, monkeypatch):
    """What a section of one's own is asked for, from the start of the panel to its end."""
    from SegAELib.app import panel

    made = []
    monkeypatch.setitem(panel.SECTIONS, "recorder", lambda: Recorder(made))
    return made


def test_another_section_needs_a_line_in_the_list_of_sections(calls, bed):
    widget = bed.load_module(MODULE)
    assert calls[:2] == ["attach", "refresh"]
    assert calls[2] == "refresh", "what a section changes while it is refreshed is shown too"
    before = len(calls)
    widget.panel.context.changed()
    assert calls[before:] == ["refresh"]
    assert widget.panel.recorder.calls is calls
    bed.unload_module("SegAE")
    assert calls[-1] == "detach" and calls.count("attach") == calls.count("detach") == 1


def test_the_host_calls_nothing_of_a_section_but_the_protocol():
    from SegAELib.app import panel

    tree = ast.parse(Path(panel.__file__).read_text(encoding="utf-8"))
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "section"
    }
    assert called == {"attach", "refresh", "detach"}


def test_a_refresh_without_a_change_fills_no_cell(ranked, monkeypatch):
    from SegAELib.app.table_widgets import RowTable

    filled = []
    monkeypatch.setattr(RowTable, "_fill", lambda _table, *row: filled.append(row))
    ranked.refresh()
    assert filled == []
    ranked.parameters.palette = "safe"
    assert filled, "bars have other colours now"


def test_the_users_choice_of_another_ct_stays(loaded, bed, ct, sample_dir):
    import slicer

    other = slicer.util.loadVolume(str(sample_dir / "ct.nii.gz"))
    loaded.parameters.volume = other
    bed.process_events()
    assert loaded.parameters.volume is other and other is not ct
    assert loaded.session.volume is other

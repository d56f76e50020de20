"""The button below the worklist: a model that learned from what was decided."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import pytest
from site_reviews import MODEL, reviewed
from worklist_steps import open_folder, score_data_set, start

from segae.models.checkpoint import read_spec
from segae.results.reviews import ReviewLog


@pytest.fixture(scope="module")
def scored(tmp_path_factory, sample_dir, dense):
    out = tmp_path_factory.mktemp("results")
    score_data_set(tmp_path_factory.mktemp("data"), out, sample_dir, dense)
    return out


@pytest.fixture
def opened(widget, bed, scored):
    """The panel of a reviewer with a folder of results, and the model that ships."""
    panel = start(widget, MODEL)
    open_folder(panel, scored, bed)
    return panel


def press(panel, bed, monkeypatch, path):
    import qt

    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_a: str(path))
    panel.ui.recalibrateButton.pressed.emit()
    panel.ui.recalibrateButton.click()
    bed.wait_until(lambda: not panel.recalibrate.busy, 120)
    bed.process_events()


def test_a_model_is_written_and_the_panel_says_what_it_learned(opened, bed, scored, monkeypatch, tmp_path):
    for review in reviewed():
        ReviewLog(scored, "Ann").append(review)
    press(opened, bed, monkeypatch, tmp_path / "ours")
    assert opened.messages.text.startswith("Learned from 96 masks of 12 cases (")
    assert f"The model is in {tmp_path / 'ours.safetensors'}: choose it under Model" in opened.messages.text
    assert read_spec(tmp_path / "ours.safetensors").name == "ours"
    assert opened.parameters.model == str(MODEL), "scores in the list are of the model that was reviewed"
    assert opened.ui.recalibrateButton.enabled and opened.ui.recalibrateButton.text == "Recalibrate..."
    (scored / "reviews" / "Ann.jsonl").unlink()


def test_too_few_decisions_are_told_where_the_button_is_and_nothing_is_written(
    opened, bed, monkeypatch, tmp_path, scored
):
    ReviewLog(scored, "Bo").append(reviewed()[0])
    press(opened, bed, monkeypatch, tmp_path / "ours.safetensors")
    assert "a recalibration needs 5 patients and 40 masks" in opened.messages.text
    assert list(tmp_path.iterdir()) == []
    (scored / "reviews" / "Bo.jsonl").unlink()


def test_a_folder_that_nobody_reviewed_is_told(opened, bed, monkeypatch, tmp_path):
    press(opened, bed, monkeypatch, tmp_path / "ours.safetensors")
    assert "holds no reviews" in opened.messages.text


def test_a_closed_dialog_changes_nothing(opened, bed, monkeypatch):
    press(opened, bed, monkeypatch, "")
    assert opened.messages.text == ""

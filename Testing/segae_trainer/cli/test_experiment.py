from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Train = Callable[..., Any]  # gives the Outcome of conftest.py
TINY = (
    "--labelled", 1, "--tested", 1, "--rounds", 1, "--budget", 1, "--seed", 1, "--steps", 2, "--batch", 1,
    "--strategy", "random", "--device", "cpu",
)  # fmt: skip


def test_an_experiment_says_where_its_page_is_and_goes_on_when_it_is_given_again(
    segae_train: Train, cases: Path, tmp_path: Path
):
    out = tmp_path / "out"
    done = segae_train("experiment", "active-learning", cases, "--out", out, *TINY)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == f"Written: {out / 'experiments.html'}"
    head, *rows = (out / "active-learning.csv").read_text().splitlines()
    assert head.split(",")[:5] == ["patient", "scan", "structure", "dice", "nsd"]
    assert len(rows) == 2 * 3  # start and a round, three structures
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*.pt")}
    assert segae_train("experiment", "active-learning", cases, "--out", out, *TINY).out == done.out
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.pt")} == written
    refused = segae_train("experiment", "active-learning", cases, "--out", out, *TINY, "--steps", 3)
    assert "was begun with segmenter.steps = 2, and now it is 3" in refused.refusal()


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("active-learning", ("--labelled", 2, "--tested", 1), "No unlabelled patient is left to choose"),
        ("active-learning", ("--labelled", 3, "--tested", 1), "3 labelled and 1 test patients"),
        ("active-learning", ("--labelled", 1, "--tested", 1), "3 rounds of 5 are 15 patients, and 1 are"),
        ("active-learning", ("--structure", "aorta"), 'No scan has a mask of "aorta"'),
        ("active-learning", ("--strategy", "luck"), 'There is no strategy "luck"'),
        ("semi-supervised", ("--labelled", 2, "--tested", 1), "No unlabelled patient is left"),
        ("semi-supervised", ("--share", 0), "must lie between 0 and 1"),
        ("cost", ("--labelled", 1, "--tested", 1), "Masks of 5 unlabelled patients are to be judged"),
        ("cost", ("--scorer", "nothing.safetensors"), 'There is no model "nothing.safetensors"'),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(
    segae_train: Train, cases: Path, tmp_path: Path, command: str, options: tuple, said: str
):
    out = tmp_path / "out"
    refused = segae_train("experiment", command, cases, "--out", out, *options)
    assert said in refused.refusal()

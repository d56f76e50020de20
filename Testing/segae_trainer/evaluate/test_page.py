"""The page and the files beside it."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from segae.errors import InputError
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.evaluation import evaluate
from segae_trainer.evaluate.metrics import METRICS
from segae_trainer.evaluate.page.pictures import MASK_COLOUR, TRUTH_COLOUR, drawn, worst_misses
from segae_trainer.evaluate.page.write import Heading, SuiteResult, interval, number, page
from segae_trainer.evaluate.run import Evaluated, EvaluationOptions, evaluate_models
from segae_trainer.evaluate.suites import SUITES, build_suite

OPTIONS = EvaluationOptions(
    ("network", "synthetic"), baselines=("mask features",), resamples=10, device="cpu"
)


class _Cells(HTMLParser):
    """The numbers of the tables of metrics: (suite, level, metric, method) -> value and interval."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: dict[tuple[str, ...], dict[str, str]] = {}
        self._cell: dict[str, str] = {}
        self._part = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if "data-metric" in found:
            key = tuple(found[f"data-{name}"] for name in ("suite", "level", "metric", "method"))
            self._cell = self.cells.setdefault(key, {})
        self._part = found.get("class", "") if tag == "span" else ""

    def handle_data(self, data: str) -> None:
        if self._part in ("value", "interval") and data.strip():
            self._cell[self._part] = data.strip()

    def handle_endtag(self, tag: str) -> None:
        self._part = ""
        if tag == "td":
            self._cell = {}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out") / "evaluation"


@pytest.fixture(scope="module")
def found(training_set: TrainingSet, model: Path, out: Path) -> Evaluated:
    return evaluate_models(training_set, [model], out, OPTIONS)


@pytest.fixture(scope="module")
def text(found: Evaluated) -> str:
    return found.files[0].read_text(encoding="utf-8")


def test_every_number_of_the_tables_is_that_of_the_csv(found: Evaluated, text: str, out: Path) -> None:
    cells = _Cells()
    cells.feed(text)
    table = pd.read_csv(out / "metrics.csv")
    assert len(cells.cells) == len(table) == len(METRICS) * 2 * 3  # methods; two levels, and slices only
    for row in table.to_dict("records"):
        cell = cells.cells[tuple(row[name] for name in ("suite", "level", "metric", "method"))]
        assert cell["value"] == number(row["value"], signed=row["metric"] == "bias")
        assert cell.get("interval", "") == interval(row["low"], row["high"])
    assert table["low"].notna().any()


def test_the_csv_files_agree_with_each_other(found: Evaluated, out: Path) -> None:
    rows = pd.read_csv(out / "predictions.csv").query("suite == 'network' and method == 'tiny'")
    scored = rows.dropna(subset=["predicted"])
    metrics = pd.read_csv(out / "metrics.csv").query("suite == 'network' and method == 'tiny'")
    mae = metrics.query("level == 'slice' and metric == 'mae'").iloc[0]
    assert mae["value"] == pytest.approx((scored["predicted"] - scored["dice"]).abs().mean())
    cases = pd.read_csv(out / "per_case.csv").query(
        "suite == 'network' and method == 'tiny' and level == 'slice' and metric == 'mae'"
    )
    assert cases["n"].sum() == mae["n"] == len(scored) == len(rows) - 1
    assert (cases["value"] * cases["n"]).sum() / mae["n"] == pytest.approx(mae["value"])
    names = {path.name for path in found.files}
    assert {"per_structure.csv", "per_size.csv", "per_source.csv", "calibration.csv"} <= names
    assert {"differences.csv", "agreement.csv", "organs.csv", "evaluation.html"} <= names


def test_the_page_needs_no_network(text: str) -> None:
    outside = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)  # plotly.js, which is inside
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", outside)
    assert "https://" not in outside and "@import" not in outside
    assert len(text) > 1_000_000 and "Plotly.newPlot" in text


def test_every_figure_can_be_read_and_shows_every_method(text: str) -> None:
    figures = [json.loads(part) for part in re.findall(r'application/json">(.*?)</script>', text, re.DOTALL)]
    assert len(figures) == 4 * 3
    titles = [note["text"] for figure in figures for note in figure["layout"].get("annotations", [])]
    assert sum("tiny" in title and "LCC" in title for title in titles) == 3
    assert sum("mask features" in title and "LCC" in title for title in titles) == 3


def test_worst_misses_have_pictures(text: str) -> None:
    sources = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    assert sources and "tiny: predicted too" in text and "mask features: predicted too" not in text
    picture = Image.open(io.BytesIO(base64.b64decode(sources[0])))
    assert picture.size == (280, 280)


def test_two_patients_are_said_to_be_few_and_missing_predictions_too(text: str) -> None:
    assert "The intervals rest on 2 patients only" in text
    assert re.search(r"1 of \d+ masks have no prediction", text)


def test_a_picture_shows_mask_and_truth_where_they_lie(training_set: TrainingSet) -> None:
    mask = build_suite(SUITES["network"], training_set, "test")[0]
    image = drawn(mask)
    columns = {
        name: np.argwhere((image == hue).all(axis=2))[:, 1].mean()
        for name, hue in (("mask", MASK_COLOUR), ("truth", TRUTH_COLOUR))
    }
    assert columns["mask"] > columns["truth"]  # moved to the patient's left, which is right in the picture


def test_the_worst_misses_are_one_per_organ_and_case(predictions: Callable[..., pd.DataFrame]) -> None:
    found = evaluate(predictions(), resamples=0)
    misses = worst_misses(found, lambda row: f"picture {row}", flattered=True, each=5)
    errors = [miss.predicted - miss.dice for miss in misses]
    assert errors == sorted(errors, reverse=True) and errors[0] == pytest.approx(
        (found.tables["slice"]["predicted"] - found.tables["slice"]["dice"]).max()
    )
    assert len({(miss.case, miss.structure) for miss in misses}) == len(misses)
    assert misses[0].picture == f"picture {misses[0].row}"


def test_a_table_alone_gives_a_page_and_names_are_escaped(predictions: Callable[..., pd.DataFrame]) -> None:
    table = predictions(patients=1).assign(source="<script>alert(1)</script>")
    result = SuiteResult("Mine", "A table.", (evaluate(table, method="a < b", resamples=5),))
    text = page([result], Heading("Title & more", (("Data", "<b>"),)))
    assert "<script>alert" not in text and "a &lt; b" in text and "Title &amp; more" in text
    assert "one patient, so no interval can be given" in text and "<img" not in text


def test_constant_predictions_are_shown_as_not_defined(predictions: Callable[..., pd.DataFrame]) -> None:
    result = SuiteResult("Mine", "", (evaluate(predictions().assign(predicted=0.5), resamples=0),))
    cells = _Cells()
    cells.feed(page([result], Heading("t")))
    assert cells.cells["predictions", "slice", "lcc", "model"] == {"value": "not defined"}


def test_two_models_of_one_name_can_be_told_apart(
    training_set: TrainingSet, model: Path, tmp_path: Path
) -> None:
    options = EvaluationOptions(("network published",), baselines=(), resamples=0, device="cpu", most=6)
    found = evaluate_models(training_set, [model, model], tmp_path, options)
    assert [evaluation.method for evaluation in found.evaluations] == ["tiny", "tiny (2)"]


@pytest.mark.parametrize(
    ("options", "models", "sentence"),
    [
        (EvaluationOptions(), ["nothing"], 'There is no model "nothing"'),
        (EvaluationOptions(), [], "No model is given"),
        (EvaluationOptions(split="val"), ["bundled"], 'no masks in the split "val"'),
        (EvaluationOptions(suites=("other",)), ["bundled"], 'no suite "other"'),
    ],
)
def test_what_cannot_be_evaluated_is_said_and_nothing_is_written(
    training_set: TrainingSet, tmp_path: Path, options: EvaluationOptions, models: list[str], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        evaluate_models(training_set, models, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()
